"""What `--pieces_and_pairs` adds to a classifier: pieces of the spelling of words, and pairs of neighbouring tokens.

In some thousand documents, few words are frequent enough to learn a vector for each. Pieces are shared by related words
("delight", "delightful"), and a pair says what its words don't say alone ("not bad"). Neither has a list of its own: a
hash is its row in a table (Weinberger and others, "Feature Hashing for Large Scale Multitask Learning", 2009), so some
share a row.

Shapes: B batch, T tokens, D width of the embedding, L labels.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

PIECE_LENGTHS = (3, 4, 5)  # characters, with a mark at each end of the word
MOST_PIECES = 32  # of a word; those of up to 11 letters have fewer
PIECE_ROWS = 4096  # 8,192 were no better
PAIR_ROWS = 1 << 16
PIECES = "pieces"  # name of the weight
FACTOR = 1_000_003  # of the first token's id in the hash of a pair; a prime


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class SpelledEmbedding(keras.layers.Embedding):
    """An embedding in which the vector of a word is its own plus those of the pieces of its spelling.

    The sum over the pieces is divided by the root of their number, so that long words don't get longer vectors. As in
    Bojanowski and others, "Enriching Word Vectors with Subword Information" (2017), but for that root.

    Args:
        tokens: of the vocabulary, in the order of their ids.
        output_dim: D.
    """

    def __init__(self, tokens: Sequence[str], output_dim: int, **kwargs: Any) -> None:
        super().__init__(len(tokens), output_dim, **kwargs)
        self._tokens = list(tokens)
        rows = [pieces(token) for token in tokens]
        self._table = np.zeros((len(rows), max(map(len, rows), default=0)), np.int32)  # 0: no piece
        for number, found in enumerate(rows):
            self._table[number, : len(found)] = [1 + zlib.crc32(piece.encode()) % PIECE_ROWS for piece in found]

    def build(self, *shape: tuple[Any, ...]) -> None:
        """Creates the vectors of tokens, and those of pieces, which start from zeros."""
        super().build(*shape)
        self.pieces = self.add_weight(shape=(1 + PIECE_ROWS, self.output_dim), initializer="zeros", name=PIECES)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns vectors, float32 `[…, D]`, of ids, int32 `[…]`."""
        # Texts repeat their words, so the pieces of each are added up once.
        different, place = tf.unique(tf.reshape(ids, [-1]))
        rows = tf.gather(self._table, different)
        there = tf.cast(rows > 0, tf.float32)[..., None]
        vectors = tf.reduce_sum(tf.gather(self.pieces, rows) * there, axis=1)
        vectors /= tf.sqrt(tf.maximum(tf.reduce_sum(there, axis=1), 1))
        return super().call(ids) + tf.reshape(tf.gather(vectors, place), [*tf.unstack(tf.shape(ids)), self.output_dim])

    # Those of keras.layers.Embedding leave out every weight but its own.
    save_own_variables = keras.layers.Layer.save_own_variables
    load_own_variables = keras.layers.Layer.load_own_variables

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that create the same layer."""
        config = super().get_config()
        del config["input_dim"]
        return config | {"tokens": self._tokens}


def pieces(token: str) -> list[str]:
    """Returns the pieces of a token's spelling: the shortest first, each once, at most `MOST_PIECES`.

    Before: `" Bad"`; after: `["<ba", "bad", "ad>", "<bad", "bad>", "<bad>"]`.
    """
    if not (word := token.strip().lower()):
        return []
    marked = f"<{word}>"
    found = (marked[start : start + n] for n in PIECE_LENGTHS for start in range(len(marked) - n + 1))
    return list(dict.fromkeys(found))[:MOST_PIECES]


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class PairVotes(keras.layers.Layer):
    """Adds to the network's logits a vote for each label, `[L]`, of each pair of neighbouring tokens.

    The votes start from zeros. So this is a linear model of pairs, learnt together with the network. Single tokens need
    no votes: the answer reads their vectors.

    Args:
        labels: L.
        end: id of the end symbol, which pads rows.
    """

    def __init__(self, labels: int, end: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._options = {"labels": labels, "end": end}

    def build(self, *_: tuple[Any, ...]) -> None:
        """Creates the votes."""
        self.votes = self.add_weight(shape=(PAIR_ROWS, self._options["labels"]), initializer="zeros", name="votes")

    def call(self, logits: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        """Returns the sum, float32 `[B, L]`.

        Args:
            logits: of the network, float32 `[B, L]`.
            ids: int32 `[B, T]`.
        """
        first, second = tf.cast(ids[:, :-1], tf.int64), tf.cast(ids[:, 1:], tf.int64)
        votes = tf.gather(self.votes, (FACTOR * first + second) % PAIR_ROWS)
        return logits + tf.einsum("btl,bt->bl", votes, tf.cast(ids[:, 1:] != self._options["end"], votes.dtype))

    def compute_output_shape(self, logits: tuple[Any, ...], *_: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns `[B, L]`."""
        return logits

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that create the same layer."""
        return super().get_config() | self._options
