"""The input of the networks, and the embedding layer."""

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


def label_input(*, target: str, window: int | None, batch_size: int | None = None) -> keras.KerasTensor:
    """Returns a model's second input: the label of each target, int32 `[B, T]`, or `[B]` for `next_char`."""
    shape = (window,) if target == "sequence" else ()
    return keras.Input(shape, batch_size=batch_size, dtype="int32", name="labels")


def embedding(config: ModelConfig, vocabulary_size: int) -> keras.layers.Embedding:
    """Returns the layer that gives each id a vector, with unit variance at first."""
    initializer = keras.initializers.RandomNormal(stddev=1.0)
    return keras.layers.Embedding(vocabulary_size, config.embedding_size, initializer, name="embedding")


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


def token_vectors(model: keras.Model, vocabulary_size: int) -> np.ndarray | None:
    """Returns the vector of each token, float32 `[V, D]`; None if a model has none.

    They are the embedding, or the rows of the first kernel where a recurrent layer reads one-hot vectors.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.Embedding):
            # In parts, since a layer may need more memory for a vector than the vector takes.
            parts = [np.arange(first, min(first + 1000, vocabulary_size)) for first in range(0, vocabulary_size, 1000)]
            return np.concatenate([layer(ids).numpy() for ids in parts])
        if isinstance(layer, keras.layers.RNN) and layer.cell.kernel.shape[0] == vocabulary_size:
            return layer.cell.kernel.numpy()
    return None
