import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import TrainingConfig
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.compiling import compile_model
from char_lstm_tf.training.fitting import fit, train_function


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
        self.model.stop_training = epoch == self.stop_after


def trained(*, steps, first=0, stop_after=None):
    """Fits a model whose loss in batch n is n nats; returns what the callback saw."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    state = compile_model(model, TrainingConfig(optimizer="sgd", learning_rate=1e-30), steps=steps)
    model.set_weights([np.eye(2)])
    if first % 3 == 0:
        for number, variable in enumerate(state.sums):  # as a checkpoint of the end of an epoch leaves them
            variable.assign(1000.0 * number + 1000)
    progress = Progress("c", steps=steps, steps_per_epoch=3, step=first, seconds=1000.0)
    count = Count(progress, stop_after)
    numbers = np.arange(first, steps, dtype="float32")
    # The loss of the second class is ln(1 + exp(x)) with x = ln(exp(n) - 1), which is n.
    inputs = np.stack([np.log(np.expm1(np.maximum(numbers, 1e-30))), 0 * numbers], axis=1)[:, None]
    batches = tf.data.Dataset.from_tensor_slices(inputs).map(lambda x: (x, tf.constant([[0.0, 1.0]])))
    fit(model, batches, [count], progress=progress, state=state)
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


def test_an_embedding_is_clipped_by_the_norm_of_the_sums_of_equal_ids():
    """Three of four places have id 0, and each adds (1/8, -1/8). The norm is √(2 × (9 + 1) / 64) = 0.559.

    Keras would take it for √8 / 8 = 0.354, since it looks at the places one by one.
    """
    model = keras.Sequential([keras.Input((4,), dtype="int32"), keras.layers.Embedding(3, 2, "zeros")])
    config = TrainingConfig(optimizer="sgd", learning_rate=1.0, schedule="constant", clipnorm=0.4)
    state = compile_model(model, config, steps=1, sparse=True)
    batch = np.array([[0, 0, 0, 1]], np.int32), np.array([[1, 1, 1, 1]], np.int32)
    logs = train_function(model, state)(iter(tf.data.Dataset.from_tensors(batch)))
    assert float(logs["gradient_norm"]) == pytest.approx((20 / 64) ** 0.5)
    assert np.linalg.norm(model.get_weights()[0]) == pytest.approx(0.4)
