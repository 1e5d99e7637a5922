import math

import keras
import numpy as np
import pytest

from char_lstm_tf import callbacks, models
from char_lstm_tf.config import ModelConfig
from char_lstm_tf.sampling import Writer
from char_lstm_tf.scoring import Scorer
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("abc\n")


@pytest.fixture
def model():
    return models.build_sequential(
        ModelConfig(units=(4,)), vocabulary_size=len(VOCABULARY), stream_batch_size=2
    )


def states(model):
    return np.concatenate([state.numpy() for state in model.layers[0].states])


def test_validation_adds_the_loss_of_a_full_pass_and_leaves_the_training_state(model):
    model(np.eye(5, dtype="float32")[[[1, 2, 3], [2, 3, 4]]])
    before = states(model)
    model.layers[-1].set_weights([np.zeros((4, 5)), np.zeros(5)])
    logs = {}
    callbacks.Validate(Scorer(model, VOCABULARY, chunk=5), VOCABULARY.encode("abcab")).on_epoch_end(0, logs)
    assert logs["val_loss"] == pytest.approx(math.log(5))
    assert np.abs(before).max() > 0
    np.testing.assert_array_equal(states(model), before)


def test_an_epoch_of_a_stream_begins_from_zero(model):
    model(np.eye(5, dtype="float32")[[[1, 2, 3], [2, 3, 4]]])
    reset = callbacks.ResetStates()
    reset.set_model(model)
    reset.on_epoch_begin(1)
    assert not states(model).any()


def test_the_best_epoch_is_kept():
    saved = []
    keep = callbacks.KeepBest(lambda: saved.append(epoch))
    for epoch, loss in enumerate([3.0, 2.0, 2.5, 2.0, math.nan, 1.9]):
        keep.on_epoch_end(epoch, {"loss": 1.0, "val_loss": loss})
    assert saved == [0, 1, 5]


def test_without_validation_the_last_epoch_is_kept():
    saved = []
    keep = callbacks.KeepBest(lambda: saved.append(epoch))
    for epoch in range(3):
        keep.on_epoch_end(epoch, {"loss": 1.0})
    assert saved == [0, 1, 2]


def test_training_stops_after_the_given_steps():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(
        np.zeros((10, 1)),
        np.zeros((10, 1)),
        batch_size=1,
        epochs=3,
        verbose=0,
        callbacks=[callbacks.StopAfter(14)],
    )
    assert int(model.optimizer.iterations) == 14


def test_samples_are_printed_and_appended_epoch_by_epoch(model, tmp_path, capsys):
    path = tmp_path / "samples.txt"
    writer = Writer(model, VOCABULARY)
    sample = callbacks.SampleText(writer, path=path, prompt="ab", chars=60, temperatures=(0.5, 1.0), seed=1)
    sample.on_epoch_end(0, {"loss": 2.5, "val_loss": 2.25})
    sample.on_epoch_end(1, {"loss": 2.0})
    text = path.read_text()
    assert capsys.readouterr().out == text.replace("\n\n━━ epoch 2", "\n\n\n━━ epoch 2") + "\n"
    assert (
        "epoch 1: loss 2.5000, val_loss 2.2500 (nats a character), prompt 'ab'\n── temperature 0.5\n" in text
    )
    assert text.index("epoch 1") < text.index("epoch 2: loss 2.0000 (")
    rows = writer.write("ab", chars=60, temperatures=(0.5, 1.0), seeds=(1, 1))
    for temperature, written in zip((0.5, 1.0), zip(*rows, strict=True), strict=True):
        assert (
            text.count(f"── temperature {temperature}\nab{''.join(written)}\n") == 2
        )  # nothing was learned between
