"""What volunteers added inside a book: credits, notes, pictures."""

import pytest
from test_gutenberg_cleaning import BOOK, wrapped

from pipelines.gutenberg.cleaning import clean


@pytest.mark.parametrize(
    "credit",
    [
        "Produced by Ann Other and Bo Nother",
        "Produced by Ann Other and the Online\nDistributed Proofreading Team at http://www.pgdp.net",
        "E-text prepared by Ann Other",
        "Transcribed from the 1916 Quill & Sons edition by Ann Other, email\nann@example.org",
        "Transcribed by Ann Other",
        "This etext was produced by Ann Other.",
        "Etext reformatted by Ann Other\nann@example.org",
        "Digitized by Ann Other.",
        "An Anonymous Volunteer, and Ann Other",
        "Produced by Ann Other.\n\nHTML version by Bo Nother.",
        "Nous remercions la Bibliothèque Nationale de France pour les images\ndans www://gallica.bnf.fr.",
        "LINKED INDEX OF PROJECT GUTENBERG VOLUMES:\n\nORDER  TITLE     PG EBOOK#\n1      The Lamp  99999",
    ],
)
def test_credits_are_removed(credit):
    assert clean(wrapped(f"{credit}\n\n\n\n{BOOK}")).text == BOOK


def test_credit_below_the_title_is_removed():
    credited = BOOK.replace("by Ada Quill\n", "by Ada Quill\n\nDigitized by Ann Other.\n")
    assert clean(wrapped(credited)).text == BOOK


def test_produced_by_in_a_play_stays():
    play = BOOK.replace("by Ada Quill\n", "by Ada Quill\n\nProduced by the Theatre of Lights, 1911\n")
    assert clean(wrapped(play)).text == play


@pytest.mark.parametrize(
    "note",
    [
        "[Transcriber's Note: Spelling [as printed] was kept.]",
        "[Transcriber\N{RIGHT SINGLE QUOTATION MARK}s note: Spelling\nwas kept.\n\nSo were commas.]",
        "  [ Anmerkungen zur Transkription:\n\n    Druckfehler wurden korrigiert.\n  ]",
        "[Redactor's note: Italics are so.]",
        "Transcriber's note: Unusual spelling is as printed.",
        "TRANSCRIBER'S NOTES ON THE E-TEXT:\n\nItalics are capitals.\n\nAccents were lost.",
        "    Transcriber's Note:\n    This is an edited version.\n\n    Some spelling was changed.",
        "+---------------------+\n| Transcriber's Note: |\n| Errors are errors.  |\n+---------------------+",
        "Preface to the Project Gutenberg Etext\n\nI typed this.\n\nI was tired.",
        "PREPARER'S NOTE\n\n     From an old edition.",
        "  Au lecteur.\n\n    Le texte en italiques dans l'original est indiqué comme _ici_.\n\n    Voir à la fin.",
    ],
)
def test_transcribers_notes_before_the_book_are_removed(note):
    assert clean(wrapped(f"{note}\n\n\n\n{BOOK}")).text == BOOK


@pytest.mark.parametrize(
    "note",
    [
        "[Transcriber's Note: Spelling was kept.]",
        "TRANSCRIBER'S NOTES:\n\n\n  Italics are so.\n\n\n\n  Page 3, lamb changed to lamp.",
        "    +-----------------------------------------+\n    | Typographical errors corrected in text: |\n"
        "    |                                         |\n    | Page 3: lamb                            |\n"
        "    +-----------------------------------------+",
    ],
)
def test_transcribers_notes_after_the_book_are_removed(note):
    long_book = BOOK.replace("THE END", "And so it went on.\n" * 2_000 + "\nTHE END")
    assert clean(wrapped(f"{long_book}\n\n\n{note}\n")).text == long_book


def test_an_erratum_below_shifted_rows_of_asterisks_is_a_volunteers_and_another_the_authors():
    rows = "       *       *       *       *       *\n           *       *       *       *\n"
    long_book = BOOK.replace("THE END", "And so it went on.\n" * 2_000 + "\nTHE END")
    assert clean(wrapped(f"{long_book}\n{rows}\nErratum\n\n  The lamp was a lamb.\n")).text == long_book
    printed = f"{long_book}\n\nErratum\n\n  The lamp was a lamb.\n"
    assert clean(wrapped(printed)).text == printed


def test_note_is_removed_with_its_line_in_the_contents():
    contents = "Contents\n\n Preface to the Project Gutenberg Etext\n CHAPTER I.\n CHAPTER II.\n\n\n"
    note = "Preface to the Project Gutenberg Etext\n\nI typed this.\n\n\n"
    assert clean(wrapped(contents + note + BOOK)).text == "Contents\n\n CHAPTER I.\n CHAPTER II.\n\n\n" + BOOK


def test_a_transcriber_in_the_story_stays():
    story = BOOK.replace("THE END", "transcriber's notes: lost, and so was he.\n\nTranscribers are people.\n\nTHE END")
    assert clean(wrapped(story)).text == story


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("One.\n\n[Illustration]\n\nTwo.\n", "One.\n\nTwo.\n"),
        ("One.\n\n\n[Illustration: A cat]\n\nTwo.\n", "One.\n\n\nTwo.\n"),
        ("One.\n\n  [Illustration: A cat,\n    a [small] dog\n\n  and\n  ]\n\n\nTwo.\n", "One.\n\n\nTwo.\n"),
        ("One,\n[Illustration: A cat]\ntwo.\n", "One,\ntwo.\n"),
        ("[Illustration] ONE day\n", "ONE day\n"),
        ("One [Illustration: A cat] day.\n", "One day.\n"),
        ("[Illustration]\n\n[Illustration: A cat]\n\nOne.\n", "One.\n"),
        ("One.\n\n[Illustration: A cat]\n", "One.\n"),
        ("One.\n\n[Illustration: a cat that no bracket closes\n\nTwo.\n", None),
        ("One.\n\n[Footnote 1: A cat.]\n\nTwo.\n", None),
        ("One.\n\n[Illustrationists at work]\n\nTwo.\n", None),
    ],
)
def test_markers_of_illustrations(before, after):
    assert clean(wrapped(before)).text == (before if after is None else after)


@pytest.mark.parametrize(
    "paragraph",
    [
        "Michael Hart founded Project Gutenberg in 1971, and the Internet Archive followed in 1996.",
        "In her lecture she praised Project Gutenberg. Its eBook #1 is the Declaration of Independence.",
        "Gutenberg's workshop in Mainz was scanned by the historians for traces of his first press.",
    ],
)
def test_a_paragraph_of_the_book_is_not_removed_for_a_name(paragraph):
    book = f"{paragraph}\n\n{BOOK}\n\n{paragraph}\n"
    assert clean(wrapped(book)).text == book
    assert clean(book).text == book


@pytest.mark.parametrize(
    "note",
    [
        "Nota del Trascrittore\n\nOrtografia e punteggiatura originali sono state mantenute.",
        "NOTA DE TRANSCRIPCIÓN\n\n  * Los errores de imprenta han sido corregidos.",
        "Etext transcriber's note:\n\nGasparoni=>Gesparoni",
        "ERRATA (noted by transcriber)\n\n  _text has comma for period_",
        "Au lecteur\n\nCette version électronique reproduit la version originale.",
        "Au lecteur\n\nSeules les erreurs manifestes d'imprimerie ont été corrigées.",
        "Liste des modifications:\n\nPage 140: «condammés» remplacé par «condamnés»",
        "Notes:\n\n1.  I have modernized this text by modernizing the contractions.",
        "Opmerkingen van de bewerker\n\nDe spelling is behouden.",
        "NOTES BY THE E-TEXT EDITOR:\n\nNotes: I have placed an asterisk after each.",
    ],
)
def test_notes_in_other_languages_are_removed_at_the_end(note):
    book = "\n\n\n".join([BOOK] * 30)
    assert clean(wrapped(f"{book}\n\n\n{note}\n")).text == book


@pytest.mark.parametrize(
    "kept",
    [
        "Au lecteur\n\nLa sottise, l'erreur, le péché, la lésine,\nOccupent nos esprits et travaillent nos corps.",
        "Notes:\n\n1. The lamp was made in Bristol, where such lamps were common.",
    ],
)
def test_titles_of_notes_that_an_author_wrote_stay(kept):
    book = "\n\n\n".join([kept, *[BOOK] * 30])
    assert clean(wrapped(book)).text == book


def test_notes_below_each_chapter_stay_though_a_volunteer_wrote_in_them():
    chapter = f"{BOOK}\n\nNOTES\n\n189. The e-text editor's translation: late to learn.\n"
    book = "\n\n\n".join([chapter] * 9)
    assert clean(wrapped(book)).text == book


def test_pictures_in_other_languages_and_numbers_of_page_images_are_removed():
    pictures = [
        "[Ilustración: Un gato]",
        "[Illustrazione]",
        "[Abbildung: Katze]",
        "[Ilustrajxo: x.png]",
        "20011m",
        "0011m",
    ]
    before = "\n\n".join(f"{picture}\n\nWords." for picture in pictures)
    assert clean(wrapped(before)).text == "\n\n".join(["Words."] * 6) + "\n"


LONG_BOOK = BOOK.replace("THE END", "And so it went on.\n" * 2_000 + "\nTHE END")
VOLUMES = (
    "ORDER   TITLE       VOLUME    CHAPTERS\n1       The Lamp    1         1-75\n2       The Wick    2         76-140"
)


def _lines(text):
    return [line for line in text.split("\n") if line]


@pytest.mark.parametrize(
    "files",
    [
        f"LINKED INDEX OF PROJECT GUTENBERG VOLUMES:\n\n{VOLUMES}",
        f"WORKS OF ADA QUILL IN THE PROJECT GUTENBERG COLLECTION\n\n{VOLUMES}",
        "The other volumes of this work are in Project Gutenberg under\nthese numbers:\n\n  The Lamp, 7\n  The Wick, 9",
        "Other volumes in this series at Project Gutenberg:\n  Volume I     1257\n  Volume II    1259",
        "VOLUMES OF THIS WORK:\n\nI: https://www.gutenberg.org/ebooks/1257\nII: https://www.gutenberg.org/ebooks/1259",
        "Volume I (eBook #1257)\nVolume II (eBook #1258)\nVolume III (eBook #1259)",
        "Tome I (Project Gutenberg 1257)\nTome II (Project Gutenberg 1258)",
        "TITLE         EBOOK NO.   VOLUME\nThe Lamp      1257        1\nThe Wick      1259        2",
        "PROJECT GUTENBERG EDITIONS\n\n| Title    | Number |\n|----------|--------|\n| The Lamp | 1257   |",
        "Bände bei Project Gutenberg:\n\nVol. 1 ........ 1257\n\nVol. 2 ........ 1258",
    ],
)
def test_a_list_of_the_books_of_the_project_is_removed_above_and_below_the_book_and_below_its_title(files):
    below_title = LONG_BOOK.replace("by Ada Quill\n", f"by Ada Quill\n\n\n\n{files}\n", 1)
    assert clean(wrapped(f"{files}\n\n\n\n{LONG_BOOK}")).text == LONG_BOOK
    assert clean(wrapped(f"{LONG_BOOK}\n\n\n{files}\n")).text == LONG_BOOK
    assert _lines(clean(wrapped(below_title)).text) == _lines(LONG_BOOK)


@pytest.mark.parametrize(
    "table",
    [
        f"LIST OF THE LAMPS:\n\n{VOLUMES}",
        "Works by the same author:\n\nThe Lamp     1880\nThe Wick     1884",
        "CONTENTS\n\n1.  The Lamp              5\n2.  The Wick              9\n3.  Project Gutenberg    12",
        "CONTENTS\n 1 The Lamp ..... 5\n 2 Project Gutenberg ..... 9\n 3 E-books ...... 12",
        "E-books, 12, 14\nGutenberg, Johannes, 5\nProject Gutenberg, 33",
        "Year     E-texts\n1991     12\n1992     24",
    ],
)
def test_tables_and_an_index_of_the_author_stay(table):
    for book in (f"{table}\n\n\n\n{LONG_BOOK}", f"{LONG_BOOK}\n\n\n{table}\n"):
        assert clean(wrapped(book)).text == book
        assert clean(book).text == book


def test_contents_below_a_list_of_the_project_and_a_table_deep_in_the_book_stay():
    contents = "CONTENTS\n 1 The Lamp ..... 5\n 2 The Wick ..... 9\n\n\n"
    table = "GROWTH OF PROJECT GUTENBERG\n\nYear     Books\n1991     12\n1992     24"
    book = contents + LONG_BOOK.replace(
        "And so it went on.\n" * 400, "And so it went on.\n" * 400 + f"\n{table}\n\n", 1
    )
    assert clean(wrapped(f"ALSO AT PROJECT GUTENBERG:\n\n{VOLUMES}\n\n\n{book}")).text == book
