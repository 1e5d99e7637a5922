"""A training step. That of Keras isn't used, since it clips the gradients of each machine before they are added up."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from char_lstm_tf.models import outputs
from char_lstm_tf.training.fitting.compiling import TrainingState
from char_lstm_tf.training.fitting.teachers import NOBODY, Teachers
from char_lstm_tf.training.workers import ALONE, Workers


def train_function(
    model: keras.Model,
    state: TrainingState,
    *,
    chars_per_loss: float = 1.0,
    workers: Workers = ALONE,
    teachers: Teachers = NOBODY,
) -> Callable[[Any], dict[str, tf.Tensor]]:
    """Returns a function that takes a training step with the next batch of an iterator and returns the logs so far.

    The gradients of all replicas are added up, then clipped, then applied, by each worker to its own copy of the
    weights.

    Args:
        model: compiled by `compile_model`.
        state: what that returned.
        chars_per_loss: see `Objective`. The loss in the logs is divided by it.
        workers: those that take the step together. The batches have the rows of this one, see `Batches`.
        teachers: what else to learn from.
    """
    weights = [weight.value for weight in model.trainable_variables]
    below = keras.Model(model.inputs, model.layers[-1].input) if state.samples else model

    def losses_of(inputs: tf.Tensor, targets: tf.Tensor, taught: tf.Tensor | None) -> list[tf.Tensor]:
        """Returns what a step minimizes, the loss, and the accuracy if all tokens are compared."""
        read = below(inputs, training=True)
        if state.samples:
            seed = tf.stack([tf.constant(state.seed, tf.int64), tf.cast(model.optimizer.iterations, tf.int64)])
            nats = outputs.sampled_nats(model.layers[-1], read, targets, samples=state.samples, seed=seed)
            return [nats, nats]
        nats = _nats(targets, read)
        return [teachers.mixed(nats, read, taught), nats, _accuracy(targets, read)]

    def gradients_of(inputs: tf.Tensor, targets: tf.Tensor, share: tf.Tensor) -> list[tf.Tensor]:
        """Returns the gradients of a part of a batch, and its loss and accuracy, times its share of the batch."""
        taught = teachers.predict(inputs)
        with tf.GradientTape() as tape:
            minimized, nats, *accuracy = losses_of(inputs, targets, taught)
            minimized = tf.add_n([minimized, *model.losses]) * share
        gradients = tape.gradient(minimized, weights)
        # The gradients of an embedding are sparse: a row for each place. Made dense, rows of equal ids are added up.
        gradients = [
            tf.ensure_shape(gradient, weight.shape) for gradient, weight in zip(gradients, weights, strict=True)
        ]
        return [*gradients, *(value * share for value in (nats, *accuracy))]

    def step(iterator: Any) -> dict[str, tf.Tensor]:
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


def reset_carried_state(model: keras.Model) -> None:
    """Resets the carried state. At the start of an epoch of a stream, its rows jump back to their beginnings."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.RNN) and layer.stateful:
            layer.reset_state()
