import csv
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT, TINY, command, verse

from char_lstm_tf.models import build
from char_lstm_tf.runs.trained import TrainedRun


def output(trained, name):
    return (trained.parent.parent / name).read_text()


def log(run):
    return list(csv.DictReader((run / "training.csv").read_text().splitlines()))


def test_a_run_leaves_what_the_design_promises(trained):
    assert sorted(entry.name for entry in trained.iterdir()) == [
        "1",
        "README.md",
        "curves.png",
        "flags.txt",
        "logs",
        "metrics.json",
        "model.keras",
        "samples.txt",
        "speed.csv",
        "steps.csv",
        "training.csv",
        "vocabulary.json",
    ]
    assert (trained / "1" / "saved_model.pb").is_file()
    assert list((trained / "logs").rglob("events.out.*"))


def test_the_log_has_a_row_an_epoch_and_the_loss_falls(trained):
    rows = log(trained)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert float(rows[1]["val_loss"]) < float(rows[0]["val_loss"]) < np.log(40)


def test_stdout_is_samples_and_results_and_stderr_the_rest(trained):
    stdout, stderr = output(trained, "stdout"), output(trained, "stderr")
    assert stdout.startswith((trained / "samples.txt").read_text().split("\n── ")[0])
    table, last = stdout.split("held out")[1].split("\n\n")
    metrics = json.loads((trained / "metrics.json").read_text())
    assert f"{metrics['test']['nats_per_char']:.4f}" in table
    assert f"SavedModel: {trained / '1'}" in last
    assert f"python -m char_lstm_tf.sample --model={trained}" in last
    assert "validation loss" in stderr
    assert "Total params" in stderr
    for noise in ("cuda", "AVX", "Warning", "WARNING"):
        assert noise not in stderr


def test_metrics_are_those_of_evaluate(trained):
    text = trained.parent.parent / "verse.txt"
    characters = len(text.read_text())
    test = trained.parent.parent / "test.txt"
    test.write_text(text.read_text()[round(characters * 0.95) :])
    done = command("char_lstm_tf.evaluate", f"--model={trained}", f"--text={test}", "--json")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((trained / "metrics.json").read_text())
    assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(metrics["test"])
    assert metrics["test"]["characters"] == len(test.read_text()) - 1
    steps = round(characters * 0.9) - 1
    steps = steps // 4 // 16 * 2
    assert metrics["characters_seen"] == steps * 4 * 16
    assert metrics["parameters"] == build.load(TrainedRun.open(trained)).keras_model.count_params()


def test_a_seed_repeats_a_sample_and_unknown_characters_are_reported(trained):
    words = [f"--model={trained}", "--prompt=The ☃ ", "--chars=130", "--seed=5"]
    first = command("char_lstm_tf.sample", *words)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("The ☃ ")
    assert len(first.stdout) == len("The ☃ ") + 130 + len("\n")
    assert first.stderr == "--prompt: the model doesn't know '☃' and reads each as �\n"
    two = command("char_lstm_tf.sample", *words, "--num_samples=2").stdout
    assert "━━ seed 5\n" + first.stdout in two
    assert "━━ seed 6\n" in two


@pytest.mark.slow
def test_a_run_continues_when_nobody_reads_what_it_prints(tmp_path):
    (tmp_path / "verse.txt").write_text(verse(60))
    words = [
        f"--text={tmp_path}/verse.txt",
        "--name=x",
        f"--output_dir={tmp_path}",
        f"--data_dir={tmp_path}",
        *TINY,
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "char_lstm_tf.train", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    process.stdout.close()
    assert process.wait(timeout=200) == 0
    assert (tmp_path / "x" / "metrics.json").is_file()


@pytest.mark.slow
def test_flags_repeat_the_run(trained, tmp_path):
    done = command("char_lstm_tf.train", f"--flagfile={trained / 'flags.txt'}", f"--output_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    for file in ("flags.txt", "training.csv", "samples.txt", "vocabulary.json"):
        before, after = ((folder / file).read_text() for folder in (trained, tmp_path / "tiny"))
        assert after.replace(str(tmp_path), str(trained.parent)) == before


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(
            ["--architecture=functional", "--encoding=embedding", "--cell=gru", "--dropout=0.2"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["--target=next_char", "--stride=7", "--cell=rnn", "--optimizer=rmsprop", "--clipvalue=5"],
            marks=pytest.mark.slow,
        ),
        pytest.param(["--bidirectional", "--target=next_char", "--stride=7"], marks=pytest.mark.slow),
        pytest.param(
            ["--architecture=ngram", "--target=next_char", "--stride=7", "--encoding=embedding"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            [
                "--encoding=embedding",
                "--batching=shuffled",
                "--split=1,0,0",
                "--sample_chars=0",
                "--schedule=exponential",
            ],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_every_choice_trains_evaluates_and_exports(tmp_path, flags):
    (tmp_path / "verse.txt").write_text(verse(60))
    done = command(
        "char_lstm_tf.train",
        f"--text={tmp_path}/verse.txt",
        "--name=x",
        f"--output_dir={tmp_path}",
        f"--data_dir={tmp_path}/data",
        *TINY,
        "--epochs=3",
        "--max_steps=41",
        *flags,
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "x" / "metrics.json").read_text())
    assert 0.9 * 41 * 4 * 16 < metrics["characters_seen"] <= 41 * 4 * 16  # the last batch of an epoch is short
    assert ("test" in metrics) == ("--split=1,0,0" not in flags)
    assert (tmp_path / "x" / "samples.txt").exists() == ("--sample_chars=0" not in flags)
    assert keras.models.load_model(tmp_path / "x" / "model.keras").count_params() == metrics["parameters"]
    if "--split=1,0,0" not in flags:
        assert metrics["validation"]["nats_per_char"] < np.log(30)
    refused = command("char_lstm_tf.train", f"--text={tmp_path}/verse.txt", "--name=x", f"--output_dir={tmp_path}")
    assert refused.returncode == 1
    assert "--overwrite" in refused.stderr
