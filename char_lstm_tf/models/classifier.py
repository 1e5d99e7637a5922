"""The network that reads a document and answers its label.

Tokens go through an embedding and recurrent layers, as in a language model. The largest value of each unit over all
places of the document is what the answer is read from: Conneau and others, "Supervised Learning of Universal Sentence
Representations from Natural Language Inference Data" (2017), section 3.2.1. With `--architecture=functional`, the
answer reads the largest values of what every layer reads, too, the embedding's included.

Shapes: B batch, T tokens, V vocabulary size, H units of the last layer, L labels.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import networks, windows

ANSWER = "answer"  # name of the last layer
# The vectors of an embedding start small, so that those of rare words, which hardly move, say little. Of the 1,821 test
# sentences of SST-2, 79.5% were right so, and 75.0% with vectors ten times as large.
EMBEDDING_SCALE = 0.1
TOKENS_DROPPED = 0.5  # whole tokens, as a share of --dropout


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class LargestInDocument(keras.layers.Layer):
    """Returns the largest value of each unit over the places of a document, float32 `[B, H]`; 0 for an empty one.

    Args:
        end: id of the end symbol, which fills up rows.
    """

    def __init__(self, end: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self._end = end

    def call(self, hidden: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        """Reads outputs of a recurrent layer, float32 `[B, T, H]`, and the ids that it read, int32 `[B, T]`."""
        inside = tf.cast(ids != self._end, hidden.dtype)[..., None]
        largest = tf.reduce_max(hidden * inside - 1e9 * (1 - inside), axis=1)
        return tf.where(tf.reduce_any(inside > 0, axis=1), largest, 0.0)

    def get_config(self) -> dict:
        """Returns the arguments that create the same layer."""
        return super().get_config() | {"end": self._end}


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class OneHot(keras.layers.Layer):
    """Returns one-hot vectors, float32 `[B, T, V]`, of ids, int32 `[B, T]`."""

    def __init__(self, vocabulary_size: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self._size = vocabulary_size

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Reads ids."""
        return tf.one_hot(ids, self._size)

    def get_config(self) -> dict:
        """Returns the arguments that create the same layer."""
        return super().get_config() | {"vocabulary_size": self._size}


def build_classifier(
    config: ModelConfig, *, vocabulary_size: int, encoding: str, end: int, labels: int, trains: bool = False
) -> keras.Model:
    """Returns a model from ids, int32 `[B, T]`, filled up with end symbols, to logits of the labels, float32 `[B, L]`.

    Its layers up to the last recurrent one have the names and shapes of those of a language model of the same sizes.

    Args:
        config: sizes.
        vocabulary_size: V.
        encoding: `one_hot` or `embedding`: what the first recurrent layer reads.
        end: id of the end symbol.
        labels: L.
        trains: as for `networks.stack`.
    """
    _, (*layers, _) = networks.stack(config, vocabulary_size=vocabulary_size, encoding=encoding, trains=trains)
    layers = [layer for layer in layers if not isinstance(layer, keras.layers.Dropout)]
    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = OneHot(vocabulary_size, name="one_hot")(ids) if encoding == "one_hot" else ids
    read = [hidden] if encoding == "one_hot" else []
    for layer in layers:
        hidden = layer(hidden)
        if isinstance(layer, keras.layers.Embedding):
            layer.embeddings.assign(EMBEDDING_SCALE * layer.embeddings)
            hidden = _dropout(TOKENS_DROPPED * config.dropout, "dropout_of_tokens", noise_shape=(None, None, 1))(hidden)
        read.append(hidden)
        if layer is not layers[-1]:
            hidden = _dropout(config.dropout, f"dropout_of_{layer.name}")(hidden)
    if config.architecture == "functional":
        hidden = keras.layers.Concatenate(name="skips")(read)
    largest = LargestInDocument(end, name="largest")(hidden, ids)
    logits = keras.layers.Dense(labels, name=ANSWER)(_dropout(config.dropout, "dropout_of_largest")(largest))
    return keras.Model(ids, logits, name="classifier")


def _dropout(rate: float, name: str, **options: Any) -> keras.layers.Layer:
    """Returns a dropout layer, or one that does nothing where the rate is 0."""
    return keras.layers.Dropout(rate, name=name, **options) if rate else keras.layers.Identity(name=name)


def answers_labels(model: keras.Model) -> bool:
    """Returns whether a model of `models.build` answers labels."""
    return model.layers[-1].name == ANSWER


def answer(model: keras.Model, ids: tf.Tensor) -> tf.Tensor:
    """Returns the logits of the labels, float32 `[B, L]`, without dropout.

    Keras' own loop runs the cells, so an exported graph has no operation that exists on one kind of device only.

    Args:
        model: of `build_classifier`.
        ids: int32 `[B, T]`, filled up with end symbols.
    """
    hidden, read = ids, []
    for layer in model.layers:
        if isinstance(layer, keras.layers.RNN):
            hidden = windows.run(layer.cell, hidden, return_sequences=True)
        elif isinstance(layer, keras.layers.Concatenate):
            hidden = layer(read)
        elif isinstance(layer, LargestInDocument):
            hidden = layer(hidden, ids)
        elif not isinstance(layer, keras.layers.Dropout | keras.layers.InputLayer):
            hidden = layer(hidden)
        if isinstance(layer, keras.layers.RNN | keras.layers.Embedding | OneHot):
            read.append(hidden)
    return hidden


def nats_under_each(logits: tf.Tensor, shares: np.ndarray) -> tf.Tensor:
    """Returns -ln p(label | text) / share of the label, `[B, L]`: up to a constant, what a text costs under each label.

    So the answers of this network and the losses of language models are turned into probabilities in one way, with the
    shares as prior probabilities, and can be mixed.

    Args:
        logits: `[B, L]`.
        shares: of each label in training, `[L]`.
    """
    return tf.math.log(tf.constant(shares, logits.dtype)) - tf.nn.log_softmax(logits)
