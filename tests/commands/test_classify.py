"""Documents with labels: train, sample, evaluate and classify, as processes."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, command

import char_lstm_tf
from char_lstm_tf.inference.calibration import Calibration
from char_lstm_tf.inference.texts import documents_of_part
from char_lstm_tf.runs.trained import TrainedRun

pytestmark = pytest.mark.slow  # they train three runs, in processes of their own

WORDS = {"river": "water boat bank stream reed", "hill": "stone path peak goat cloud"}
FLAGS = ["--units=16", "--batch_size=4", "--window=16", "--sample_chars=40", "--seed=3", "--epochs=6"]
OF_COUNTS = ["--architecture=counts", "--order=4", "--sample_chars=40"]


def sentences(label, count, seed):
    chance = np.random.default_rng(seed)
    return [" ".join(chance.choice(WORDS[label].split(), 4)) for _ in range(count)]


def train(folder, *flags):
    paths = [f"--output_dir={folder}/runs", f"--data_dir={folder}/data"]
    given = {flag.split("=")[0] for flag in flags}
    of_network = [flag for flag in FLAGS if flag.split("=")[0] not in given]
    done = command("char_lstm_tf.train", *paths, *([] if OF_COUNTS[0] in flags else of_network), *flags)
    assert done.returncode == 0, done.stderr
    return done


def classify(*words):
    done = command("char_lstm_tf.classify", *words)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    for kind, seed in (("train", 1), ("new", 2)):
        (folder / kind).mkdir()
        for label in WORDS:
            texts = sentences(label, 150 if kind == "train" else 10, seed)
            (folder / kind / f"{label}.txt").write_text("\n".join(texts) + "\n")
    text = [f"--text={folder}/train", "--documents=lines", "--labels=file", "--split=0.7,0.2,0.1"]
    done = train(folder, *text, "--name=places")
    (folder / "stderr").write_text(done.stderr)
    (folder / "stdout").write_text(done.stdout)
    train(folder, *text, "--name=counted", *OF_COUNTS)
    return folder


def test_training_says_the_labels_and_writes_a_sample_of_each(folder):
    assert "2 labels and their documents: hill 150, river 150" in (folder / "stderr").read_text()
    assert "[hill] " in (folder / "stdout").read_text()
    metrics = json.loads((folder / "runs/places/metrics.json").read_text())
    assert metrics["test"]["labels"]["accuracy"] > 0.9
    assert metrics["calibration"]["passages"] == metrics["validation"]["documents"] > 20


def test_a_table_has_the_probability_of_each_label_and_the_measures_follow(folder):
    picture = folder / "confusion.png"
    done = classify(f"--model={folder}/runs/places", f"--text={folder}/new", "--labels=file", f"--picture={picture}")
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["predicted", "hill", "river", "quantile", "document"]
    for row in rows[:20]:
        predicted, *shares = row.split()[:3]
        hill, river = map(float, shares)
        assert predicted == ("hill" if hill > river else "river")
        assert hill + river == pytest.approx(1, abs=2e-4)
    assert any(row.split() == ["hill", "10", "0"] for row in rows)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "options",
    [
        ["--mix={folder}/runs/counted"],
        ["--priors=equal", "--passage=12"],
    ],
)
def test_json_has_a_line_a_document_and_the_measures_last(folder, options):
    words = [word.format(folder=folder) for word in options]
    done = classify(f"--model={folder}/runs/places", f"--text={folder}/new", "--labels=file", "--json", *words)
    *rows, report = map(json.loads, done.stdout.splitlines())
    assert report["documents"] == len(rows) >= 20
    place = {"document", "file", "line", "text", *(("start", "end") if "--passage=12" in words else ())}
    assert set(rows[0]) == place | {"predicted", "label", "probabilities", "loss_quantile", "unusual"}
    assert report["accuracy"] == np.mean([row["predicted"] == row["label"] for row in rows]) > 0.8
    assert report["labels"] == ["hill", "river"]
    assert np.sum(report["confusion"]) == len(rows)
    assert 0 < report["nats_per_char"] < 3


def test_passages_are_summed_up_and_their_rows_are_in_the_file(folder, tmp_path):
    words = [f"--model={folder}/runs/counted", f"--text={folder}/new", "--labels=file", "--passage=12"]
    shown = classify(*words, f"--output={tmp_path}/rows.csv").stdout
    assert classify(*words).stdout.replace("--output or --json", f"{tmp_path}/rows.csv") == shown
    rows = (tmp_path / "rows.csv").read_text().splitlines()[1:]
    assert f"documents                   {len(rows):>12,}" in shown
    assert len([line for line in shown.splitlines() if " passages " in line]) < len(rows)


def test_python_gives_the_probabilities_of_the_command(folder):
    rows = map(
        json.loads, classify(f"--model={folder}/runs/counted", f"--text={folder}/new", "--json").stdout.splitlines()
    )
    model = char_lstm_tf.load(folder / "runs/counted")
    texts = [line for label in sorted(WORDS) for line in (folder / "new" / f"{label}.txt").read_text().splitlines()]
    for row, found in zip(rows, model.classify(texts), strict=False):
        assert next(iter(found)) == row["predicted"]
        for label, share in row["probabilities"].items():
            assert found[label] == pytest.approx(share, abs=1e-6)
    assert model.calibration != Calibration((0.5, 0.5))


def test_runs_for_each_label_are_compared_on_the_characters_that_all_know(folder):
    for label, extra in (("river", "öööö\n"), ("hill", "")):
        (folder / f"{label}.txt").write_text("\n".join(sentences(label, 80, 3)) + "\n" + extra)
        text = [f"--text={folder}/{label}.txt", "--documents=lines", f"--name={label}", "--split=1,0,0"]
        train(folder, *text, *OF_COUNTS)
    (folder / "new.tsv").write_text("hill\tstone pöth peak goat\nriver\treed boat water\nsea\twave\n")
    done = classify(
        f"--models={folder}/runs/river,{folder}/runs/hill",
        f"--text={folder}/new.tsv",
        *("--documents=rows", "--text_field=2", "--labels=field", "--label_field=1", "--json"),
    )
    *rows, report = map(json.loads, done.stdout.splitlines())
    assert [row["predicted"] for row in rows[:2]] == ["hill", "river"]
    assert report["documents"] == 2
    assert "not measured, since the model doesn't know these labels: 'sea' (1)" in done.stderr
    assert "aren't calibrated" in done.stderr
    assert "weren't compared" in done.stderr


def test_lines_are_classified_as_they_come(folder):
    words = [sys.executable, "-m", "char_lstm_tf.classify", f"--model={folder}/runs/counted", "--text=-", "--json"]
    done = subprocess.run(words, input="boat bank\n\npeak\n", cwd=ROOT, capture_output=True, text=True, timeout=200)
    *rows, last = map(json.loads, done.stdout.splitlines())
    assert [row["predicted"] for row in rows] == ["river", "hill"]
    assert last["documents"] == 2


def test_samples_and_losses_are_those_of_a_label(folder):
    model = f"--model={folder}/runs/counted"
    for label in WORDS:
        done = command("char_lstm_tf.sample", model, f"--label={label}", "--num_samples=20", "--seed=1")
        words = done.stdout.split()
        assert np.mean([word in WORDS[label].split() for word in words]) > 0.5, done.stdout
    losses = {}
    for label in WORDS:
        done = command("char_lstm_tf.evaluate", model, f"--text={folder}/new/hill.txt", f"--label={label}", "--json")
        losses[label] = json.loads(done.stdout.splitlines()[-1])["nats_per_char"]
    assert losses["hill"] < losses["river"]


def test_of_a_held_out_part_the_documents_of_a_label_can_be_scored_alone(folder):
    for name in ("places", "counted"):
        run = TrainedRun.open(folder / "runs" / name)
        for label in WORDS:
            documents = list(documents_of_part(run.load_corpus(), "validation", label))
            known = (folder / "train" / f"{label}.txt").read_text().splitlines()
            assert {document.text for document in documents} < set(known)
            assert len(documents) > 9


def test_fine_tuning_adds_labels(folder):
    (folder / "more").mkdir()
    for label, words in (("hill", "stone path"), ("--sea", "wave salt")):
        (folder / "more" / f"{label}.txt").write_text("".join(f"{words} {number}\n" for number in range(60)))
    done = train(folder, f"--init_from={folder}/runs/places", f"--text={folder}/more", "--labels=file", "--name=more")
    assert "3 labels and their documents: hill 60, river 0, --sea 60" in done.stderr
    shown = command("char_lstm_tf.sample", f"--model={folder}/runs/more", "--label=--sea", "--seed=1")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["sample", "--model={folder}/runs/counted", "--label=sea"],
            "label 'sea' isn't known to the model; it knows hill, river",
        ),
        (
            ["sample", "--model={folder}/runs/counted"],
            "--label: the model was trained with labels, so give one of them: hill, river",
        ),
        pytest.param(
            ["evaluate", "--model={folder}/runs/counted", "--text={folder}/new"],
            "so give one of them: hill, river",
            marks=pytest.mark.slow,
        ),
        (["classify", "--model={folder}/runs/counted"], "--text=: names no file"),
        (["classify", "--text={folder}/new"], "--model=: give it, or several --models"),
        (["classify", "--model={folder}/runs/counted", "--text={folder}/none"], "no such file, folder or glob"),
        (["classify", "--models={folder}/runs/counted", "--text={folder}/new"], "give at least two runs"),
        pytest.param(
            ["classify", "--models={folder}/runs/counted,{folder}/runs/places", "--text={folder}/new"],
            "was trained with labels; give it as --model",
            marks=pytest.mark.slow,
        ),
        (["classify", "--model={folder}/runs/counted", "--text={folder}/new", "--picture=x.png"], "needs true labels"),
    ],
)
def test_a_mistake_is_one_line(folder, words, message):
    done = command(*(word.format(folder=folder) for word in [f"char_lstm_tf.{words[0]}", *words[1:]]))
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--labels=file"], "--labels=file: only has an effect with --documents=files|lines|rows"),
        (["--labels=field", "--documents=lines"], "--labels=field: names a column of --documents=rows"),
        (["--label_field=2", "--documents=lines", "--labels=file"], "only has an effect with --labels=field"),
        (["--labels=folder", "--documents=lines"], "have one label alone, 'train'"),
    ],
)
def test_labels_that_can_not_be_are_refused_before_training(folder, flags, message):
    done = command("char_lstm_tf.train", f"--text={folder}/train", "--name=x", f"--output_dir={folder}", *flags)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
