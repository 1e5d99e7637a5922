"""What a model reads and predicts.

Shapes: B batch, T tokens of a window, V vocabulary size, D width of the embedding.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.config import ModelConfig


@dataclass(frozen=True, kw_only=True)
class Interface:
    """What a model reads and predicts.

    Attributes:
        vocabulary_size: V.
        encoding: `one_hot`: it reads float32 `[B, T, V]`; `embedding`: int32 `[B, T]`.
        target: `sequence`: it returns logits `[B, T, V]`; `next_char`: `[B, V]`.
        window: T; None: any.
        stream_batch_size: B of a model that carries its state from one batch to the next, row by row; None: any B, each
            window from a zero state.
        trains: whether it will be trained for long. Then an LSTM layer is `recurrent.LSTM`. Its weights fit Keras' own
            layer, which models that are kept and exported have.
        end: id of the end symbol, for a model to train on packed documents, whose state is reset at each; else None.
        labels: L, of documents with labels; 0: they have none.
    """

    vocabulary_size: int
    encoding: str = "one_hot"
    target: str = "sequence"
    window: int | None = None
    stream_batch_size: int | None = None
    trains: bool = False
    end: int | None = None
    labels: int = 0

    def require_window(self) -> int:
        """Returns T.

        Raises:
            ValueError: a model with this interface doesn't make one prediction per window, or has a state.
        """
        if self.window is None or self.target != "next_char" or self.stream_batch_size is not None:
            raise ValueError("a model that reads windows makes one prediction per window, and has no state")
        return self.window

    def inputs(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the input of the first layer for ids, int32 `[…]`: these, or one-hot vectors, float32 `[…, V]`."""
        return tf.one_hot(ids, self.vocabulary_size) if self.encoding == "one_hot" else ids

    def embedding(self, config: ModelConfig) -> keras.layers.Embedding | None:
        """Returns the layer that gives each id a vector, with unit variance at first; None for one-hot vectors."""
        if self.encoding == "one_hot":
            return None
        initializer = keras.initializers.RandomNormal(stddev=1.0)
        return keras.layers.Embedding(self.vocabulary_size, config.embedding_size, initializer, name="embedding")

    def text_input(self) -> keras.KerasTensor:
        """Returns the model's input."""
        if self.encoding == "one_hot":
            return keras.Input((self.window, self.vocabulary_size), batch_size=self.stream_batch_size, name="one_hot")
        return keras.Input((self.window,), batch_size=self.stream_batch_size, dtype="int32", name="ids")

    def label_input(self) -> keras.KerasTensor:
        """Returns the second input of a model with labels: that of each target, int32 `[B, T]` or `[B]`."""
        shape = (self.window,) if self.target == "sequence" else ()
        return keras.Input(shape, batch_size=self.stream_batch_size, dtype="int32", name="labels")


def silence_unknown(layer: keras.Layer, vocabulary_size: int) -> None:
    """Sets the weights of id 0, the unknown character, to zero in a model's first layer with weights.

    A model that reads windows finds id 0 in the places before the start of a text. Training texts rarely contain it,
    so its weights would stay random noise. Zeros stay zero until training meets the character.

    Args:
        layer: a built layer that reads one or more one-hot vectors, or embeds ids.
        vocabulary_size: V. Every V-th row of its kernels belongs to id 0.
    """
    for weight in layer.weights:
        if weight.name in ("kernel", "embeddings"):
            known = np.arange(weight.shape[0]) % vocabulary_size > 0
            weight.assign(weight * known[:, None])


def embedded_tokens(layer: keras.layers.Embedding, vocabulary_size: int) -> np.ndarray:
    """Returns the vector of each token, float32 `[V, D]`."""
    # In parts, since a layer may need much more memory than its output.
    parts = [np.arange(first, min(first + 1000, vocabulary_size)) for first in range(0, vocabulary_size, 1000)]
    return np.concatenate([layer(ids).numpy() for ids in parts])
