import pytest

from pipelines import UserError
from pipelines.sources import Reader, large_files, text_documents


def rows(path, field="text", **options):
    return [
        (document.text, document.name.removeprefix(f"{path}:"))
        for source in text_documents([str(path)], **options, documents="rows", text_field=field)
        for document in source.documents()
    ]


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_csv_file_is_read_as_rfc_4180_says(tmp_path):
    path = written(tmp_path, "t.csv", 'id,text\r\n1,"a ""quoted"" one, with a\r\nline"\r\n2,plain\r\n3,""\r\n')
    assert rows(path) == [('a "quoted" one, with a\nline', "3"), ("plain", "4"), ("", "5")]


def test_quotes_are_characters_of_a_tsv_file(tmp_path):
    path = written(tmp_path, "t.tsv", 'label\ttext\nx\t"not closed\ny\tfine"\n')
    assert rows(path) == [('"not closed', "2"), ('fine"', "3")]


def test_a_table_without_a_header_has_numbers_for_its_columns(tmp_path):
    path = written(tmp_path, "t.tsv", "one\tfirst\ntwo\tsecond\n")
    assert rows(path, "2") == [("first", "1"), ("second", "2")]


def test_json_lines_have_keys(tmp_path):
    path = written(tmp_path, "t.jsonl", '{"text": "a\\nb", "n": 1}\n\n{"text": "\\ud800"}\n')
    assert rows(path) == [("a\nb", "1"), ("", "2"), ("\ufffd", "3")]


def test_accents_are_composed_unless_the_text_is_to_stay_as_it_is(tmp_path):
    path = written(tmp_path, "t.jsonl", '{"text": "e\\u0301"}\n')
    assert rows(path) == [("é", "1")]
    assert rows(path, reader=Reader(clean=False)) == [("e\u0301", "1")]


def test_a_folder_stands_for_its_tables(tmp_path):
    written(tmp_path, "a.tsv", "text\none\n")
    written(tmp_path, "b.JSONL", '{"text": "two"}\n')
    written(tmp_path, "notes.txt", "no table\n")
    assert [text for text, _ in rows(tmp_path)] == ["one", "two"]


def test_a_field_of_ten_million_characters_is_read(tmp_path):
    path = written(tmp_path, "t.csv", "text\n" + '"' + "x" * 10_000_000 + '"\n')
    assert [len(text) for text, _ in rows(path)] == [10_000_000]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "id,body\n1,a\n", r"--text_field=text: .*t\.csv has no such column.*id, body.*number of the column"),
        ("t.csv", 'text\n"a"b\n', r"t\.csv: line 2: .*expected after.*repair the line"),
        ("t.csv", 'text\n"never closed\n', r"t\.csv: line 2: unexpected end of data"),
        ("t.tsv", "id\ttext\n1\ta\n2\n", r"t\.tsv: line 3 has 1 columns, and --text_field=text is column 2"),
        ("t.jsonl", '{"text": "a"}\n{"text": \n', r"t\.jsonl: line 2 is not JSON"),
        ("t.jsonl", '{"text": "a"}\n{"body": "b"}\n', r"t\.jsonl: line 2 has no text in --text_field=text.*body"),
        ("t.jsonl", '{"text": 7}\n', r"t\.jsonl: line 1 has no text"),
        ("t.jsonl", "[1]\n", r"t\.jsonl: line 1 has no text.*no object"),
        ("t.txt", "text\n", r"t\.txt: not a table; --documents=rows reads \.tsv, \.csv, \.jsonl files"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_its_file_and_line(tmp_path, name, content, message):
    with pytest.raises(UserError, match=message):
        rows(written(tmp_path, name, content))


def lines(path, **options):
    return [
        (document.text, document.name.removeprefix(f"{path}:"))
        for source in text_documents([str(path)], documents="lines", **options)
        for document in source.documents()
    ]


def test_lines_are_numbered_and_empty_ones_are_documents_too(tmp_path):
    path = written(tmp_path, "n.txt", "Ada\r\n\r\n Bo \r\nC\u2028D")
    assert lines(path) == [("Ada", "1"), ("", "2"), (" Bo ", "3"), ("C\u2028D", "4")]


@pytest.mark.parametrize(
    ("content", "is_plain"),
    [
        ("plain\nlines\r\nof\rtext\n" * 50, True),
        ("cafe\u0301, 😀\n" * 50, True),
        (b"caf\xe9 au lait, tr\xe8s bon, et voil\xe0 le th\xe9\n" * 50, False),
        ("\ufeffbyte order mark\n" * 50, False),
        ("Project Gutenberg\n" * 50, False),
        ("<html><body>text\n" + "line\n" * 50, False),
        (b"a\x1b$B\n" * 50, False),
        (b"twice\r\r\n" * 50, False),
        (("é" * 30 + "\n").encode() * 20 + b"\xe9\n", False),
    ],
)
def test_a_large_file_is_read_in_pieces_if_it_is_plain_and_gives_the_same_lines(
    tmp_path, monkeypatch, content, is_plain
):
    path = written(tmp_path, "n.txt", content)
    reader = Reader() if is_plain else Reader(encoding="cp1252")
    monkeypatch.setattr(large_files, "PIECE", 70)
    assert large_files.is_plain(path, Reader()) == is_plain
    if is_plain:
        whole, fingerprint = lines(path, reader=reader), text_documents([str(path)])[0].fingerprint()
        monkeypatch.setattr(large_files, "LARGE", 100)
        assert lines(path, reader=reader) == whole
        assert len(list(text_documents([str(path)])[0].documents())) > 2
        assert text_documents([str(path)])[0].fingerprint() == fingerprint


def test_a_trace_that_two_pieces_share_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(large_files, "PIECE", 64)
    path = written(tmp_path, "n.txt", "x" * 60 + "Gutenberg" + "x" * 60)
    assert large_files.found_in(path, large_files.TRACES)
