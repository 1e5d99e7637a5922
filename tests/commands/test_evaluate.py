import json
import math
import re
import shutil
import unicodedata

import pytest
import tensorflow as tf
from conftest import command, verse

from char_lstm_tf.config import Config
from char_lstm_tf.evaluate import EvaluateConfig, main
from char_lstm_tf.inference.texts import TextOptions
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.files import require_writable
from pipelines.sources import TextFile


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for number, lines in enumerate((40, 3, 20)):
        (folder / f"{number}.txt").write_text(verse(lines, seed=number) + "☃")
    done = command(
        "char_lstm_tf.evaluate",
        f"--model={trained}",
        f"--text={folder}",
        f"--tsv={folder}/out.tsv",
        f"--html={folder}/out.html",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    return folder, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_line_a_file_and_the_totals_last(evaluated):
    folder, (*files, total), stderr = evaluated
    assert [file["file"] for file in files] == [f"{folder}/{number}.txt" for number in range(3)]
    for name in ("characters", "words", "unknown_characters"):
        assert sum(file[name] for file in files) == total[name]
    nats = sum(file["nats_per_char"] * file["characters"] for file in files)
    assert total["nats_per_char"] == pytest.approx(nats / total["characters"])
    assert "file" not in total
    assert "characters per second" in stderr


def test_each_file_costs_what_score_of_the_saved_model_says(evaluated, trained):
    folder, (*files, _), _ = evaluated
    loaded = tf.saved_model.load(str(trained / "1"))
    texts = [(folder / f"{number}.txt").read_text() for number in range(3)]
    result = loaded.signatures["score"](text=tf.constant(texts))
    assert result["characters"].numpy().tolist() == [file["characters"] for file in files]
    assert result["nats_per_char"].numpy() == pytest.approx([file["nats_per_char"] for file in files], abs=1e-4)


def test_the_listing_adds_up_to_the_total_and_the_page_is_there(evaluated):
    folder, (*_, total), _ = evaluated
    lines = (folder / "out.tsv").read_text().splitlines()[1:]
    assert len(lines) == total["characters"]
    nats = math.fsum(float(line.split("\t")[3]) for line in lines)
    assert nats / len(lines) == pytest.approx(total["nats_per_char"], abs=1e-6)
    assert (folder / "out.html").read_text().count("<h2>") == 3


def test_a_table_has_a_row_a_file(trained, evaluated):
    folder, (*_, total), _ = evaluated
    done = command("char_lstm_tf.evaluate", f"--model={trained}", f"--text={folder}")
    assert done.stdout.count(".txt ") == 3
    assert f"{total['bits_per_char']:,.4f}" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--text=README.md", "--tsv=nowhere/x.tsv"], "--tsv=nowhere/x.tsv: there is no folder "),
        (["--text={folder}/one.txt", "--sort"], "--sort: is for documents, and this is running text"),
        (["--text={folder}/one.txt"], "one.txt: needs at least two characters, the first isn't scored"),
    ],
)
def test_mistakes_end_in_one_line(trained, tmp_path, words, message):
    (tmp_path / "one.txt").write_text("a")
    words = [word.format(folder=tmp_path) for word in words]
    done = command("char_lstm_tf.evaluate", f"--model={trained}", *words)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]


def test_a_held_out_part_has_the_loss_that_training_reported_and_its_line_ends_may_count_twice(trained):
    done = command("char_lstm_tf.evaluate", f"--model={trained}", "--part=test", "--crlf", "--json")
    assert done.returncode == 0, done.stderr
    report, expected = json.loads(done.stdout), json.loads((trained / "metrics.json").read_text())["test"]
    test = TrainedRun.open(trained).load_corpus().split("test")
    lines = TrainedRun.open(trained).load_corpus().vocabulary.decode(test[1:]).count("\n")
    nats = expected["nats_per_char"] * expected["characters"]
    more = {"line_ends": lines, "nats_per_char_with_crlf": nats / (expected["characters"] + lines)}
    assert report == pytest.approx(expected | more)


def test_a_text_that_is_gone_is_said(trained, tmp_path):
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(trained, folder.path)
    flags = folder.flags.read_text()
    folder.flags.write_text(re.sub("--data_dir=.*", f"--data_dir={tmp_path}/elsewhere", flags))
    with pytest.raises(UserError, match=r"isn't in .*/elsewhere/corpora any more \(--data_dir\)"):
        TrainedRun.open(folder.path).load_corpus()
    metrics = json.loads(folder.metrics.read_text())
    folder.metrics.write_text(json.dumps(metrics | {"corpus": "../../secret"}))
    with pytest.raises(UserError, match="isn't in"):
        TrainedRun.open(folder.path).load_corpus()
    folder.metrics.unlink()
    with pytest.raises(UserError, match="not a finished run"):
        TrainedRun.open(folder.path).load_corpus()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": ("a",)}, "--part=test: is of the run's own text; leave --text out"),
        ({"documents": "lines"}, "--documents=lines: goes with --text"),
        ({"clean": False}, "--clean=false: goes with --text"),
    ],
)
def test_a_held_out_part_is_read_as_it_was(trained, options, message):
    with pytest.raises(UserError, match=message):
        main(EvaluateConfig(model=str(trained), part="test", **options))


def test_texts_are_read_as_the_training_text_was_unless_told_otherwise(tmp_path):
    file = tmp_path / "x.txt"
    content = unicodedata.normalize("NFD", "*** START OF THE PROJECT GUTENBERG EBOOK X ***\nÉté à Évian\n" * 9)
    file.write_text(content, encoding="utf-8")

    def read(run, **options):
        (document,) = TextFile(file, TextOptions(**options).reader(run)).documents()
        return document.text

    assert read(Config(name="x", text=("a",), clean=False)) == content
    assert read(Config(name="x")) != content
    assert read(Config(name="x", text=("a",), clean=False), clean=True) != content
    greek = "Καλημέρα κόσμε\n"
    file.write_bytes(greek.encode("cp1253"))
    assert read(Config(name="x", text=("a",), text_encoding="cp1253")) == greek


def test_unknown_characters_are_warned_of(evaluated, trained, tmp_path):
    assert "warning: 1 of the " in evaluated[2]
    (tmp_path / "greek.txt").write_text("Καλημέρα κόσμε\n", encoding="utf-8")
    done = command("char_lstm_tf.evaluate", f"--model={trained}", f"--text={tmp_path}")
    assert "warning: 13 of the 15 characters of" in done.stderr
    assert 'greek.txt: utf-8, 15 characters, "Καλημέρα κόσμε"' in done.stderr


def test_no_text_is_overwritten_and_both_files_differ(tmp_path):
    text = str(tmp_path / "x.txt")
    config = EvaluateConfig(text=(text,), html=text)
    with pytest.raises(UserError, match=r"--html=.*: this is one of the texts"):
        require_writable(config, "tsv", "html", texts=[text])
    config = EvaluateConfig(text=(text,), tsv=f"{tmp_path}/a", html=f"{tmp_path}/../{tmp_path.name}/a")
    with pytest.raises(UserError, match=r"--html=.*: this is the file of --tsv"):
        require_writable(config, "tsv", "html", texts=[text])
