"""train, sample and evaluate on documents, as processes."""

import json
import subprocess
import sys
import time

import pytest
from conftest import ROOT, command

from char_lstm_tf.inference.texts import documents_of_part
from char_lstm_tf.runs.trained import TrainedRun

NAMES = [first + middle + last for first in ("an", "be", "ca") for middle in ("", "ri", "lo") for last in "aeo"] * 4
FLAGS = ["--units=16", "--batch_size=4", "--window=16", "--sample_chars=20", "--seed=3", "--epochs=2"]


def train(folder, *flags):
    paths = [f"--output_dir={folder}/runs", f"--data_dir={folder}/data"]
    given = {flag.split("=")[0] for flag in flags}
    usual = [] if "--architecture=counts" in flags else [flag for flag in FLAGS if flag.split("=")[0] not in given]
    return command("char_lstm_tf.train", *paths, *usual, *flags)


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in [*NAMES, "", "dora"]))
    done = train(folder, f"--text={folder}/names.txt", "--documents=lines", "--name=names", "--split=0.8,0.1,0.1")
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_text(done.stderr)
    return folder


def lines_of(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_training_says_how_many_documents_there_are_repeat_and_are_empty(names):
    said = (names / "stderr").read_text()
    assert "names.txt: ascii, 110 documents" in said
    assert "109 documents: " in said
    assert "81 documents repeat an earlier one (kept; --deduplicate drops them)" in said
    assert "1 empty documents were left out" in said
    metrics = json.loads((names / "runs/names/metrics.json").read_text())
    assert metrics["test"]["documents"] > 0
    assert metrics["test"]["nats_per_document"] > 0


@pytest.mark.slow
def test_twenty_samples_of_a_model_of_lines_are_twenty_lines(names):
    words = ["char_lstm_tf.sample", f"--model={names}/runs/names", "--seed=1"]
    lines = lines_of(command(*words, "--num_samples=20"))
    assert len(lines) == 20
    texts = [json.loads(line)["text"] for line in lines_of(command(*words, "--num_samples=3", "--json"))]
    assert texts == lines[:3]


@pytest.mark.slow
def test_a_report_says_how_much_is_new(names):
    words = ["char_lstm_tf.sample", f"--model={names}/runs/names", "--num_samples=50", "--report"]
    report = json.loads(command(*words, "--seed=1", "--json").stdout)
    assert report["samples"] == 50
    assert 0 < report["new"] <= 50
    assert report["training_longest"] == 5
    assert "longest copied run" in command(*words, "--seed=1").stdout


@pytest.mark.slow
def test_evaluate_prints_a_row_a_document_and_the_oddest_first_if_asked(names):
    words = ["char_lstm_tf.evaluate", f"--model={names}/runs/names", f"--text={names}/odd.txt", "--json"]
    (names / "odd.txt").write_text("ana\n\nqqqq\nbelo\n")
    done = command(*words, "--sort")
    *rows, total = map(json.loads, lines_of(done))
    assert {row["document"].removeprefix(f"{names}/"): (row["text"], row["characters"]) for row in rows} == {
        "odd.txt:1": ("ana", 4),
        "odd.txt:3": ("qqqq", 5),
        "odd.txt:4": ("belo", 5),
    }
    assert total["documents"] == 3
    assert total["nats_per_document"] == pytest.approx(sum(row["nats"] for row in rows) / 3)
    assert "1 empty documents were left out" in done.stderr
    assert [row["rank"] for row in rows] == [1, 2, 3]
    losses = [row["nats_per_char"] for row in rows]
    assert losses == sorted(losses, reverse=True)


def test_a_held_out_part_is_its_documents(names):
    run = TrainedRun.open(names / "runs" / "names")
    corpus, expected = run.load_corpus(), run.metrics.held_out["validation"]
    found = list(documents_of_part(corpus, "validation"))
    assert [document.name for document in found] == [f"validation:{number + 1}" for number in range(len(found))]
    assert len(found) == expected["documents"]
    assert sum(len(document.text) + 1 for document in found) == expected["characters"]
    known = (names / "names.txt").read_text().splitlines()
    assert {document.text for document in found} < set(known)


def test_lines_of_a_pipe_are_answered_as_they_come(names):
    words = ["-m", "char_lstm_tf.evaluate", f"--model={names}/runs/names", "--text=-", "--threshold=0.5", "--json"]
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )
    try:
        process.stdin.write(b"ana\nqq")
        assert json.loads(process.stdout.readline())["text"] == "ana"
        started = time.monotonic()
        process.stdin.write(b"qq\n\nbe\xcc\x81\n")
        second, third = (json.loads(process.stdout.readline()) for _ in range(2))
        assert time.monotonic() - started < 20
        assert (second["text"], second["document"]) == ("qqqq", "-:2")
        assert (third["text"], third["document"], third["unknown_characters"]) == ("b\u00e9", "-:4", 1)
        process.stdin.write(b"last")
        process.stdin.close()
        rest = [json.loads(line) for line in process.stdout.read().splitlines()]
        assert [row.get("text") for row in rest] == ["last", None]
        assert rest[-1]["documents"] == 4
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
def test_a_threshold_prints_the_surprising_documents_alone(names):
    (names / "odd.txt").write_text("ana\nqqqq\nbelo\n")
    words = ["char_lstm_tf.evaluate", f"--model={names}/runs/names", f"--text={names}/odd.txt"]
    rows = [json.loads(line) for line in lines_of(command(*words, "--json"))][:-1]
    oddest = max(rows, key=lambda row: row["nats_per_char"])
    limit = oddest["nats_per_char"] - 1e-6
    header, row, blank, *_ = lines_of(command(*words, f"--threshold={limit}"))
    assert header.split() == ["nats", "characters", "nats/char", "document"]
    assert row.split()[-1] == oddest["text"]
    assert not blank


@pytest.mark.slow
def test_a_table_of_characters_has_the_first_of_a_document_and_its_end(names):
    (names / "two.txt").write_text("an\nbe\n")
    words = ["char_lstm_tf.evaluate", f"--model={names}/runs/names", f"--text={names}/two.txt"]
    lines_of(command(*words, f"--tsv={names}/out.tsv", f"--html={names}/out.html"))
    _, *rows = [line.split("\t") for line in (names / "out.tsv").read_text().splitlines()]
    assert [row[2] for row in rows] == ['"a"', '"n"', '""', '"b"', '"e"', '""']
    assert [row[1] for row in rows] == ["0", "1", "2", "0", "1", "2"]
    assert "■" in (names / "out.html").read_text()


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(["--architecture=counts", "--order=3", "--sample_chars=20"], marks=pytest.mark.slow),
        pytest.param(["--architecture=ngram", "--target=next_char", "--window=4", "--units=8"], marks=pytest.mark.slow),
        pytest.param(["--bidirectional", "--target=next_char", "--units=8"], marks=pytest.mark.slow),
        pytest.param(["--target=next_char", "--cell=gru", "--units=8"], marks=pytest.mark.slow),
        pytest.param(["--batching=shuffled", "--cell=coupled", "--architecture=functional"], marks=pytest.mark.slow),
    ],
)
def test_every_kind_of_model_learns_rows_of_a_table(tmp_path, flags):
    table = tmp_path / "names.csv"
    table.write_text("id,name\n" + "".join(f'{place},"{name}\n{name}"\n' for place, name in enumerate(NAMES)))
    rows = ["--documents=rows", "--text_field=name", "--deduplicate", "--split=0.6,0.2,0.2"]
    done = train(tmp_path, f"--text={table}", *rows, *flags, "--name=x")
    assert done.returncode == 0, done.stderr
    assert "81 documents repeat an earlier one (dropped)" in done.stderr
    lines = lines_of(command("char_lstm_tf.evaluate", f"--model={tmp_path}/runs/x", f"--text={table}", "--json"))
    assert json.loads(lines[-1])["documents"] == 108
    assert len(lines_of(command("char_lstm_tf.sample", f"--model={tmp_path}/runs/x", "--num_samples=5"))) == 5


@pytest.mark.slow
def test_a_model_of_running_text_can_go_on_to_learn_documents(trained, names):
    flags = [f"--init_from={trained}", f"--text={names}/names.txt", "--window=16", "--units=16,16"]
    done = train(names, *flags, "--documents=lines", "--name=tuned")
    assert done.returncode == 0, done.stderr
    assert json.loads((names / "runs/tuned/metrics.json").read_text())["test"]["documents"] > 0
    back = train(
        names,
        f"--init_from={names}/runs/tuned",
        f"--text={names}/names.txt",
        "--units=16,16",
        "--documents=text",
        "--name=b",
    )
    assert back.returncode == 1
    assert "--documents=text: " in back.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_part_without_a_document_is_said(tmp_path):
    (tmp_path / "two.txt").write_text("one line of some length\nanother line of some length\n")
    done = train(tmp_path, f"--text={tmp_path}/two.txt", "--documents=lines", "--window=4", "--name=x")
    assert "warning: no document fell into the" in done.stderr
    assert done.returncode == 0 or "no document for training" in done.stderr
