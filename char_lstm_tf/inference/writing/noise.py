"""Random numbers that depend only on a row's seed and a position, and are the same in every runtime."""

from collections.abc import Callable

import tensorflow as tf


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
