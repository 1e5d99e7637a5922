"""Callbacks of a program that calls `char_lstm_tf.train`."""

import csv

import keras
import numpy as np
import pytest
from conftest import verse

import char_lstm_tf
from pipelines import UserError

SIZES = {"units": (8,), "batch_size": 4, "window": 16, "epochs": 4, "sample_chars": 0, "quiet": True}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "verse.txt").write_text(verse(60))
    where = {"output_dir": str(tmp_path), "data_dir": str(tmp_path / "data"), "text": (f"{tmp_path}/verse.txt",)}
    return lambda **flags: char_lstm_tf.Config(**SIZES | where | {"name": "x"} | flags)


def test_what_is_no_callback_is_refused(config):
    with pytest.raises(UserError, match=r"callbacks: <class .*EarlyStopping'> isn't a keras.callbacks.Callback"):
        char_lstm_tf.train(config(), callbacks=[keras.callbacks.EarlyStopping])


def test_counts_have_no_training_that_callbacks_could_watch(config):
    counts = char_lstm_tf.Config(architecture="counts", name="x", text=config().text)
    with pytest.raises(UserError, match="--architecture=counts: has no training steps that callbacks could watch"):
        char_lstm_tf.train(counts, callbacks=[keras.callbacks.History()])


@pytest.mark.slow
@pytest.mark.parametrize("documents", ["text", "lines"])
def test_callbacks_of_keras_work(config, tmp_path, documents):
    log, file, epochs = tmp_path / "log.csv", tmp_path / "best.keras", []
    callbacks = [
        keras.callbacks.EarlyStopping("val_loss", min_delta=100, patience=2, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(file, save_best_only=True),
        keras.callbacks.CSVLogger(log),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append((epoch, logs["val_loss"]))),
        history := keras.callbacks.History(),
    ]
    metrics = char_lstm_tf.train(config(documents=documents), callbacks=callbacks)
    assert [epoch for epoch, _ in epochs] == [0, 1, 2]  # no epoch is better by 100 nats
    assert history.history["val_loss"] == [loss for _, loss in epochs]
    with log.open() as opened:
        assert [float(row["val_loss"]) for row in csv.DictReader(opened)] == history.history["val_loss"]
    assert metrics["epoch"] == 3
    assert metrics["validation"]["nats_per_char"] == pytest.approx(epochs[-1][1], rel=1e-5)
    kept = keras.models.load_model(file)
    best = char_lstm_tf.load(tmp_path / "x").keras_model
    for mine, other in zip(kept.get_weights(), best.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.slow
def test_a_run_whose_callback_failed_goes_on_as_if_nothing_had_happened(config, tmp_path):
    whole = char_lstm_tf.train(config(name="whole"))

    def fail(batch, logs):
        assert batch < 5, "theirs"

    with pytest.raises(AssertionError, match="theirs"):
        char_lstm_tf.train(config(), callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=fail)])
    resumed = char_lstm_tf.train(config(resume=True))
    assert resumed["validation"] == whole["validation"]
    for one, other in zip(
        *(char_lstm_tf.load(tmp_path / name).keras_model.get_weights() for name in ("x", "whole")), strict=True
    ):
        np.testing.assert_array_equal(one, other)
