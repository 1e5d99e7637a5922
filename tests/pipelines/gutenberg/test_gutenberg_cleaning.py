"""The cleaner: each rule on text written for it, what must stay, the guard, the command."""

import gzip
import lzma
import random
import subprocess
import sys
import time
import unicodedata
import zipfile
from pathlib import Path

import pytest

from pipelines.decoding import decode
from pipelines.gutenberg.cleaning import clean
from pipelines.gutenberg.cleaning.__main__ import texts

REPOSITORY = Path(__file__).parents[3]
REAL_DATA = REPOSITORY.parent / "shared" / "data"

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


PROGRAM = 'START = "*** START OF THIS PROJECT GUTENBERG EBOOK"\n\n\ndef lamp():\n\treturn [i for i in START]\n'
LETTER = """\
Dear Ann,

I read a Project Gutenberg eBook, "The Lamp", in bed. It was produced by good people.

Another eBook lies open.

Produced by hand, as all my letters are,
Bo
"""


ARTICLE = "Project Gutenberg eBooks are free.\n\nSo are the birds.\n"


@pytest.mark.parametrize("text", [BOOK, PROGRAM, LETTER, ARTICLE, "", "\n\n x\n\n\n", "no newline", "*** bare ***\n"])
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


@pytest.mark.parametrize(
    "last_line",
    [
        "*SMALL PRINT! Ver.04.29.93 FOR COPYRIGHT PROTECTED ETEXTS*END*",
        "*SMALL PRINT! Ver.06.28.92* The Lamp*END*",
        "ENDTHE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTSVer.03.08.92END",
    ],
)
def test_small_print_of_copyrighted_and_damaged_files_is_no_footer(last_line):
    cleaned = clean(f"{OLD_HEADER}{SMALL_PRINT}{last_line}\n\n\n{BOOK}\n\nEnd of this Etext of The Lamp\n")
    assert cleaned.text == BOOK


def test_old_and_new_books_joined_in_one_file_are_all_kept():
    print_ends = "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*"
    closing = "End of The Project Gutenberg Etext of The Lamp"
    old = f"{OLD_HEADER}{SMALL_PRINT}{print_ends}\n\n\n{BOOK * 20}\n\n{closing}\n\n\n"
    assert clean(old + wrapped(BOOK)).text.count("nobody knew who had lit it") == 21
    assert clean(wrapped(BOOK) + "\n\n" + old).text.count("nobody knew who had lit it") == 21
    assert "utenberg" not in clean(old + wrapped(BOOK)).text


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


def test_what_is_not_from_gutenberg_is_left_alone():
    album = "[Picture: me at the sea]\n\nWe left at six.\n\n[Illustration: a map]\n\nProduced by my uncle.\n\n" * 9
    assert clean(album).text == album


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


CASES = sorted((REAL_DATA / "cleaner_cases").glob("*.expected")) if REAL_DATA.is_dir() else []


@pytest.mark.skipif(not CASES, reason="needs the cases of ../shared/data, which aren't ours")
@pytest.mark.parametrize("expected", CASES, ids=lambda path: path.stem)
def test_cases_with_a_known_result(expected):
    text = clean(decode(expected.with_suffix(".txt").read_bytes()).text).text
    wanted = expected.read_text(encoding="utf-8")
    assert [line for line in text.split("\n") if line] == [line for line in wanted.split("\n") if line]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Returns what the command did with `arguments`."""
    command = [sys.executable, "-m", "pipelines.gutenberg.cleaning", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=REPOSITORY, check=False)


def test_command_reads_all_kinds_of_files_and_writes_utf8(tmp_path):
    data = wrapped(BOOK).encode("utf-8-sig")
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / "b.txt.xz").write_bytes(lzma.compress(data))
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(data))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("folder/d.txt", data)
        archive.writestr("../../e.txt", data)
        archive.writestr("INDEX.tsv", "no book")
    done = run(f"--output={tmp_path}/out", *sorted(tmp_path.iterdir()))
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt"]
    counts = [str(len(BOOK)), str(len(wrapped(BOOK)) - len(BOOK))]
    assert rows[0][1:] == ["utf-8-sig", "start_marker,end_marker", *counts, "THE LAMP", "THE END"]
    assert {path.name: path.read_text("utf-8") for path in (tmp_path / "out").iterdir()} == {
        row[0]: BOOK for row in rows
    }
    assert (done.returncode, done.stderr) == (0, "")


def test_command_reports_failures_and_cleans_the_other_files(tmp_path):
    (tmp_path / "book.txt").write_text(BOOK, encoding="utf-8")
    (tmp_path / "nul.txt").write_bytes(b"\0")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    (tmp_path / "broken.txt.xz").write_bytes(b"\xfd7zXZ")
    names = ["nul.txt", "none.txt", "broken.zip", "broken.txt.xz", "book.txt"]
    done = run(f"--output={tmp_path}", *(tmp_path / name for name in names))
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["book.txt"]
    errors = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in errors] == [str(tmp_path / name) for name in names]
    assert f"--output={tmp_path} has book.txt already" in errors[-1]
    assert (tmp_path / "book.txt").read_text("utf-8") == BOOK
    assert done.returncode == 1


def test_no_source_is_overwritten_even_one_read_later(tmp_path):
    packed, plain = tmp_path / "book.txt.gz", tmp_path / "book.txt"
    packed.write_bytes(gzip.compress(BOOK.encode()))
    plain.write_text("mine", encoding="utf-8")
    done = run(f"--output={tmp_path}", packed, plain)
    assert done.returncode == 1
    assert f"{packed}: --output={tmp_path} has book.txt already" in done.stderr
    assert plain.read_text(encoding="utf-8") == "mine"
    packed.write_bytes(packed.read_bytes()[:10] + b"\xff" * 50)  # no kind of block of deflate
    done = run(packed, plain)
    assert f"{packed}: can't be read" in done.stderr
    assert done.stdout.startswith("book.txt\t")


def test_help_explains_columns_and_flags():
    done = run("--help")
    assert all(word in done.stdout for word in ("characters kept", "corpus.zip", "--output", "--text_encoding"))


def real_texts():
    """Yields (name, bytes) of every text of the shared data."""
    for folder in ("lm", "gutenberg", "corpus"):
        for path in sorted((REAL_DATA / folder).iterdir()):
            yield from texts(path)


WORDS_OF_GUTENBERG = (
    "project gutenberg",
    "project\ngutenberg",
    "gutenberg-tm",
    "pgdp.net",
    "small print!",
    "start: full license",
    "[illustration",
    "[transcriber",
    "\ntranscriber's note",
    "\ntranscriber\N{RIGHT SINGLE QUOTATION MARK}s note",
    "\n*** start",
    "\n*** end",
    "\r",
)


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="needs the real texts of ../shared/data, which aren't ours")
def test_real_books():
    characters = seconds = count = 0
    for name, data in real_texts():
        text = decode(data, name=name).text
        began = time.perf_counter()
        cleaned = clean(text)
        seconds += time.perf_counter() - began
        count, characters = count + 1, characters + len(text)
        assert cleaned.kept > 0.2 * len(text), name
        assert not any(rule.startswith("guard") for rule in cleaned.rules), name
        assert unicodedata.is_normalized("NFC", cleaned.text), name
        lowered = cleaned.text.lower()
        left = [words for words in WORDS_OF_GUTENBERG if words in lowered]
        assert not left, name
        if name == "tinyshakespeare_input.txt":
            assert (cleaned.text, cleaned.kept) == (text, 1_115_394)
        if name == "100-0.txt":
            assert cleaned.kept > 5_600_000
    assert count > 100
    assert characters / seconds > 5e6  # 50e6 on an idle core: an expression that backtracks makes 1e6
