"""The loop over batches. Keras' `fit` can't start in the middle of an epoch, so this replaces it."""

import time
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from char_lstm_tf.runs.progress import Progress


def train_function(model: keras.Model, *, chars_per_id: float = 1.0) -> Callable[[Iterator], dict[str, tf.Tensor]]:
    """Returns a function that takes a training step with the next batch of an iterator and returns the logs so far.

    Keras' own asks in Python, at each step, whether there was a batch, and then for the logs. That takes 1 ms a step in
    which nothing else happens.

    Args:
        model: compiled by `compile_model`. Its optimizer adds `gradient_norm` to the logs.
        chars_per_id: mean number of characters of a token. The loss in the logs is nats a character.
    """

    def step(iterator: Iterator) -> dict[str, tf.Tensor]:
        logs = model.train_step(iterator.get_next())
        return logs | {"loss": logs["loss"] / chars_per_id, "gradient_norm": model.optimizer.gradient_norm.result()}

    return tf.function(step, autograph=False)


def fit(
    model: keras.Model,
    batches: tf.data.Dataset,
    callbacks: list[keras.callbacks.Callback],
    *,
    progress: Progress,
    sums: list[keras.Variable],
    chars_per_id: float = 1.0,
) -> None:
    """Trains a model from step `progress.step` on, and calls the callbacks as Keras' `fit` does.

    `progress.step` and `progress.seconds` are counted up after each step, before the callbacks are called. A run that
    was stopped at the end of an epoch begins with that end.

    Args:
        model: compiled by `compile_model`.
        batches: (inputs, targets), from that step on, epoch after epoch.
        callbacks: what else happens.
        progress: of the run.
        sums: behind the means in the logs. They become 0 when an epoch starts. (Keras' `reset_metrics` leaves out
            metrics that haven't seen a batch in this process, but a checkpoint may have given them a value.)
        chars_per_id: as for `train_function`.
    """
    step = train_function(model, chars_per_id=chars_per_id)
    model.stop_training = False
    chosen = keras.callbacks.CallbackList(
        callbacks, model=model, epochs=progress.epochs, steps=progress.steps_per_epoch
    )
    logs: dict = {}
    iterator = iter(batches)
    started = time.monotonic() - progress.seconds
    chosen.on_train_begin()
    try:
        while not (progress.finished or model.stop_training):
            epoch = progress.epoch
            first = progress.step - epoch * progress.steps_per_epoch
            if not first:
                for variable in sums:
                    variable.assign(keras.ops.zeros_like(variable))
            chosen.on_epoch_begin(epoch)
            left = progress.steps - epoch * progress.steps_per_epoch
            for batch in range(first, min(progress.steps_per_epoch, left)):
                chosen.on_train_batch_begin(batch)
                logs = step(iterator)
                progress.step += 1
                progress.seconds = time.monotonic() - started
                chosen.on_train_batch_end(batch, logs)
            if not progress.ending:
                logs = model.get_metrics_result() | {"gradient_norm": model.optimizer.gradient_norm.result()}
                progress.ending = {name: float(value) for name, value in logs.items()}
                progress.ending["loss"] /= chars_per_id
            logs = dict(progress.ending)
            chosen.on_epoch_end(epoch, logs)
            progress.ending = {}
    finally:
        chosen.on_train_end(logs)  # closes files
