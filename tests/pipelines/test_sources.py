import codecs

import pytest

from pipelines import UserError
from pipelines.sources import LanguageReference, TextFile, joined, text_files


def read(path, **options):
    return "".join(joined(text_files([str(path)], **options)))


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
    assert "".join(joined(text_files([str(folder)]))) == "ay\nbee\nsea"


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
    assert TextFile(path, clean=False).fingerprint() != before
    path.write_text("two")
    assert TextFile(path).fingerprint() != before


def test_the_built_in_text_is_the_language_reference():
    (text,) = LanguageReference().documents()
    assert len(text) > 400_000
    assert "Lambda expressions" in text


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
