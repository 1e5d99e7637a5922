"""The loop that scores texts in the exported graph, which isn't compiled."""

from typing import Any

import tensorflow as tf

from char_lstm_tf.inference.writing.loop import in_blocks
from char_lstm_tf.models.network import Network, State


def losses(
    network: Network,
    ids: tf.Tensor,
    targets: tf.Tensor,
    state: State,
    *,
    block: int,
    labels: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns the loss of each target, in nats, float32 `[B, T]`, or `[B, T, L]` under each label.

    An iteration of a loop costs as much as several operations, whatever it does. So each reads several ids, and their
    logits are computed in one product.

    Args:
        network: reads the ids.
        ids: int32 `[B, T]`.
        targets: the token after each of them, int32 `[B, T]`.
        state: before the first id.
        block: how many ids an iteration reads.
        labels: that of each row, int32 `[B]`; None: each. A model without labels ignores them.
    """
    read, expected = in_blocks(ids, block), in_blocks(targets, block)
    of_block = None if labels is None else tf.tile(labels, [block])

    def go_on(number: tf.Tensor, found: tf.TensorArray, *state: tf.Tensor) -> tuple[Any, ...]:
        outputs: list[tf.Tensor] = []
        after: State = state
        for own in tf.unstack(read[number], num=block):
            last, after = network.read(own, after)
            outputs.append(last)
        nats = network.nats(tf.concat(outputs, axis=0), tf.reshape(expected[number], [-1]), of_block)
        return number + 1, found.write(number, nats), *after

    blocks = tf.shape(read)[0]
    inner = [network.labels] if network.labels and labels is None else []
    start = (0, tf.TensorArray(tf.float32, blocks, element_shape=[None, *inner]), *state)
    _, found, *_ = tf.while_loop(lambda number, *_: number < blocks, go_on, start)
    rows, count = tf.unstack(tf.shape(ids))
    by_place = tf.reshape(found.stack(), [blocks * block, rows, *inner])[:count]
    return tf.transpose(by_place, [1, 0, *range(2, 2 + len(inner))])
