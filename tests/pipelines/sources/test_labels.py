import pytest

from pipelines import UserError
from pipelines.sources import Reader, text_documents, typography


def labelled(path, **options):
    found = text_documents([str(path)], **options)
    return [(document.label, document.text) for source in found for document in source.documents()]


def written(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_label_is_the_name_of_a_folder_or_a_file(tmp_path):
    written(tmp_path, b__one_txt="first\nsecond\n", a__two_txt="third\n")
    assert labelled(tmp_path, documents="files", labels="folder") == [("a", "third\n"), ("b", "first\nsecond\n")]
    assert labelled(tmp_path, documents="lines", labels="file") == [
        ("two", "third"),
        ("one", "first"),
        ("one", "second"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "fields", "expected"),
    [
        ("t.tsv", "pos\tgood\n  neg \tbad\n\tnone\n", ("2", "1"), [("pos", "good"), ("neg", "bad"), ("", "none")]),
        ("t.csv", 'text,kind\n"a,b","two\n lines"\n', ("text", "kind"), [("two lines", "a,b")]),
        ("t.csv", "text,kind\nx,y\n", ("text", "2"), [("y", "x")]),
        (
            "t.jsonl",
            '{"t": "a", "l": 1}\n{"t": "b", "l": true}\n{"t": "c", "l": null}\n{"t": "d", "l": "--e"}\n',
            ("t", "l"),
            [("1", "a"), ("true", "b"), ("", "c"), ("--e", "d")],
        ),
    ],
)
def test_a_label_is_in_a_column(tmp_path, name, content, fields, expected):
    (tmp_path / name).write_text(content)
    text_field, label_field = fields
    options = {"documents": "rows", "text_field": text_field, "labels": "field", "label_field": label_field}
    assert labelled(tmp_path / name, **options) == expected


@pytest.mark.parametrize(
    ("name", "content", "field", "message"),
    [
        (
            "t.tsv",
            "text\tlabel\na\tb\nc\n",
            "label",
            r"t\.tsv: line 3 has 1 columns, and --label_field=label is column 2",
        ),
        (
            "t.csv",
            "text,kind\na,b\n",
            "label",
            r"--label_field=label: .* no such column; its first line is: text, kind",
        ),
        ("t.jsonl", '{"text": "a"}\n', "label", r"line 1 has no label in --label_field=label"),
        ("t.jsonl", '{"text": "a", "label": []}\n', "label", r"t\.jsonl:1: --label_field holds list"),
        ("t.tsv", "text\tlabel\na\t" + "b" * 201 + "\n", "label", r"t\.tsv:2: the label 'b+'… has 201 characters"),
    ],
)
def test_what_is_wrong_with_a_label_is_said_with_its_line(tmp_path, name, content, field, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        labelled(tmp_path / name, documents="rows", labels="field", label_field=field)


def test_fingerprints_tell_labels_and_typography_apart(tmp_path):
    written(tmp_path, a__one_txt="text\n")
    kinds = [
        {},
        {"labels": "folder"},
        {"labels": "file"},
        {"labels": "folder", "reader": Reader(plain=True)},
    ]
    found = {text_documents([str(tmp_path)], documents="files", **kind)[0].fingerprint() for kind in kinds}
    assert len(found) == len(kinds)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("“It is _very_\nold” — she\u00a0‘said’…", "\"It is very old\" -- she 'said'..."),
        ("Cæsar’s ﬁne œuvre, 1914–18", "Caesar's fine oeuvre, 1914-18"),
        ("_two words\nand more_ snake_case __init__ ____ _open", "two words and more snake_case __init__ ____ _open"),
        ("snake_case and_ so", "snake_case and_ so"),
        ("e\u0301 \t\r\n x", "é x"),
        ("hy\u00adphen\ufeff", "hyphen"),
    ],
)
def test_plain_texts_have_one_typography(before, after):
    assert typography.plain(before) == after
    assert typography.plain(after) == after


def test_lines_and_rows_are_told_apart_before_they_become_plain(tmp_path):
    written(tmp_path, one_txt="“a”\n—  b\n")
    assert labelled(tmp_path, documents="lines", reader=Reader(plain=True)) == [("", '"a"'), ("", "-- b")]
    assert Reader(plain=True).prompt("“a\n") == '"a '
