import codecs
import os
from pathlib import Path

import pytest

from pipelines import UserError
from pipelines.sources import Document, LanguageReference, Reader, SourceLine, TextFile, in_short, joined, text_files


def read(path, **options):
    (source,) = text_files([str(path)], Reader(**options))
    return "".join(joined(source.documents()))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b.txt").write_text("bee")
    (tmp_path / "a.txt").write_text("ay")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "c.txt").write_text("sea")
    (tmp_path / "notes.md").write_text("not this one")
    return tmp_path


def names(patterns, folder):
    return [source.path.relative_to(folder).as_posix() for source in text_files(patterns)]


def test_a_folder_means_its_txt_files_at_any_depth_in_order(folder):
    assert names([str(folder)], folder) == ["a.txt", "b.txt", "deeper/c.txt"]


def test_files_folders_and_globs_mix_by_commas_and_repetition_without_duplicates(folder):
    patterns = [f"{folder}/b.txt,{folder}/*.md", f"{folder}/?.txt", f"{folder}/deeper"]
    assert names(patterns, folder) == ["b.txt", "notes.md", "a.txt", "deeper/c.txt"]


def test_a_file_whose_name_has_a_comma_is_found(tmp_path):
    (tmp_path / "War, and Peace.txt").write_text("x")
    assert names([f"{tmp_path}/War, and Peace.txt"], tmp_path) == ["War, and Peace.txt"]


def test_documents_begin_on_a_new_line_and_nothing_else_is_added(folder):
    documents = [document for source in text_files([str(folder)]) for document in source.documents()]
    assert "".join(joined(documents)) == "ay\nbee\nsea"


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize(
    "data",
    [
        "Noël\nété\n".encode(),
        codecs.BOM_UTF8 + "Noël\r\nété\r\n".encode(),
        "Noël\rété\r".encode(),
        "Noël\nété\n".encode("utf-16"),
    ],
)
def test_encodings_and_line_ends_become_the_same_text(tmp_path, data, clean):
    (tmp_path / "x.txt").write_bytes(data)
    assert read(tmp_path / "x.txt", clean=clean) == "Noël\nété\n"


def test_a_flag_tells_the_encoding(tmp_path):
    (tmp_path / "x.txt").write_bytes("Толстой".encode("cp1251"))
    assert read(tmp_path / "x.txt", encoding="cp1251") == "Толстой"


def test_headers_and_licences_are_removed_unless_cleaning_is_off(tmp_path):
    book = (
        "The Project Gutenberg EBook of A Small Book\n\n*** START OF THIS PROJECT GUTENBERG EBOOK A SMALL BOOK ***\n\n"
        + "CHAPTER I\n\nIt was a small book.\n" * 60
        + "\n*** END OF THIS PROJECT GUTENBERG EBOOK A SMALL BOOK ***\nLicence.\n"
    )
    (tmp_path / "x.txt").write_text(book)
    cleaned = read(tmp_path / "x.txt")
    assert "GUTENBERG" not in cleaned.upper()
    assert "Licence" not in cleaned
    assert cleaned.count("CHAPTER I\n\nIt was a small book.") == 60
    assert read(tmp_path / "x.txt", clean=False) == book


def test_a_fingerprint_changes_with_content_and_settings(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("one")
    before = TextFile(path).fingerprint()
    assert TextFile(path).fingerprint() == before
    assert TextFile(path, Reader(clean=False)).fingerprint() != before
    path.write_text("two")
    assert TextFile(path).fingerprint() != before


def test_the_built_in_text_is_the_language_reference():
    (document,) = LanguageReference().documents()
    assert len(document.text) > 400_000
    assert "Lambda expressions" in document.text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file, folder or glob"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(b" \n\r\n"), "the file is empty"),
        (lambda path: path.mkdir(), r"no \*\.txt file in this folder"),
        (lambda path: path.write_bytes(bytes(range(256)) * 9), "x.txt"),
    ],
)
def test_a_source_without_text_is_an_error_that_names_it(tmp_path, make, message):
    make(tmp_path / "x.txt")
    with pytest.raises(UserError, match=message):
        read(tmp_path / "x.txt")


def test_bytes_that_are_not_in_the_encoding_of_the_flag_are_an_error(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match=r"x\.txt.*utf-8"):
        read(tmp_path / "x.txt", encoding="utf-8")


def test_files_in_capitals_pipes_and_linked_folders_are_read_and_hidden_folders_are_not(tmp_path):
    for name in ("books/.ipynb_checkpoints/A-checkpoint.txt", "books/A.TXT", "elsewhere/b.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text")
    (tmp_path / "books" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "books" / "circle").symlink_to(tmp_path / "books")
    assert names([str(tmp_path / "books")], tmp_path / "books") == ["A.TXT", "linked/b.txt"]
    pipe, end = os.pipe()
    os.write(end, b"piped")
    os.close(end)
    (source,) = text_files([f"/dev/fd/{pipe}"])
    assert source.fingerprint() == TextFile(Path("x"), piped=b"piped").fingerprint()
    assert [document.text for document in source.documents()] == ["piped"]
    os.close(pipe)


def test_empty_files_of_a_folder_are_left_out_and_counted(folder, capsys):
    (folder / "empty.txt").touch()
    (folder / "deeper" / "void.txt").touch()
    assert names([str(folder)], folder) == ["a.txt", "b.txt", "deeper/c.txt"]
    assert "left out 2 empty files" in capsys.readouterr().err


def test_all_files_that_cannot_be_read_are_named_at_once(folder):
    (folder / "gone.txt").symlink_to("nowhere")
    (folder / "lost.txt").symlink_to("nowhere")
    with pytest.raises(UserError, match=r"2 files can't be read: .*gone\.txt \(No such.*lost\.txt \(No such"):
        text_files([str(folder)])


def test_a_source_has_a_line_that_says_how_it_was_read(tmp_path):
    line = SourceLine("x.txt")
    list(line.watch([Document("One\ntwo", "utf-8", 3, ("header",), 12), Document("three", "utf-8")]))
    assert str(line) == (
        'x.txt: utf-8, 12 characters, "One two"; cleaned: 12 characters removed (header); '
        "bytes that aren't utf-8, now U+FFFD: 3"
    )


def test_many_sources_have_one_line_and_those_with_replaced_bytes_their_own():
    lines = [SourceLine(f"{number}.txt", documents=True) for number in range(6)]
    for number, line in enumerate(lines):
        rules = ("header",) if number else ()
        list(line.watch([Document("One two", "cp1252" if number else "utf-8", 2 * (number == 4), rules, number)]))
    assert in_short(lines[:2]) == [
        '0.txt: utf-8, 7 characters, "One two"',
        '1.txt: cp1252, 7 characters, "One two"; cleaned: 1 characters removed (header)',
    ]
    total, replaced = in_short(lines)
    assert total == "6 files: utf-8, cp1252, 6 documents, 42 characters; cleaned: 15 characters removed (header)"
    assert replaced.startswith("4.txt: cp1252, ")
    assert replaced.endswith("bytes that aren't cp1252, now U+FFFD: 2")


@pytest.mark.parametrize(
    "start", ["<!DOCTYPE html>\n<html>", "\n<!-- a page -->\n<HTML lang='en'>", '<?xml version="1.0"?><html>']
)
def test_html_is_no_plain_text_unless_it_is_left_as_it_is(start):
    page = f"{start}<p>It was a dark night.</p></html>\n"
    with pytest.raises(UserError, match=r"page\.txt: an HTML page, not plain text; convert it, .* --noclean"):
        Reader().read(page.encode(), name="page.txt")
    assert Reader(clean=False).read(page.encode(), name="page.txt").text == page
    about = f"In HTML a page begins with {start}\n"
    assert Reader().read(about.encode(), name="about.txt").text == about


def test_a_prompt_of_bytes_that_are_not_utf8_is_refused():
    with pytest.raises(UserError, match="not UTF-8; convert it"):
        Reader().prompt("caf\udce9")


def test_prompts_take_the_form_of_the_training_text():
    assert Reader().prompt("\ufeffcafe\u0301\r\n") == "caf\xe9\n"
    assert Reader(clean=False).prompt("cafe\u0301\r") == "cafe\u0301\n"


def test_the_encoding_of_the_training_text_is_tried_but_not_forced(tmp_path):
    greek = "Καλημέρα\n"
    (tmp_path / "x.txt").write_bytes(greek.encode("cp1253"))
    assert read(tmp_path / "x.txt", expected="cp1253") == greek
    (tmp_path / "x.txt").write_bytes(greek.encode())
    assert read(tmp_path / "x.txt", expected="cp1253") == greek
