"""The network that reads a document and answers its label.

Tokens go through an embedding and recurrent layers, as in a language model. The largest value of each unit over all
places of the document is what the answer is read from: Conneau and others, "Supervised Learning of Universal Sentence
Representations from Natural Language Inference Data" (2017), section 3.2.1. With `--architecture=functional`, the
answer reads the largest values of what every layer reads, too, the embedding's included. With `--ngrams`, pieces of
words and pairs of tokens help, see `ngrams`.

Shapes: B batch, T tokens, V vocabulary size, H units of the last layer, L labels.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import networks, windows
from char_lstm_tf.models.classifier.layers import LargestInDocument, OneHot
from char_lstm_tf.models.classifier.ngrams import PairVotes, SpelledEmbedding
from pipelines.vocabulary import Vocabulary

ANSWER = "answer"  # name of the last layer
# The vectors of an embedding start small, so that those of rare words, which hardly move, say little. Of the 1,821 test
# sentences of SST-2, 79.5% were right so, and 75.0% with vectors ten times as large.
EMBEDDING_SCALE = 0.1
TOKENS_DROPPED = 0.5  # whole tokens, as a share of --dropout


def build_classifier(
    config: ModelConfig, vocabulary: Vocabulary, *, encoding: str, trains: bool = False
) -> keras.Model:
    """Returns a model from ids, int32 `[B, T]`, filled up with end symbols, to logits of the labels, float32 `[B, L]`.

    Its layers up to the last recurrent one have the names and shapes of those of a language model of the same sizes.
    With `--ngrams`, the embedding has the vectors of pieces besides.

    Args:
        config: sizes.
        vocabulary: with an end symbol and labels.
        encoding: `one_hot` or `embedding`: what the first recurrent layer reads.
        trains: as for `networks.stack`.
    """
    size, labels, end = len(vocabulary), len(vocabulary.labels), vocabulary.end
    _, (*layers, _) = networks.stack(config, vocabulary_size=size, encoding=encoding, trains=trains)
    layers = [layer for layer in layers if not isinstance(layer, keras.layers.Dropout)]
    if config.ngrams and encoding == "embedding" and vocabulary.words:
        options = {"embeddings_initializer": layers[0].embeddings_initializer, "name": layers[0].name}
        layers[0] = SpelledEmbedding(vocabulary.tokens, config.embedding_size, **options)
    ids = keras.Input((None,), dtype="int32", name="ids")
    hidden = OneHot(size, name="one_hot")(ids) if encoding == "one_hot" else ids
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
    largest = _dropout(config.dropout, "dropout_of_largest")(largest)
    if not config.ngrams:
        return keras.Model(ids, keras.layers.Dense(labels, name=ANSWER)(largest), name="classifier")
    logits = keras.layers.Dense(labels, name="answer_without_pairs")(largest)
    votes = PairVotes(labels, end, name=ANSWER)
    return keras.Model(ids, votes(logits, ids), name="classifier")


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
        elif isinstance(layer, LargestInDocument | PairVotes):
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
