import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.compiling import OPTIMIZERS
from char_lstm_tf.training.fitting import fit


class Count(keras.callbacks.Callback):
    def __init__(self, progress, stop_after=None):
        super().__init__()
        self.progress, self.stop_after, self.calls, self.first = progress, stop_after, [], progress.step

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs):
        self.calls.append(batch)
        assert self.progress.step == self.first + len([call for call in self.calls if type(call) is int])

    def on_epoch_end(self, epoch, logs):
        self.calls.append(round(float(logs["loss"]), 6))
        assert float(logs["mean_target"]) == pytest.approx(float(logs["loss"]))
        self.model.stop_training = epoch == self.stop_after


def trained(*, steps, first=0, stop_after=None):
    """Fits a model whose loss in batch n is n; returns what the callback saw."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    mean = keras.metrics.MeanMetricWrapper(lambda target, output: target + 0 * output, "mean_target")
    model.compile(OPTIMIZERS["sgd"](0.0), loss=lambda target, output: target + 0 * output, metrics=[mean])
    sums = [*model.metrics_variables, *mean.variables]
    if first % 3 == 0:
        for number, variable in enumerate(sums):  # as a checkpoint of the end of an epoch leaves them
            variable.assign(1000.0 * number + 1000)
    progress = Progress("c", steps=steps, steps_per_epoch=3, step=first, seconds=1000.0)
    count = Count(progress, stop_after)
    batches = tf.data.Dataset.from_tensor_slices(np.arange(first, steps, dtype="float32")[:, None, None])
    fit(model, batches.map(lambda n: (n, n)), [count], progress=progress, sums=sums)
    assert (progress.step, progress.seconds > 1000) == (max(first, progress.step), steps > first)
    return count.calls


def test_epochs_batches_and_losses_are_those_of_keras_fit():
    assert trained(steps=6) == ["epoch 0", 0, 1, 2, 1.0, "epoch 1", 0, 1, 2, 4.0]


def test_the_last_epoch_may_be_short():
    assert trained(steps=4) == ["epoch 0", 0, 1, 2, 1.0, "epoch 1", 0, 3.0]


def test_it_starts_in_the_middle_of_an_epoch():
    assert trained(steps=6, first=4) == ["epoch 1", 1, 2, 4.5]


def test_a_callback_ends_it_after_an_epoch():
    assert trained(steps=9, stop_after=1)[-1] == 4.0


@pytest.mark.parametrize("steps", [3, 5])
def test_nothing_happens_when_all_is_done(steps):
    assert trained(steps=steps, first=steps) == []
