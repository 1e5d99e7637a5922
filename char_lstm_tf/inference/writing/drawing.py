"""Logits → next token, drawn with random numbers that every runtime has.

Shapes: B rows, V vocabulary size.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from char_lstm_tf.inference.writing.sampling import Sampling

# Logits, float32 `[B, V]`, and noise, uniform in [0, 1), float32 `[B]` → ids, int32 `[B]`. Nothing else is random.
Choose = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Draws(NamedTuple):
    """How the tokens of each row are drawn: a `Sampling` for each, as tensors.

    Attributes:
        seed: int64 `[B]`.
        temperature: float32 `[B]`, divides the logits; 0: the likeliest token.
        top_k: int32 `[B]`, keeps this many of the likeliest candidates, fewer than V; 0: all.
        top_p: float32 `[B]`, keeps the smallest set of candidates with at least this probability; 1: all.
    """

    seed: tf.Tensor
    temperature: tf.Tensor
    top_k: tf.Tensor
    top_p: tf.Tensor

    @classmethod
    def of(cls, rows: Sequence[Sampling], *, vocabulary_size: int) -> "Draws":
        """Returns those of rows; a `top_k` of V or more is all."""
        return cls(
            tf.constant([row.seed for row in rows], tf.int64),
            tf.constant([row.temperature for row in rows], tf.float32),
            tf.constant([row.top_k if row.top_k < vocabulary_size else 0 for row in rows], tf.int32),
            tf.constant([row.top_p for row in rows], tf.float32),
        )


def chooser(draws: Draws) -> Choose:
    """Returns a function that draws an id for each row by inverting the cumulative distribution.

    What doesn't depend on logits is computed here, before the loop that calls the function.

    Rows without limits are drawn in the order of ids, because sorting takes more than half of the time of a step (2×128
    units, 64 rows, XLA: 44,000 characters per second with sorting, 120,000 without). The id of a row depends on that
    row alone.
    """
    _, temperature, top_k, top_p = draws
    divisor, is_drawn = tf.maximum(temperature, 1e-6)[:, None], temperature > 0
    limited = (top_k > 0) | (top_p < 1)
    any_limited = tf.reduce_any(limited)

    def choose(logits: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        scaled = logits / divisor
        drawn = _draw(tf.nn.softmax(scaled), noise)
        drawn = tf.cond(
            any_limited,
            lambda: tf.where(limited, _draw_limited(scaled, noise, top_k, top_p), drawn),
            lambda: drawn,
        )
        return tf.where(is_drawn, drawn, tf.argmax(logits, axis=-1, output_type=tf.int32))

    return choose


def _draw(probabilities: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Returns the column, int32 `[B]`, in which the cumulative sum of `probabilities [B, V]` exceeds the noise."""
    cumulative = tf.cumsum(probabilities, axis=-1)
    passed = cumulative <= noise[:, None] * cumulative[:, -1:]
    # XLA adds up each column in another order, so rounding may lead beyond the last column with a probability.
    last = tf.reduce_max(tf.where(probabilities > 0, tf.range(tf.shape(probabilities)[1]), 0), axis=-1)
    return tf.minimum(tf.reduce_sum(tf.cast(passed, tf.int32), axis=-1), last)


def _draw_limited(scaled: tf.Tensor, noise: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor) -> tf.Tensor:
    """Returns ids as `chooser` says, with the limits.

    The candidates are sorted by falling probability, so both limits keep the first ones. `top_k` is applied before
    `top_p`, as is usual. Nucleus sampling (`top_p`) is from Holtzman and others (2020), section 3.1.
    """
    size = scaled.shape[-1]
    scaled, order = tf.math.top_k(scaled, k=size)
    kept = tf.range(size) < tf.where(top_k > 0, top_k, size)[:, None]
    probabilities = tf.nn.softmax(tf.where(kept, scaled, -np.inf))
    before = tf.cumsum(probabilities, axis=-1, exclusive=True)
    probabilities = tf.where((before < top_p[:, None]) | (top_p[:, None] >= 1), probabilities, 0.0)
    return tf.gather(order, _draw(probabilities, noise), batch_dims=1)


def without_unknown(logits: tf.Tensor) -> tf.Tensor:
    """Returns logits `[B, V]` in which id 0, the unknown character, has probability 0."""
    return logits + tf.constant([-np.inf] + [0.0] * (logits.shape[-1] - 1), logits.dtype)


def uniform_noise(seeds: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function of a position that gives a number in [0, 1) for each row, float32 `[B]`.

    The number depends on the seed of the row and the position alone. This is SplitMix64 (Steele, Lea and Flood, "Fast
    splittable pseudorandom number generators", 2014, with the constants of their reference implementation). The seed is
    mixed first, so that neighbouring seeds are independent. TensorFlow's stateless generators take one seed for a call,
    not one for each row.

    Args:
        seeds: int64 `[B]`. The position, which is that of the character in the generated text, is an int64 scalar or
            `[B]`.
    """
    mixed = _mix(tf.bitcast(seeds, tf.uint64))

    def at(position: tf.Tensor) -> tf.Tensor:
        counter = mixed + tf.cast(position + 1, tf.uint64) * _constant(0x9E3779B97F4A7C15)
        top_bits = tf.bitwise.right_shift(_mix(counter), _constant(40))  # 24 bits: what a float32 holds exactly
        return tf.cast(tf.cast(top_bits, tf.int32), tf.float32) / 2**24

    return at


def _mix(bits: tf.Tensor) -> tf.Tensor:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, _constant(shift))) * _constant(factor)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, _constant(31)))


def _constant(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint64)
