"""A token as bits: what a model says of each bit of a token, given those before it."""

import numpy as np
import tensorflow as tf

LEAST = 1e-8  # probability that any token has at least, so that no logit is infinite


def bit_logits(logits: tf.Tensor, targets: tf.Tensor, ranks: np.ndarray) -> tf.Tensor:
    """Returns the logit of each bit of a token's rank, the highest bit first, float32 `[…, B]`.

    Tokens that begin with the same bits are neighbours, so the logit of the next bit is ln(Σ₁ / Σ₀): of the tokens that
    begin with the known bits, Σ₁ is the probability of those that go on with a 1.

    Args:
        logits: of all tokens, float32 `[…, V]`.
        targets: the ids of tokens, int32 `[…]`.
        ranks: `Vocabulary.ranks`.
    """
    bits = (len(ranks) - 1).bit_length()
    chances = tf.gather(tf.nn.softmax(logits), np.argsort(ranks), axis=-1) + LEAST
    chances = tf.pad(chances, [[0, 0]] * (logits.shape.rank - 1) + [[0, 2**bits - len(ranks)]], constant_values=LEAST)
    rank, found = tf.gather(tf.constant(ranks, tf.int32), targets), []
    for _ in range(bits):  # the last bit first
        rank //= 2
        pairs = tf.stack([chances[..., ::2], chances[..., 1::2]], axis=-1)
        zero, one = tf.unstack(tf.gather(pairs, rank, batch_dims=rank.shape.rank), axis=-1)
        found.append(tf.math.log(one) - tf.math.log(zero))
        chances = tf.reduce_sum(pairs, axis=-1)
    return tf.stack(found[::-1], axis=-1)
