"""Each phrase of the cleaner finds its examples, and its table leaves what only looks like them."""

import re

import pytest
from test_gutenberg_cleaning import BOOK, wrapped

from pipelines.gutenberg.cleaning import clean, phrases

TABLES = {name: table for name, table in vars(phrases).items() if name.isupper() and isinstance(table, tuple)}
PHRASES = [(name, phrase) for name, table in TABLES.items() for phrase in table]


def test_every_table_is_tried():
    assert len(TABLES) == 16
    assert all(isinstance(phrase, phrases.Phrase) for _, phrase in PHRASES)


@pytest.mark.parametrize(("table", "phrase"), PHRASES, ids=lambda value: getattr(value, "found", [value])[0][:30])
def test_a_phrase_finds_its_examples_and_its_table_leaves_the_others(table, phrase):
    assert phrase.found
    for text in phrase.found:
        assert re.search(phrase.pattern, text, re.IGNORECASE | re.MULTILINE), text
    for text in phrase.left:
        assert not phrases.compiled(TABLES[table]).search(text), text


@pytest.mark.parametrize("title", [title for phrase in phrases.NOTE_TITLES for title in phrase.found])
def test_a_note_with_a_title_is_removed_above_and_below_the_book(title):
    long_book = BOOK.replace("THE END", "And so it went on.\n" * 2_000 + "\nTHE END")
    note = f"{title.removesuffix(':')}:\n\n  Page 3: lamb.\n"
    assert clean(wrapped(f"{note}\n\n\n{long_book}")).text == long_book
    assert clean(wrapped(f"{long_book}\n\n\n{note}")).text == long_book
    assert clean(wrapped(f"[{title} Page 3: lamb.]\n\n\n{long_book}")).text == long_book


@pytest.mark.parametrize("title", [title for phrase in phrases.NOTE_TITLES for title in phrase.left])
def test_a_note_of_the_author_stays(title):
    book = f"{title}\n\n  The lamp was a lamb.\n\n\n{BOOK}\n\n{title}\n\n  The lamb was a lamp.\n"
    assert clean(wrapped(book)).text == book


@pytest.mark.parametrize("caption", [caption for phrase in phrases.PICTURES for caption in phrase.found])
def test_a_picture_is_removed_from_a_book_of_gutenberg_alone(caption):
    picture = f"[{caption.removesuffix(']')}]"
    assert clean(wrapped(f"One.\n\n{picture}\n\nTwo.\n")).text == "One.\n\nTwo.\n"
    assert clean(f"One.\n\n{picture}\n\nTwo.\n").text == f"One.\n\n{picture}\n\nTwo.\n"


@pytest.mark.parametrize("credit", [credit for phrase in phrases.CREDITS for credit in phrase.found])
def test_a_credit_is_removed_above_the_book(credit):
    assert clean(wrapped(f"{credit}\n\n\n\n{BOOK}")).text == BOOK
