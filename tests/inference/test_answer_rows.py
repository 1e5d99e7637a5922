import csv

from char_lstm_tf.inference.rows import Rows
from char_lstm_tf.inference.texts import passages
from pipelines.sources import Document


def test_a_csv_file_has_each_text_its_place_and_what_was_answered_and_nothing_is_printed(tmp_path, capsys):
    document = Document('one, "two"\nthree', file="a.csv", line=7)
    with Rows(str(tmp_path / "answers.csv"), as_json=False) as rows:
        rows.header("predicted")
        for passage in passages([document], 7):
            rows.add({**passage.place, "predicted": "x", "probabilities": {"x": 0.75, "y z": 0.25}}, "x")
        rows.flush()
    with (tmp_path / "answers.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    place = {"file": "a.csv", "line": "7"}
    answer = {"predicted": "x", "probabilities.x": "0.75", "probabilities.y z": "0.25"}
    assert found == [
        place | {"start": "0", "end": "7", "text": 'one, "t'} | answer,
        place | {"start": "7", "end": "14", "text": 'wo"\nthr'} | answer,
    ]
    assert capsys.readouterr().out == ""


def test_a_document_says_where_it_stands_and_what_it_says_unless_it_is_a_whole_file():
    row = Document("text", file="a.csv", line=7)
    assert (row.name, row.place) == ("a.csv:7", {"file": "a.csv", "line": 7, "text": "text"})
    whole = Document("text", file="a.txt")
    assert (whole.name, whole.place) == ("a.txt", {"file": "a.txt"})
    assert [passage.name for passage in passages([whole, row], 2)] == [
        "a.txt[0:2]",
        "a.txt[2:4]",
        "a.csv:7[0:2]",
        "a.csv:7[2:4]",
    ]
