import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import Config, ModelConfig, TrainingConfig
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.callbacks.user import UserCallbacks
from char_lstm_tf.training.fitting.compiling import compile_model
from char_lstm_tf.training.fitting.divergence import DivergedError
from char_lstm_tf.training.fitting.loop import Fitting
from char_lstm_tf.training.fitting.step import reset_carried_state, train_function


class Count(keras.callbacks.Callback):
    """Writes down what is called, and the loss of each epoch."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs):
        self.calls.append(batch)

    def on_epoch_end(self, epoch, logs):
        self.calls.append(round(float(logs["loss"]), 6))


class Evaluation:
    """Answers the validation losses that it is given."""

    def __init__(self, losses=()):
        self.losses, self.kept = list(losses), []

    def measure(self, epoch, logs):
        self.epoch = epoch
        return logs | ({"val_loss": self.losses.pop(0)} if self.losses else {})

    def keep_weights(self):
        self.kept.append(self.epoch)


def trained(*, steps, first=0, ended=None, losses=(), theirs=(), saved=None, **flags):
    """Trains a model whose loss in batch n is n nats; returns what happened, and what was saved."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    state = compile_model(model, TrainingConfig(optimizer="sgd", learning_rate=1e-30), steps=steps)
    model.set_weights([np.eye(2)])
    if first % 3 == 0:
        for number, variable in enumerate(state.sums):  # as a checkpoint of the end of an epoch leaves them
            variable.assign(1000.0 * number + 1000)
    progress = Progress("c", steps, 3, first, first // 3 if ended is None else ended, seconds=1000.0)
    numbers = np.arange(steps, dtype="float32")
    # The loss of the second class is ln(1 + exp(x)) with x = ln(exp(n) - 1), which is n.
    inputs = np.stack([np.log(np.expm1(np.maximum(numbers, 1e-30))), 0 * numbers], axis=1)[:, None]
    batches = tf.data.Dataset.from_tensor_slices(inputs).map(lambda x: (x, tf.constant([[0.0, 1.0]])))
    objective = types.SimpleNamespace(
        chars_per_loss=1.0,
        batches=types.SimpleNamespace(dataset=lambda first, last: batches.take(last).skip(first)),
    )
    saved, count, evaluation = [] if saved is None else saved, Count(), Evaluation(losses)
    fitting = Fitting(
        model,
        objective,
        state,
        types.SimpleNamespace(save=saved.append),
        progress=progress,
        training=Config(name="x", checkpoint_seconds=0, **flags).settings.model.training,
    )
    fitting.train([count], evaluation, UserCallbacks(theirs, model, progress=progress, save=fitting.save))
    assert fitting.progress.finished
    assert (fitting.progress.seconds > 1000) == (fitting.progress.step > first)
    return types.SimpleNamespace(calls=count.calls, saved=saved, kept=evaluation.kept, fitting=fitting, state=state)


def test_epochs_batches_and_losses_are_those_of_keras_fit():
    assert trained(steps=6).calls == ["epoch 0", 0, 1, 2, 1.0, "epoch 1", 0, 1, 2, 4.0]


def test_callbacks_of_a_user_are_called_as_keras_calls_them_with_numbers():
    calls = []

    class Theirs(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            calls.append((epoch, self.params["epochs"], self.params["steps"], self.model.name[:10]))

        def on_train_batch_end(self, batch, logs=None):
            calls.append((batch, {name: type(value) for name, value in logs.items()}))

        def on_test_begin(self, logs=None):
            calls.append("test")

        def on_test_end(self, logs=None):
            calls.append(logs)

        def on_epoch_end(self, epoch, logs=None):
            calls.append((epoch, logs["loss"], logs["val_loss"]))

    numbers = dict.fromkeys(("loss", "gradient_norm", "accuracy"), float)
    trained(steps=3, losses=[2.0], theirs=[Theirs()])
    assert calls[0] == (0, 1, 3, "sequential")
    assert calls[1:4] == [(batch, numbers) for batch in range(3)]
    assert calls[4:] == ["test", {"loss": 2.0}, (0, pytest.approx(1.0), 2.0)]


class Stop(keras.callbacks.Callback):
    """Stops after a batch or an epoch."""

    def __init__(self, *, batch=-1, epoch=-1):
        super().__init__()
        self._batch, self._epoch = batch, epoch

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training |= batch == self._batch

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training |= epoch == self._epoch


def test_a_user_may_stop_training_at_the_end_of_an_epoch():
    run = trained(steps=9, theirs=[Stop(epoch=0)])
    assert run.calls == ["epoch 0", 0, 1, 2, 1.0]
    assert run.fitting.progress.stopped


def test_a_user_may_stop_training_after_a_batch_which_ends_its_epoch_with_a_checkpoint():
    run = trained(steps=9, theirs=[Stop(batch=1)])
    assert run.calls == ["epoch 0", 0, 1, 0.5]
    assert [(progress.step, progress.finished) for progress in run.saved] == [(2, False)]
    assert run.fitting.progress.ended == 1


@pytest.mark.parametrize(
    ("hook", "step", "ended"),
    [
        ("on_epoch_begin", 0, 0),
        ("on_train_batch_begin", 0, 0),
        ("on_train_batch_end", 1, 0),
        ("on_test_begin", 3, 0),
        ("on_test_end", 3, 0),
        ("on_epoch_end", 3, 1),
    ],
)
def test_an_exception_of_a_users_callback_is_raised_after_a_checkpoint(hook, step, ended):
    callback, saved = keras.callbacks.Callback(), []

    def fail(*_, **__):
        raise ZeroDivisionError("theirs")

    setattr(callback, hook, fail)
    with pytest.raises(ZeroDivisionError, match="theirs"):
        trained(steps=6, theirs=[callback], saved=saved)
    assert [(progress.step, progress.ended) for progress in saved] == [(step, ended)]


def test_the_last_epoch_may_be_short():
    assert trained(steps=4).calls == ["epoch 0", 0, 1, 2, 1.0, "epoch 1", 0, 3.0]


def test_it_starts_in_the_middle_of_an_epoch():
    assert trained(steps=6, first=4).calls == ["epoch 1", 1, 2, 4.5]


@pytest.mark.parametrize("steps", [3, 5])
def test_nothing_happens_when_all_is_done(steps):
    assert trained(steps=steps, first=steps, ended=-(-steps // 3)).calls == []


def test_a_run_that_stopped_before_the_end_of_an_epoch_begins_with_it():
    """Its means are those of the checkpoint."""
    assert trained(steps=6, first=3, ended=0).calls == ["epoch 0", 0.5, "epoch 1", 0, 1, 2, 4.0]


def test_a_checkpoint_of_the_last_step_of_an_epoch_is_written_before_its_end():
    saved = [(progress.step, progress.ended) for progress in trained(steps=6, checkpoint_steps=3).saved]
    assert saved == [(3, 0), (6, 1)]


def test_training_ends_early_and_keeps_the_best_epoch():
    found = trained(steps=30, losses=[3.0, 2.0, 2.5, 2.5, 1.0], patience=2)
    assert found.fitting.progress.step == 12
    assert found.kept == [0, 1]


def test_the_learning_rate_falls_on_a_plateau():
    found = trained(steps=12, losses=[3.0, 3.0, 3.0, 3.0], plateau_patience=1, plateau_factor=0.5)
    assert float(found.state.scale) == 0.125


def test_a_weight_that_is_not_finite_ends_the_run_as_diverged():
    def save(progress):
        raise FloatingPointError("a weight is not a finite number")

    fitting = Fitting(
        None, None, None, types.SimpleNamespace(save=save), progress=Progress("c", 9, step=1), training=None
    )
    with pytest.raises(DivergedError, match="diverged after step 1: a weight"):
        fitting.save()


def test_a_carried_state_starts_from_zeros():
    interface = Interface(vocabulary_size=5, stream_batch_size=2)
    model = networks.build_sequential(ModelConfig(units=(4,)), interface).keras_model
    model(np.eye(5, dtype="float32")[[[1, 2, 3], [2, 3, 4]]])
    assert all(state.numpy().any() for state in model.layers[0].states)
    reset_carried_state(model)
    assert not any(state.numpy().any() for state in model.layers[0].states)


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
