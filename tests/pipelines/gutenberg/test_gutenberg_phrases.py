"""Each phrase and sign of the cleaner finds its examples; wordings that it hasn't seen are judged by their signs."""

import re

import pytest
from test_gutenberg_cleaning import BOOK, wrapped

from pipelines.gutenberg.cleaning import clean, judging, phrases, signs

TABLES = {name: table for name, table in vars(phrases).items() if name.isupper() and isinstance(table, tuple)}
PHRASES = [(name, phrase) for name, table in TABLES.items() for phrase in table]
SIGNS = {**signs.WORDS, **signs.OPENINGS, "corrections": signs.CORRECTION}


def test_every_table_is_tried():
    assert len(TABLES) == 6
    assert all(isinstance(phrase, phrases.Phrase) for _, phrase in PHRASES)
    assert all(isinstance(sign, phrases.Phrase) for sign in SIGNS.values())


@pytest.mark.parametrize(("table", "phrase"), PHRASES, ids=lambda value: getattr(value, "found", [value])[0][:30])
def test_a_phrase_finds_its_examples_and_its_table_leaves_the_others(table, phrase):
    assert phrase.found
    for text in phrase.found:
        assert re.search(phrase.pattern, text, re.IGNORECASE | re.MULTILINE), text
    for text in phrase.left:
        assert not phrases.compiled(TABLES[table]).search(text), text


@pytest.mark.parametrize("name", SIGNS)
def test_a_paragraph_has_the_signs_of_its_examples_and_not_of_the_others(name):
    for text in SIGNS[name].found:
        assert name in judging.read(f"{text}\n{text}" if name == "corrections" else text), text
    for text in SIGNS[name].left:
        assert name not in judging.read(text), text


TITLES = """
Transcriber's Note|TRANSCRIBER’S NOTES|Transcription notes|Etext transcriber's note|PREPARER'S NOTE|Redactor's note
E-text editor's notes|NOTES BY THE E-TEXT EDITOR|Errors and Anomalies noted by transcriber
Comments on the preparation of the e-text|Preface to the Project Gutenberg Etext|Note on this eBook
Note from the original file|Typographical errors corrected in text:|Anmerkungen zur Transkription
Hinweise zur Transkription|Anmerkung des Bearbeiters|Note du transcripteur|Notes de transcription
Note au lecteur de ce fichier numérique|Nota del Transcriptor|NOTA DE TRANSCRIPCIÓN|Notas da transcrição
Nota do transcritor|Nota del Trascrittore|Note di trascrizione|NOTE DEL TRASCRITTORE|Opmerkingen van de bewerker
Aantekeningen van de transcribent|Transkriberarens anmärkning|Anmärkningar om transkriberingen
Transskriberens bemærkninger|Note fra transskriptionen|Uwagi do wersji elektronicznej|Notatki transkrybenta
Notoj de la transskribinto|Talâ ng Tagapagsalin
"""
AUTHORS_TITLES = """
EDITOR'S NOTE|Notes by the editor|Anmerkungen zur zweiten Auflage|Anmerkungen des Verfassers|Notes de l'auteur
Note au lecteur|Nota del traductor|Nota do autor|Note dell'autore|Opmerkingen van den schrijver
Anmärkningar till första delen|Uwagi do wydania drugiego
"""


@pytest.mark.parametrize("title", TITLES.strip().replace("\n", "|").split("|"))
def test_a_note_with_a_title_is_removed_above_and_below_the_book(title):
    long_book = BOOK.replace("THE END", "And so it went on.\n" * 2_000 + "\nTHE END")
    note = f"{title.removesuffix(':')}:\n\n  Page 3: lamb.\n"
    assert clean(wrapped(f"{note}\n\n\n{long_book}")).text == long_book
    assert clean(wrapped(f"{long_book}\n\n\n{note}")).text == long_book
    assert clean(wrapped(f"[{title} Page 3: lamb.]\n\n\n{long_book}")).text == long_book


@pytest.mark.parametrize("title", AUTHORS_TITLES.strip().replace("\n", "|").split("|"))
def test_a_note_of_the_author_stays(title):
    book = f"{title}\n\n  The lamp was a lamb.\n\n\n{BOOK}\n\n{title}\n\n  The lamb was a lamp.\n"
    assert clean(wrapped(book)).text == book


@pytest.mark.parametrize("caption", [caption for phrase in phrases.PICTURES for caption in phrase.found])
def test_a_picture_is_removed_from_a_book_of_gutenberg_alone(caption):
    picture = f"[{caption.removesuffix(']')}]"
    assert clean(wrapped(f"One.\n\n{picture}\n\nTwo.\n")).text == "One.\n\nTwo.\n"
    assert clean(f"One.\n\n{picture}\n\nTwo.\n").text == f"One.\n\n{picture}\n\nTwo.\n"


@pytest.mark.parametrize("credit", [*signs.OPENINGS["credit"].found, "This etext is in English."])
def test_a_credit_is_removed_above_the_book(credit):
    assert clean(wrapped(f"{credit}\n\n\n\n{BOOK}")).text == BOOK


# Wordings that no rule, no file and no example of the fit has.
ADDED_BEFORE = (
    "This e-book was put together by three volunteers from scans of the 1901 printing at archive.org.",
    "Editor's remark on this digital edition: the long s has been replaced throughout, and the accents were kept.",
    "[We thank the museum, which gave Project Gutenberg permission to include its translation in this etext.\n\n"
    "The museum's web page has more.]",
    "Diese elektronische Ausgabe wurde nach dem Druck von 1890 erstellt. Druckfehler wurden korrigiert.",
    "Cette version électronique a été préparée par des bénévoles du projet Gutenberg.",
    "Esta edición electrónica fue preparada por voluntarios. La ortografía ha sido modernizada.",
    "Deze elektronische uitgave is gemaakt door vrijwilligers. De spelling is behouden.",
    "The Project Gutenberg Etext of The Lamp is available in 7-bit ASCII and in HTML; see www.example.org.",
)
ADDED_AFTER = (
    "End of\nProject Gutenberg's Etext of The Lamp, by Ada Quill\nAlso available in two other formats, see the index.",
    "This is the end of the Project Gutenberg eBook. If you like it, donations keep us going: www.example.org/donate",
    "To hear of new eBooks, subscribe to the Project Gutenberg newsletter at www.example.org.",
    "Fine dell'edizione elettronica di Progetto Gutenberg, a cura di volontari.",
)
WRITTEN_BY_THE_AUTHOR = (
    "PREFACE\n\nIn this edition I have corrected the misprints of the first, and I thank the printer for his patience.",
    "Chapter the Twentieth. I read the tale as an etext, on a screen, while the scanner hummed beside me.",
    "The text of this volume follows the quarto of 1604; the spelling has been modernized, the punctuation kept.",
    "She had typed forty books for Project Gutenberg, and no one in the village knew what that was.",
    "Note: the lamps were made in Bristol, where the public domain begins at the harbour.",
)


@pytest.mark.parametrize("added", ADDED_BEFORE)
def test_unknown_wordings_above_the_book_are_judged_by_their_signs(added):
    assert clean(wrapped(f"{added}\n\n\n\n{BOOK}")).text == BOOK


@pytest.mark.parametrize("added", ADDED_AFTER)
def test_unknown_wordings_below_the_book_are_judged_by_their_signs(added):
    assert clean(wrapped(f"{BOOK}\n\n\n\n{added}\n")).text == BOOK


@pytest.mark.parametrize("written", WRITTEN_BY_THE_AUTHOR)
def test_what_an_author_says_of_editions_and_etexts_stays(written):
    book = f"{written}\n\n\n{BOOK}\n\n{written}\n"
    assert clean(wrapped(book)).text == book
    assert clean(book).text == book
