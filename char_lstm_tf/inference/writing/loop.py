"""The loops that read a prompt and write what follows, for a network of any kind."""

from typing import Any, NamedTuple

import tensorflow as tf

from char_lstm_tf.inference.writing.drawing import Draws, chooser, uniform_noise, without_unknown
from char_lstm_tf.models.network import Network, State, Step


def absorb(network: Network, ids: tf.Tensor, lengths: tf.Tensor, state: State, *, block: int = 1) -> State:
    """Returns the state after each row has read its first `lengths` ids. The ids after them have no effect.

    Args:
        network: reads them.
        ids: int32 `[B, T]`.
        lengths: int32 `[B]`, at most T.
        state: before the first of them.
        block: how many ids an iteration of the loop reads, see `scoring.losses`.
    """
    read, longest = in_blocks(ids, block), tf.reduce_max(lengths)

    def go_on(number: tf.Tensor, *state: tf.Tensor) -> tuple[Any, ...]:
        for place, own in enumerate(tf.unstack(read[number], num=block)):
            _, new_state = network.read(own, state)
            reading = (number * block + place < lengths)[:, None]
            state = tuple(tf.where(reading, new, old) for new, old in zip(new_state, state, strict=True))
        return number + 1, *state

    return list(tf.while_loop(lambda number, *_: number * block < longest, go_on, (0, *state))[1:])


def in_blocks(ids: tf.Tensor, block: int) -> tf.Tensor:
    """Returns `[B, T]` as `[blocks, block, B]`, padded with 0."""
    rows, count = tf.unstack(tf.shape(ids))
    blocks = -(-count // block)
    by_place = tf.transpose(tf.pad(ids, [[0, 0], [0, blocks * block - count]]))
    return tf.reshape(by_place, [blocks, block, rows])


class Limits(NamedTuple):
    """Where the loop that writes ends.

    Attributes:
        count: how many tokens to write at most, int32.
        end: id of the end symbol; what follows in a row has no meaning (end symbols, or 0). See `Framing.end`.
        lengths: how many characters each token has, int32 `[V]`, if words are tokens; None: they aren't counted.
        wanted: how many characters are enough in each row, int32 `[B]`. With `lengths`, the loop ends when all rows
            have them, and what follows is 0.
    """

    count: tf.Tensor
    end: int = -1
    lengths: tf.Tensor | None = None
    wanted: tf.Tensor | None = None


def generate(
    step: Step,
    ids: tf.Tensor,
    state: State,
    draws: Draws,
    limits: Limits,
    *,
    first: tf.Tensor,
    size: int | None = None,
) -> tuple[tf.Tensor, State]:
    """Writes tokens in each row, but never the unknown character.

    Args:
        step: one step of a model: ids `[B]` and state → logits `[B, V]` and state.
        ids: the token before the first one to write, int32 `[B]`.
        state: before that token is read.
        draws: how tokens are chosen.
        limits: how many.
        first: how many tokens earlier calls have written, int64.
        size: columns of the result, which XLA must know. Those from `limits.count` on are 0. None: that count.

    Returns:
        The ids written, int32 `[B, size]`, and the state before the last of them is read.
    """

    noise_at, choose = uniform_noise(draws.seed), chooser(draws)
    count, end, lengths, wanted = limits
    ends = end >= 0  # if not, its operations are left out: in an exported graph they took a quarter of a step

    def ended(position: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        """Returns which rows have written their end; the end symbol before the first character begins a document."""
        return (ids == end) & (first + tf.cast(position, tf.int64) > 0)

    def write(
        position: tf.Tensor, ids: tf.Tensor, left: tf.Tensor, written: tf.TensorArray, *state: tf.Tensor
    ) -> tuple[Any, ...]:
        logits, new_state = step(ids, state)
        chosen = choose(without_unknown(logits), noise_at(first + tf.cast(position, tf.int64)))
        chosen = tf.where(ended(position, ids), end, chosen) if ends else chosen
        left = left if lengths is None else left - tf.gather(lengths, chosen)
        return position + 1, chosen, left, written.write(position, chosen), *new_state

    def goes_on(position: tf.Tensor, ids: tf.Tensor, left: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        if not ends and lengths is None:
            return position < count
        done = ended(position, ids) if lengths is None else ended(position, ids) | (left <= 0)
        # At least one step, since TensorFlow can't stack the result of none.
        return (position < count) & ((position == 0) | ~tf.reduce_all(done))

    written = tf.TensorArray(tf.int32, count if size is None else size, element_shape=ids.shape)
    left = tf.zeros_like(ids) if wanted is None else wanted  # characters
    _, _, _, written, *state = tf.while_loop(goes_on, write, (0, ids, left, written, *state))
    return tf.transpose(written.stack()), state
