"""Loops over texts for the exported graph, which no compiler makes fast.

An iteration of a loop takes as long there as several operations, whatever it does. So each reads `BLOCK` characters and
computes the logits of all of them in one product, or none if only the states are wanted.

Shapes: B rows, T characters, H units, V vocabulary size, L labels.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from char_lstm_tf.models import outputs, stepping, windows

BLOCK = 8


def losses(
    model: keras.Model,
    ids: tf.Tensor,
    targets: tf.Tensor,
    states: Sequence[tf.Tensor],
    labels: Sequence[tf.Tensor],
    *,
    under_each: int = 0,
) -> tf.Tensor:
    """Returns the loss of each target, in nats, float32 `[B, T]`, or `[B, T, L]` under each label.

    Args:
        model: of `models.build`, not one that reads windows.
        ids: int32 `[B, T]`.
        targets: the character after each of them, int32 `[B, T]`.
        states: before the first id, float32 `[B, H]` each.
        labels: that of each row, int32 `[B]`, in a list; [] if the model has none, or all are asked for.
        under_each: L, if the loss under each label is asked for.
    """
    count = tf.shape(ids)[1]
    read, expected = _in_blocks(ids), _in_blocks(targets)
    of_block = [tf.tile(label, [BLOCK]) for label in labels]

    def go_on(block: tf.Tensor, found: tf.TensorArray, *states: tf.Tensor) -> tuple:
        hidden, states = [], list(states)
        for own in tf.unstack(read[block], num=BLOCK):
            last, states = stepping.hidden(model, own, states)
            hidden.append(last)
        logits = outputs.logits_of(model, tf.concat(hidden, axis=0), *(of_block or [None]))
        return block + 1, found.write(block, windows.nats(tf.reshape(expected[block], [-1]), logits)), *states

    blocks = tf.shape(read)[0]
    shape = [None, under_each] if under_each else [None]
    start = (0, tf.TensorArray(tf.float32, blocks, element_shape=shape), *states)
    _, found, *_ = tf.while_loop(lambda block, *_: block < blocks, go_on, start)
    inner = [under_each] if under_each else []
    by_place = tf.reshape(found.stack(), [blocks * BLOCK, tf.shape(ids)[0], *inner])[:count]
    return tf.transpose(by_place, [1, 0, *range(2, 2 + len(inner))])


def absorb(model: keras.Model, ids: tf.Tensor, lengths: tf.Tensor, states: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the states after each row has read its first `lengths` ids.

    Args:
        model: of `models.build`, not one that reads windows.
        ids: int32 `[B, T]`.
        lengths: int32 `[B]`, at most T.
        states: float32 `[B, H]` each.
    """
    read, longest = _in_blocks(ids), tf.reduce_max(lengths)

    def go_on(block: tf.Tensor, *states: tf.Tensor) -> tuple:
        for number, own in enumerate(tf.unstack(read[block], num=BLOCK)):
            _, new_states = stepping.hidden(model, own, states)
            reading = (block * BLOCK + number < lengths)[:, None]
            states = [tf.where(reading, new, old) for new, old in zip(new_states, states, strict=True)]
        return block + 1, *states

    return list(tf.while_loop(lambda block, *_: block * BLOCK < longest, go_on, (0, *states))[1:])


def _in_blocks(ids: tf.Tensor) -> tf.Tensor:
    """Returns `[B, T]` as `[blocks, BLOCK, B]`, filled up with 0."""
    rows, count = tf.unstack(tf.shape(ids))
    blocks = -(-count // BLOCK)
    by_place = tf.transpose(tf.pad(ids, [[0, 0], [0, blocks * BLOCK - count]]))
    return tf.reshape(by_place, [blocks, BLOCK, rows])
