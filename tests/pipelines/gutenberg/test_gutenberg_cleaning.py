"""The cleaner: each rule on text written for it, what must stay, the guard, the command."""

import random

import pytest

from pipelines.gutenberg.cleaning import clean

BOOK = """\
THE LAMP

by Ada Quill


CHAPTER I.

The lamp stood on the sill, and nobody knew who had lit it.

    A little light,
      a little night,
    and then the day.

***

\N{LEFT DOUBLE QUOTATION MARK}Ça suffit,\N{RIGHT DOUBLE QUOTATION MARK} said Żaneta.


THE END
"""
HEADER = """\
The Project Gutenberg eBook of The Lamp, by Ada Quill

This eBook is for the use of anyone anywhere at no cost.

Title: The Lamp

Author: Ada Quill

Release Date: May 1, 2004 [EBook #99999]

Language: English

Character set encoding: UTF-8

"""
START = "*** START OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***\n"
END = "*** END OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***\n"
LICENCE = (
    """
***** This file should be named 99999-0.txt or 99999-0.zip *****

*** START: FULL LICENSE ***

THE FULL PROJECT GUTENBERG LICENSE
"""
    + "Section 1.  Terms of use of Project Gutenberg-tm electronic works.\n" * 200
    + "*** END: FULL LICENSE ***\n"
)
SMALL_PRINT = (
    """\
***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
Why is this "Small Print!" statement here?  You know: lawyers.
"""
    + "You may distribute this etext if you keep to the rules of Project Gutenberg.\n" * 100
)
OLD_HEADER = """\
**The Project Gutenberg Etext of The Lamp, by Ada Quill**
#1 in our series by Ada Quill

Copyright laws are changing all over the world, be sure to check them.

Title: The Lamp

May, 1995  [Etext #99999]

***** This file should be named lamp10.txt or lamp10.zip *****

"""


def wrapped(body: str) -> str:
    """Returns `body` as Project Gutenberg would send it today."""
    closing = "End of Project Gutenberg's The Lamp, by Ada Quill"
    return f"{HEADER}{START}\n\n\n{body}\n\n\n{closing}\n\n{END}{LICENCE}"


@pytest.mark.parametrize(
    "start",
    [
        "*** START OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***",
        "*** START OF THE PROJECT GUTENBERG EBOOK THE LAMP ***",
        "***START OF THE PROJECT GUTENBERG EBOOK THE LAMP***",
        "*** START OF THE PROJECT GUTENBERG EBOOK THE LAMP, OR, AN\nACCOUNT OF A LIGHT THAT\nNOBODY LIT ***",
        "*** Start of the Project Gutenberg EBook THE LAMP ***",
        "*** START OF THE COPYRIGHTED PROJECT GUTENBERG EBOOK THE LAMP ***",
    ],
)
def test_book_starts_after_the_start_marker(start):
    cleaned = clean(f"{HEADER}{start}\n\n\n{BOOK}")
    assert (cleaned.text, cleaned.rules) == (BOOK, ("start_marker",))


@pytest.mark.parametrize(
    "end",
    [
        "*** END OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***",
        "*** END OF THE PROJECT GUTENBERG EBOOK THE LAMP ***",
        "***END OF THE PROJECT GUTENBERG EBOOK THE LAMP***",
        "*** END OF THE PROJECT GUTENBERG EBOOK THE LAMP, OR, AN\nACCOUNT OF A LIGHT ***",
        "End of the Project Gutenberg EBook of The Lamp, by Ada Quill",
        "End of Project Gutenberg's The Lamp, by Ada Quill",
        "End of Project Gutenberg\N{RIGHT SINGLE QUOTATION MARK}s The Lamp, by\nAda Quill",
        "End of Project Gutenberg's Etext of The Lamp, by Ada Quill",
        "End of The Project Gutenberg Etext of The Lamp, by Ada Quill",
        "End of this Etext of The Lamp",
        'Ende dieses Projekt Gutenberg Etextes "Die Lampe"\n\nEnd of Project Gutenberg Etext "Die Lampe"',
        "*** START: FULL LICENSE ***",
    ],
)
@pytest.mark.parametrize("licence", ["", LICENCE], ids=["bare", "licence"])
def test_book_ends_before_the_end_marker_or_closing_line(end, licence):
    assert clean(f"{HEADER}{START}{BOOK}\n\n\n{end}\n{licence}").text == BOOK


@pytest.mark.parametrize(
    "last_line",
    [
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
        "*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*",
        '["Small Print" V.12.08.93]',
        "*SMALL PRINT! Ver.04.29.93 FOR COPYRIGHT PROTECTED ETEXTS*END*",
        "*SMALL PRINT! Ver.06.28.92* The Lamp*END*",
        "ENDTHE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTSVer.03.08.92END",
    ],
)
def test_small_print_in_front_of_the_book(last_line):
    cleaned = clean(f"{OLD_HEADER}{SMALL_PRINT}{last_line}\n\n\n{BOOK}\n\nEnd of this Etext of The Lamp\n")
    assert cleaned.text == BOOK
    assert cleaned.rules == ("small_print", "closing_line")


def test_small_print_behind_the_book():
    last = "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*"
    end = "End of The Project Gutenberg Etext of The Lamp"
    text = f"{OLD_HEADER}\n{BOOK}\n\n{end}\n\n{SMALL_PRINT}{last}\nBye.\n"
    assert clean(text).text == BOOK
    without_closing_line = f"{HEADER}{START}{BOOK}\n\n\n{SMALL_PRINT}{last}\n"
    assert clean(without_closing_line).text == BOOK


def test_header_with_no_line_between_it_and_the_book():
    assert clean(f"{OLD_HEADER}\n\n{BOOK}").text == BOOK


def test_a_release_of_the_early_years():
    first = "This is the May 1992 Project Gutenberg release of:\n\nThe Lamp by Ada Quill\n\nThis etext is the second."
    assert clean(f"{first}\n\n\n{BOOK}").text == BOOK


def test_a_book_on_one_line_keeps_its_words_and_loses_the_licence():
    words = " ".join((BOOK * 100).split())
    one_line = f"{HEADER} {START} {words} {END} {LICENCE}".replace("\n", " ")
    assert clean(one_line).text == f"{words}\n"
    short = f"He read: *** START OF THE PROJECT GUTENBERG EBOOK X *** and laughed. {words[:9000]}\n"
    assert clean(short).text == short


def test_lines_that_only_look_like_markers_stay():
    odd = BOOK.replace("***", "*** START: FULL OF HOPE ***\n\n***** She should be named Ann *****\n\n***")
    assert clean(wrapped(odd)).text == odd


def test_licence_between_the_plays():
    licence = "<<THIS ELECTRONIC VERSION OF THE WORKS IS COPYRIGHT AND IS\nPROVIDED BY PROJECT GUTENBERG ETEXT.>>"
    acts = ["ACT I\n\n" + "A word.\n" * 300, "ACT II\n\n" + "A deed.\n" * 300]
    assert clean(wrapped(f"\n\n{licence}\n\n".join(acts))).text == "\n\n".join(acts)


def test_note_on_copyright_below_the_book():
    note = "This Project Gutenberg eBook was\n\nonce marked.\n\n* END CONTENT NOTE *\n"
    assert clean(wrapped(f"{BOOK}\n\n\n* CONTENT NOTE (added in 2017) *\n\n{note}")).text == BOOK


PROGRAM = 'START = "*** START OF THIS PROJECT GUTENBERG EBOOK"\n\n\ndef lamp():\n\treturn [i for i in START]\n'
LETTER = """\
Dear Ann,

I read a Project Gutenberg eBook, "The Lamp", in bed. It was produced by good people.

Another eBook lies open.

Produced by hand, as all my letters are,
Bo
"""


ARTICLE = "Project Gutenberg eBooks are free.\n\nSo are the birds.\n"
ALBUM = "[Picture: me at the sea]\n\nWe left at six.\n\n[Illustration: a map]\n\nProduced by my uncle.\n\n" * 9


@pytest.mark.parametrize(
    "text", [BOOK, PROGRAM, LETTER, ALBUM, ARTICLE, "", "\n\n x\n\n\n", "no newline", "*** bare ***\n"]
)
def test_text_from_elsewhere_is_left_alone(text):
    cleaned = clean(text)
    assert (cleaned.text, cleaned.rules, cleaned.dropped, cleaned.kept) == (text, (), 0, len(text))


def test_newlines_and_accents():
    assert clean("a\r\nb\rc\n").text == "a\nb\nc\n"
    assert clean("a\r\r\nb\r\r\n").text == "a\nb\n"
    cleaned = clean("cafe\N{COMBINING ACUTE ACCENT}\r\n")
    assert (cleaned.text, cleaned.rules, cleaned.dropped) == (
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}\n",
        ("newlines", "nfc"),
        0,
    )


def test_windows_newlines_change_nothing_else():
    text = wrapped(f"Produced by Ann Other\n\n\n[Illustration]\n\n{BOOK}")
    assert clean(text.replace("\n", "\r\n")).text == clean(text).text == BOOK


def test_counts_add_up_and_cleaning_twice_changes_nothing():
    text = wrapped(f"[Illustration]\n\n{BOOK}")
    cleaned = clean(text)
    assert cleaned.kept == len(BOOK)
    assert cleaned.kept + cleaned.dropped == len(text)
    assert cleaned.rules == ("start_marker", "end_marker", "illustrations")
    assert clean(cleaned.text).text == cleaned.text


def test_books_joined_in_one_file_are_cleaned_one_by_one():
    texts = [f"CHAPTER {number}\n\nText.\n" for number in range(3)]
    assert clean("".join(map(wrapped, texts))).text == "\n\n".join(texts)


LONG_BOOK = BOOK + "".join(f"\nParagraph {number} of a long, long book.\n" for number in range(10_000))


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        (f"{HEADER}{START}{END}{LICENCE}", "guard:end_marker"),
        (f"{HEADER}{START}{BOOK}{END}{LONG_BOOK}", "guard:end_marker"),
        (f"{HEADER}{LONG_BOOK}{START}{LONG_BOOK}", "guard:start_marker"),
        (f"{HEADER}{START}[Transcriber's Note: {LONG_BOOK[:50_000]}]\n{BOOK}", "guard:notes"),
    ],
    ids=["no book", "end marker in front", "start marker behind", "a book in brackets"],
)
def test_guard_keeps_what_a_rule_would_wrongly_remove(text, guarded):
    cleaned = clean(text)
    assert guarded in cleaned.rules
    assert cleaned.kept > 0.9 * len(text) - len(LICENCE)


def test_no_order_of_markers_empties_a_book():
    """Headers, ends, notes in random order: something is left, in a time that doesn't explode."""
    pieces = [
        HEADER,
        START,
        END,
        LICENCE,
        SMALL_PRINT,
        OLD_HEADER,
        BOOK,
        "[Illustration: x\n",
        "TRANSCRIBER'S NOTE\n\n",
    ]
    generator = random.Random(5)
    for _ in range(200):
        text = "\n\n".join(generator.choices(pieces, k=generator.randint(1, 8)))
        cleaned = clean(text)
        assert cleaned.text.strip()
        assert cleaned.kept <= len(text) + 1


def test_old_and_new_books_joined_in_one_file_are_all_kept():
    print_ends = "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*"
    closing = "End of The Project Gutenberg Etext of The Lamp"
    old = f"{OLD_HEADER}{SMALL_PRINT}{print_ends}\n\n\n{BOOK * 20}\n\n{closing}\n\n\n"
    assert clean(old + wrapped(BOOK)).text.count("nobody knew who had lit it") == 21
    assert clean(wrapped(BOOK) + "\n\n" + old).text.count("nobody knew who had lit it") == 21
    assert "utenberg" not in clean(old + wrapped(BOOK)).text
    unclosed = f"{OLD_HEADER}{SMALL_PRINT}{print_ends}\n\n\n{BOOK * 60}"
    assert clean(unclosed + wrapped(BOOK)).text.count("nobody knew who had lit it") == 61


@pytest.mark.parametrize("end", ["\x1a", "\n\x1a\n", "\n\u3000\u3000\n\u3000\n"])
def test_ends_of_files_of_old_systems_are_removed(end):
    assert clean(wrapped(BOOK.rstrip() + "\n" + end)).text == BOOK


def test_a_book_of_gutenberg_australia_is_cleaned():
    header = """\
A Project Gutenberg of Australia eBook

Title: The Lamp
Author: Ada Quill
Language:   English

Project Gutenberg of Australia eBooks are created from printed editions
which are in the public domain in Australia.

To contact Project Gutenberg of Australia go to http://gutenberg.net.au


"""
    body = "\n\n".join([BOOK.removesuffix("THE END\n").strip()] * 9) + "\n"
    assert clean(f"{header}{body}\n\nTHE END\n\n\nProject Gutenberg Australia\n").text == body
