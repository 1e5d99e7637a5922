"""The loop over batches. Keras' `fit` can't start in the middle of an epoch, so this replaces it.

Keras' `train_step` isn't used either: it clips the gradients of each machine before they are added up.
"""

import time
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from char_lstm_tf.models import outputs
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.compiling import TrainingState
from char_lstm_tf.training.workers import ALONE, Workers


def train_function(
    model: keras.Model, state: TrainingState, *, chars_per_loss: float = 1.0, workers: Workers = ALONE
) -> Callable[[Iterator], dict[str, tf.Tensor]]:
    """Returns a function that takes a training step with the next batch of an iterator and returns the logs so far.

    The gradients of all replicas are added up, then clipped, then applied, by each worker to its own copy of the
    weights.

    Args:
        model: compiled by `compile_model`.
        state: what that returned.
        chars_per_loss: of the objective. The loss in the logs is divided by it.
        workers: who takes the step together. The batches are those of the rows of this one, see `Batches`.
    """
    weights = [weight.value for weight in model.trainable_variables]
    below = keras.Model(model.inputs, model.layers[-1].input) if state.samples else model

    def loss_of(inputs: tf.Tensor, targets: tf.Tensor) -> list[tf.Tensor]:
        """Returns the loss of a training step, and the accuracy if all tokens are compared."""
        read = below(inputs, training=True)
        if state.samples:
            seed = tf.stack([tf.constant(state.seed, tf.int64), tf.cast(model.optimizer.iterations, tf.int64)])
            return [outputs.sampled_nats(model.layers[-1], read, targets, samples=state.samples, seed=seed)]
        return [_nats(targets, read), _accuracy(targets, read)]

    def gradients_of(inputs: tf.Tensor, targets: tf.Tensor, share: tf.Tensor) -> list[tf.Tensor]:
        """Returns the gradients of a part of a batch, and its loss and accuracy, times its share of the batch."""
        with tf.GradientTape() as tape:
            nats, *accuracy = loss_of(inputs, targets)
            minimized = (tf.add_n([nats, *model.losses]) if model.losses else nats) * share
        gradients = tape.gradient(minimized, weights)
        # Those of an embedding have a row for each place in the batch. Their norm is that of the sums of equal ids.
        gradients = [
            tf.ensure_shape(gradient, weight.shape) for gradient, weight in zip(gradients, weights, strict=True)
        ]
        return [*gradients, *(value * share for value in (nats, *accuracy))]

    def step(iterator: Iterator) -> dict[str, tf.Tensor]:
        sums, rows = workers.sum_of_parts(gradients_of, iterator.get_next())
        gradients, (nats, *accuracy) = sums[: len(weights)], sums[len(weights) :]
        values = [nats, tf.linalg.global_norm(gradients), *accuracy]
        for mean, value in zip(state.means.values(), values, strict=True):
            mean.update_state(value, sample_weight=rows)
        model.optimizer.apply(gradients, model.trainable_variables)
        return in_characters(state.logs(), chars_per_loss)

    return tf.function(step, autograph=False)


def in_characters(logs: dict[str, tf.Tensor], chars_per_loss: float) -> dict[str, tf.Tensor]:
    """Returns logs with the loss in nats per character instead of nats per token."""
    return logs | {"loss": logs["loss"] / chars_per_loss}


def _nats(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the mean loss of targets, one-hot or ids. (Keras' losses divide it by the number of replicas.)"""
    if targets.dtype.is_integer:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))


def _accuracy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the share of targets, one-hot or ids, that were the likeliest ones."""
    ids = targets if targets.dtype.is_integer else tf.argmax(targets, axis=-1, output_type=tf.int32)
    return tf.reduce_mean(tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32) == ids, tf.float32))


def fit(
    model: keras.Model,
    batches: tf.data.Dataset,
    callbacks: list[keras.callbacks.Callback],
    *,
    progress: Progress,
    state: TrainingState,
    chars_per_loss: float = 1.0,
    workers: Workers = ALONE,
) -> None:
    """Trains a model from step `progress.step` on, and calls the callbacks as Keras' `fit` does.

    `progress.step` and `progress.seconds` are counted up after each step, before the callbacks are called. A run that
    was stopped at the end of an epoch begins with that end.

    Args:
        model: compiled by `compile_model`.
        batches: (inputs, targets), from that step on, epoch after epoch.
        callbacks: what else happens.
        progress: of the run.
        state: what `compile_model` returned. Its means start anew with each epoch.
        chars_per_loss: as for `train_function`, like `workers`.
        workers: who trains together.
    """
    step = train_function(model, state, chars_per_loss=chars_per_loss, workers=workers)
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
                for mean in state.means.values():
                    mean.reset_state()
            chosen.on_epoch_begin(epoch)
            left = progress.steps - epoch * progress.steps_per_epoch
            for batch in range(first, min(progress.steps_per_epoch, left)):
                chosen.on_train_batch_begin(batch)
                logs = step(iterator)
                progress.step += 1
                progress.seconds = time.monotonic() - started
                chosen.on_train_batch_end(batch, logs)
            if not progress.ending:
                means = in_characters(state.logs(), chars_per_loss)
                progress.ending = {name: float(value) for name, value in means.items()}
            logs = dict(progress.ending)
            chosen.on_epoch_end(epoch, logs)
            progress.ending = {}
    finally:
        chosen.on_train_end(logs)  # closes files
