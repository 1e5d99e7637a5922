"""What the networks read, and the layer that makes vectors of ids."""

import keras
import numpy as np

from char_lstm_tf.config import ModelConfig


def character_input(
    *, vocabulary_size: int, encoding: str, window: int | None, batch_size: int | None = None
) -> keras.KerasTensor:
    """Returns a model's input: float32 `[B, T, V]` for `one_hot`, int32 `[B, T]` for `embedding`.

    Args:
        vocabulary_size: V.
        encoding: as above.
        window: T; None: any.
        batch_size: B; None: any.
    """
    if encoding == "one_hot":
        return keras.Input((window, vocabulary_size), batch_size=batch_size, name="one_hot")
    return keras.Input((window,), batch_size=batch_size, dtype="int32", name="ids")


def embedding(config: ModelConfig, vocabulary_size: int) -> keras.layers.Embedding:
    """Returns the layer that gives each id a vector, of unit variance at first."""
    initializer = keras.initializers.RandomNormal(stddev=1.0)
    return keras.layers.Embedding(vocabulary_size, config.embedding_size, initializer, name="embedding")


def silence_unknown(layer: keras.Layer, vocabulary_size: int) -> None:
    """Lets id 0, the unknown character, add nothing to what a model's first layer with weights gives.

    A model that reads windows finds id 0 in the places before the beginning of a text. Training texts rarely hold
    it, so its weights would stay as they were drawn: noise. Zeros stay zero until training meets it.

    Args:
        layer: built; reads one-hot vectors, side by side or one, or embeds ids.
        vocabulary_size: V: every V-th row of its kernels belongs to id 0.
    """
    for weight in layer.weights:
        if weight.name in ("kernel", "embeddings"):
            known = np.arange(weight.shape[0]) % vocabulary_size > 0
            weight.assign(weight * known[:, None])
