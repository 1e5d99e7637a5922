"""A run whose tokens are words."""

import csv
import json
import math

import numpy as np
import pytest
import tensorflow as tf
from conftest import verse

import char_lstm_tf
from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.runs.text import prepare_text
from char_lstm_tf.training.fitting.compiling import averaged_weights
from char_lstm_tf.training.run import Run
from char_lstm_tf.training.train import train
from pipelines import UserError


def plan(tmp_path, **options):
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "verse.txt").write_text(verse(300))
    folders = {"output_dir": str(tmp_path), "data_dir": str(tmp_path)}
    sizes = {"units": (12,), "batch_size": 4, "window": 8} if options.get("architecture") != "counts" else {}
    sizes |= {"sample_chars": 40, "split": (0.8, 0.1, 0.1), "quiet": True}
    return plan_run(text=(f"{tmp_path}/verse.txt",), name="w", tokens="words", **folders, **sizes | options)


@pytest.mark.slow
def test_its_losses_are_nats_a_character(tmp_path, capsys):
    planned = plan(tmp_path, max_words=9, epochs=1, learning_rate=1e-6, schedule="constant")
    metrics, text = train(planned).facts(), prepare_text(planned)
    with planned.folder.training_log.open() as file:
        row = next(csv.DictReader(file))
    # Nothing is learnt, so training and validation have about the loss of equally likely tokens.
    expected = math.log(len(text.vocabulary)) / text.chars_per_id
    for name in ("loss", "val_loss"):
        assert float(row[name]) == pytest.approx(expected, rel=0.15)
    assert (
        metrics["validation"]["characters"] == text.spelled[1] - text.vocabulary.lengths[text.split("validation")[0:1]]
    )
    assert metrics["characters_seen"] == pytest.approx(text.spelled[0], rel=0.05)

    model = char_lstm_tf.load(planned.folder.path)
    assert max(map(len, model.vocabulary.tokens)) > 1
    assert len(model.generate(["The "], chars=37, seed=1)[0]) == 37
    started = plan_run(
        name="more", init_from=str(planned.folder.path), output_dir=str(tmp_path), text=planned.config.text
    )
    assert (started.config.tokens, started.config.input_encoding) == ("words", "embedding")


def test_one_hot_vectors_of_many_words_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("char_lstm_tf.config.settings.MOST_ONE_HOT", 30)
    with pytest.raises(UserError, match=r"--encoding=one_hot: vectors of \d+ numbers .* use --encoding"):
        train(plan(tmp_path, encoding="one_hot"))


def test_a_run_of_characters_cant_be_continued_with_words(trained):
    with pytest.raises(UserError, match=r"--tokens=words: .*tiny has chars; leave the flag out"):
        plan_run(name="x", init_from=str(trained), tokens="words")


@pytest.mark.slow
def test_a_tied_run_trains_and_is_exported_with_its_weights_once(tmp_path):
    planned = plan(tmp_path, tie=True, epochs=1, embedding_size=6)
    metrics, size = train(planned).facts(), len(prepare_text(planned).vocabulary)
    assert metrics["parameters"] == size * 6 + 4 * 12 * (6 + 12 + 1) + 12 * 6 + size
    model = char_lstm_tf.load(planned.folder.path)
    text = "The old river runs."
    served = tf.saved_model.load(str(planned.folder.path / "1"))
    found = served.signatures["score"](text=tf.constant([text]))
    np.testing.assert_allclose(found["nats_per_char"], [model.score([text])[0].nats_per_char], rtol=1e-5)
    again = plan_run(name="more", init_from=str(planned.folder.path), output_dir=str(tmp_path))
    assert again.config.tie


@pytest.mark.slow
def test_a_sampled_softmax_learns_what_is_measured_exactly(tmp_path):
    options = {"max_words": 60, "units": (24,), "epochs": 4, "learning_rate": 0.02}
    plans = [plan(tmp_path / str(count), sampled_softmax=count, **options) for count in (0, 60)]
    exact, sampled = (train(planned).facts() for planned in plans)
    text = (tmp_path / "60" / "w" / "training.csv").read_text()
    assert "accuracy" not in text.splitlines()[0]
    assert sampled["validation"]["nats_per_char"] == pytest.approx(exact["validation"]["nats_per_char"], rel=0.1)


def test_averaged_weights_are_measured_and_kept(tmp_path):
    planned = plan(tmp_path, average=0.9, epochs=2)
    run = Run(planned, prepare_text(planned))
    with planned.folder.opened(planned.config, prepare_text(planned).vocabulary):
        run.fit()
    averages = [weight.numpy() for weight in averaged_weights(run.model)]
    for kept, average, last in zip(run.best.keras_model.get_weights(), averages, run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, average)
        assert np.abs(kept - last).max() > 1e-3
    with planned.folder.training_log.open() as file:
        *_, row = csv.DictReader(file)
    assert run.measure()["validation"]["nats_per_char"] == pytest.approx(float(row["val_loss"]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"architecture": "ngram", "target": "next_char"},
        {"architecture": "counts", "order": 3},
        {"batching": "shuffled"},
        {"tie": True},
        {"encoding": "one_hot", "max_words": 50},
    ],
)
def test_every_kind_of_run_writes_and_scores_words(tmp_path, options):
    planned = plan(tmp_path, **({} if options.get("architecture") == "counts" else {"epochs": 1}) | options)
    metrics = train(planned).facts()
    assert 0 < metrics["test"]["nats_per_char"] < 4
    assert planned.folder.samples.exists()
    score = char_lstm_tf.load(planned.folder.path).score(["The old river runs."])[0]
    assert score.characters == len("The old river runs.") - 3
    json.loads(planned.folder.vocabulary.read_text())["tokens"]
