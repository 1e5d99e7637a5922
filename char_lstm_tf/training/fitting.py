"""The loop over batches. Keras' `fit` can't begin in the middle of an epoch, so this stands in for it."""

import math
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from char_lstm_tf.runs.progress import Progress


def train_function(model: keras.Model) -> Callable[[Iterator], dict[str, tf.Tensor]]:
    """Returns what takes a training step with the next batch of an iterator, and returns the logs so far.

    Keras' own asks from Python whether there was a batch, and for the logs, at each step: 1 ms of it, in which nothing
    else is done.
    """
    return tf.function(lambda iterator: model.train_step(iterator.get_next()), autograph=False)


def fit(
    model: keras.Model,
    batches: tf.data.Dataset,
    callbacks: list[keras.callbacks.Callback],
    *,
    progress: Progress,
    steps_per_epoch: int,
) -> None:
    """Trains a compiled model from batch number `progress.step` on, and calls the callbacks as Keras' `fit` does.

    Args:
        model: whose metrics go on as they are when the first batch is in the middle of an epoch.
        batches: (inputs, targets), from that batch on, epoch after epoch.
        callbacks: one of them counts `progress.step` up.
        progress: of the run.
        steps_per_epoch: batches of an epoch.
    """
    step = train_function(model)
    model.stop_training = False
    chosen = keras.callbacks.CallbackList(
        callbacks, model=model, epochs=math.ceil(progress.steps / steps_per_epoch), steps=steps_per_epoch
    )
    logs: dict = {}
    iterator = iter(batches)
    chosen.on_train_begin()
    try:
        while not (progress.finished or model.stop_training):
            epoch, first = divmod(progress.step, steps_per_epoch)
            if not first:
                model.reset_metrics()
            chosen.on_epoch_begin(epoch)
            for batch in range(first, min(steps_per_epoch, progress.steps - epoch * steps_per_epoch)):
                chosen.on_train_batch_begin(batch)
                chosen.on_train_batch_end(batch, step(iterator))
            logs = model.get_metrics_result()
            chosen.on_epoch_end(epoch, logs)
    finally:
        chosen.on_train_end(logs)  # closes files
