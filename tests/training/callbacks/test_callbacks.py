import math

import keras
import numpy as np
import pytest

from char_lstm_tf.config import Config, ModelConfig
from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.inference.writing import Sampling, Writer
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.callbacks import epochs
from char_lstm_tf.training.objective import PredictText
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("abc\n")


@pytest.fixture
def network():
    interface = Interface(vocabulary_size=len(VOCABULARY), stream_batch_size=2)
    return networks.build_sequential(ModelConfig(units=(4,)), interface)


@pytest.fixture
def model(network):
    return network.keras_model


def states(model):
    return np.concatenate([state.numpy() for state in model.layers[0].states])


def test_measures_are_of_a_full_pass_and_leave_the_training_state(network, model):
    model(np.eye(5, dtype="float32")[[[1, 2, 3], [2, 3, 4]]])
    before = states(model)
    model.layers[-1].set_weights([np.zeros((4, 5)), np.zeros(5)])
    model.compile(keras.optimizers.SGD(0.25))
    logs = {"loss": math.log(8)}
    measure = epochs.Measure(PredictText, Scorer(network, VOCABULARY, chunk=5), VOCABULARY.encode("abcab"))
    measure.set_model(model)
    measure.on_epoch_end(0, logs)
    assert logs["val_loss"] == pytest.approx(math.log(5))
    assert logs["val_bits_per_char"] == pytest.approx(math.log2(5))
    assert logs["val_perplexity_per_char"] == pytest.approx(5)
    assert logs["bits_per_char"] == pytest.approx(3)
    assert logs["perplexity_per_char"] == pytest.approx(8)
    assert logs["learning_rate"] == 0.25
    assert np.abs(before).max() > 0
    np.testing.assert_array_equal(states(model), before)


@pytest.mark.parametrize(("step", "begins"), [(20, True), (23, False)])
def test_an_epoch_of_a_stream_starts_from_a_zero_state_unless_it_is_resumed(model, step, begins):
    model(np.eye(5, dtype="float32")[[[1, 2, 3], [2, 3, 4]]])
    reset = epochs.ResetStates(Progress("c", steps=100, steps_per_epoch=10, step=step))
    reset.set_model(model)
    reset.on_epoch_begin(2)
    assert states(model).any() != begins


def test_the_best_epoch_is_kept():
    saved, progress = [], Progress("c", steps=100)
    keep = epochs.KeepBest(progress, lambda: saved.append(epoch))
    for epoch, loss in enumerate([3.0, 2.0, 2.5, 2.0, math.nan, 1.9, 2.0]):
        keep.on_epoch_end(epoch, {"loss": 1.0, "val_loss": loss})
    assert saved == [0, 1, 5]
    assert (progress.best_loss, progress.best_epoch, progress.epochs_since_best) == (1.9, 6, 1)


def test_without_validation_the_last_epoch_is_kept():
    saved, progress = [], Progress("c", steps=100)
    keep = epochs.KeepBest(progress, lambda: saved.append(epoch))
    for epoch in range(3):
        keep.on_epoch_end(epoch, {"loss": 1.0})
    assert saved == [0, 1, 2]
    assert progress.best_epoch == 3


LOSSES = [3.0, 2.0, 2.1, 2.2, 1.9, 2.0, 2.0, 2.0, 2.0]


def test_the_learning_rate_falls_on_a_plateau_and_the_run_ends_on_a_longer_one(model):
    progress, scale = Progress("c", steps=100), keras.Variable(1.0)
    chosen = [
        epochs.KeepBest(progress, lambda: None),
        epochs.LowerLearningRate(progress, scale, patience=2, factor=0.5),
        epochs.StopEarly(progress, patience=4),
    ]
    model.stop_training = False
    chosen[-1].set_model(model)
    scales = []
    for epoch, loss in enumerate(LOSSES):
        for callback in chosen:
            callback.on_epoch_end(epoch, {"val_loss": loss})
        scales.append(float(scale))
        assert progress.stopped == model.stop_training == (epoch == 8)
    assert scales == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert progress.finished


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_nan_loss_ends_the_run_with_the_history_and_the_remedy(model, loss):
    model.compile(keras.optimizers.SGD(0.5))
    check = epochs.CheckLoss(Progress("c", steps=100, step=42))
    check.set_model(model)
    check.on_train_batch_end(0, {"loss": 2.5, "gradient_norm": 1234.5})
    with pytest.raises(
        epochs.DivergedError,
        match=r"step 42 .* mean loss was 2\.5 .* 1\.23e\+03. Lower --learning_rate .*0\.5",
    ) as caught:
        check.on_train_batch_end(1, {"loss": loss, "gradient_norm": loss})
    assert caught.value.status == 3


def test_infinite_weights_end_the_run_before_they_are_kept(model):
    model.compile(keras.optimizers.SGD(0.5))
    check = epochs.CheckLoss(Progress("c", steps=100, step=50))
    check.set_model(model)
    check.on_epoch_end(4, {"loss": 2.5})
    model.layers[-1].bias.assign([0.0, 0.0, math.inf, 0.0, 0.0])
    with pytest.raises(epochs.DivergedError, match=r"a weight after step 50 is NaN or infinite"):
        check.on_epoch_end(4, {"loss": 2.5})


@pytest.mark.parametrize("quiet", [False, True])
def test_samples_are_printed_and_appended_epoch_by_epoch(network, tmp_path, capsys, quiet):
    path, temperatures = tmp_path / "samples.txt", (0.5, 1.0)
    writer = Writer(network, VOCABULARY)
    config = Config(
        name="x", sample_prompt="ab", sample_chars=60, sample_temperatures=temperatures, seed=1, quiet=quiet
    )
    sample = epochs.SampleText(writer, config, path=path)
    sample.on_epoch_end(0, {"loss": 2.5, "val_loss": 2.25})
    sample.on_epoch_end(1, {"loss": 2.0})
    text = path.read_text()
    printed = "" if quiet else text.replace("\n\n━━ epoch 2", "\n\n\n━━ epoch 2") + "\n"
    assert capsys.readouterr().out == printed
    assert "epoch 1: loss 2.5000, val_loss 2.2500 (nats a character), prompt 'ab'\n── temperature 0.5\n" in text
    assert text.index("epoch 1") < text.index("epoch 2: loss 2.0000 (")
    each = [Sampling(temperature=temperature, seed=1) for temperature in temperatures]
    rows = writer.write(["ab", "ab"], each, chars=60)
    for temperature, written in zip(temperatures, zip(*rows, strict=True), strict=True):
        sample = f"── temperature {temperature}\nab{''.join(written)}\n"
        assert text.count(sample) == 2  # nothing was learned between
