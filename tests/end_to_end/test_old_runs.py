"""Runs that an earlier version made, in old_runs: one of each kind, and one that was killed."""

import json
import shutil

import keras
import numpy as np
import pytest
from conftest import ROOT, command, verse

import char_lstm_tf.models
from char_lstm_tf.inference.language_model import LanguageModel

OLD = ROOT / "tests" / "end_to_end" / "old_runs"
EXPECTED = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))
KINDS = [name for name in EXPECTED if name not in ("interrupted", "answers")]
QUICK = {"sequential", "counts", "documents"}
TEXT = verse(8, seed=9) + "é☃\n"


@pytest.mark.parametrize(
    "kind", [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_an_old_run_scores_and_writes_as_it_did(kind):
    model, expected = LanguageModel.load(OLD / kind), EXPECTED[kind]
    label = expected.get("label", "")
    (score,) = model.score([TEXT], label=label)
    numbers = {name: value for name, value in expected.items() if name not in ("sample", "label")}
    assert score.report() == pytest.approx(score.report() | numbers, rel=1e-5)
    assert "The " + model.generate(["The "], chars=60, temperature=0.5, seed=7, label=label)[0] == expected["sample"]


def test_an_old_run_that_answers_labels_answers_as_it_did():
    (found,) = LanguageModel.load(OLD / "answers").classify([TEXT])
    assert found == pytest.approx(EXPECTED["answers"], abs=1e-5)


@pytest.mark.parametrize("kind", [*KINDS, "answers"])
def test_an_old_model_file_is_read_by_keras_once_our_models_are_imported(kind):
    assert char_lstm_tf.models
    loaded = keras.models.load_model(OLD / kind / "model.keras")
    ours = LanguageModel.load(OLD / kind).network.keras_model
    for one, other in zip(loaded.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_old_runs_are_listed_and_compared():
    lines = command("char_lstm_tf.runs", f"--output_dir={OLD}").stdout.splitlines()
    assert {line.split()[1] for line in lines[1:]} == {"finished", "interrupted"}
    assert len(lines) == 1 + len(EXPECTED)
    compared = command("char_lstm_tf.runs", f"--output_dir={OLD}", "--compare=sequential,gru").stdout
    assert [line.split()[:3] for line in compared.splitlines()[1:3]] == [
        ["--cell", "lstm", "gru"],
        ["--units", "6,5", "6"],
    ]


@pytest.mark.slow
def test_an_old_run_that_was_killed_is_resumed_and_ends_as_it_would_have(tmp_path):
    shutil.copytree(OLD / "interrupted", tmp_path / "runs" / "interrupted")
    (tmp_path / "verse.txt").write_text(verse(60))
    done = command("char_lstm_tf.train", "--resume", "--name=interrupted", "--output_dir=runs", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "runs" / "interrupted" / "metrics.json").read_text())
    expected = EXPECTED["interrupted"]
    assert metrics["characters_seen"] == expected["characters_seen"]
    for part in ("validation", "test"):  # other machines round differently
        assert metrics[part]["nats_per_char"] == pytest.approx(expected[part], rel=1e-4)
