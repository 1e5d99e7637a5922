"""The network that reads a document and predicts its label.

Tokens go through an embedding and recurrent layers, as in a language model. The answer is computed from the largest
value of each unit over all places of the document: Conneau and others, "Supervised Learning of Universal Sentence
Representations from Natural Language Inference Data" (2017), section 3.2.1. With `--architecture=functional`, the
answer reads the largest values of what every layer reads, too, the embedding's included. `--pieces_and_pairs` and
`--linear` are in the modules of these names.

Shapes: B batch, T tokens, V vocabulary size, H units of the last layer, L labels.
"""

import dataclasses
from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import encodings, networks
from char_lstm_tf.models.classifier.classifier import Classifier
from char_lstm_tf.models.classifier.layers import LargestInDocument, OneHot
from char_lstm_tf.models.classifier.linear import Linear
from char_lstm_tf.models.classifier.pieces_and_pairs import PIECES, PairVotes, SpelledEmbedding
from char_lstm_tf.models.network import Network
from char_lstm_tf.models.stack import run_layer
from pipelines.vocabulary import Vocabulary

ANSWER = "answer"  # name of the last layer
# The vectors of an embedding start small, so that those of rare words, which hardly change, have little effect. The
# accuracy on the 1,821 test sentences of SST-2 was 79.5%, and 75.0% with vectors ten times as large.
EMBEDDING_SCALE = 0.1
TOKENS_DROPPED = 0.5  # whole tokens, as a share of --dropout


class RecurrentClassifier(Classifier):
    """A network from a whole document to its label (`--target=label`).

    Its layers up to the last recurrent one have the names and shapes of those of a language model of the same sizes.
    With `--pieces_and_pairs`, the embedding has the vectors of pieces besides.

    Args:
        config: sizes.
        vocabulary: with an end symbol and labels.
        encoding: `one_hot` or `embedding`: what the first recurrent layer reads.
        trains: as for `encodings.Interface`.

    Attributes:
        linear: the linear model that gives half of the answer; None: the network gives all of it.

    Raises:
        ValueError: the vocabulary has no end symbol.
    """

    def __init__(self, config: ModelConfig, vocabulary: Vocabulary, *, encoding: str, trains: bool = False) -> None:
        super().__init__(vocabulary)
        labels = len(vocabulary.labels)
        interface = encodings.Interface(vocabulary_size=len(vocabulary), encoding=encoding, trains=trains)
        _, self._stack = networks.build_stack(config, interface)
        if config.pieces_and_pairs and self._stack.embedding is not None and vocabulary.words:
            first = self._stack.embedding
            options = {"embeddings_initializer": first.embeddings_initializer, "name": first.name}
            spelled = SpelledEmbedding(vocabulary.tokens, config.embedding_size, **options)
            self._stack = dataclasses.replace(self._stack, embedding=spelled)
        self._embedding, self._one_hot = self._stack.embedding, OneHot(len(vocabulary), name="one_hot")
        self._largest = LargestInDocument(self.end, name="largest")
        self._skips = keras.layers.Concatenate(name="skips") if config.architecture == "functional" else None
        ids = keras.Input((None,), dtype="int32", name="ids")
        read = self._read(ids, run=lambda layer, inputs: layer(inputs), drop=partial(_drop, config.dropout))
        if self._embedding is not None:
            self._embedding.embeddings.assign(EMBEDDING_SCALE * self._embedding.embeddings)
        self._last = keras.layers.Dense(labels, name="answer_without_pairs" if config.pieces_and_pairs else ANSWER)
        self._votes = PairVotes(labels, self.end, name=ANSWER) if config.pieces_and_pairs else None
        self.linear = Linear(vocabulary.tokens, labels, name="linear") if config.linear else None
        self.keras_model = keras.Model(ids, self._logits(read, ids), name="classifier")

    def answer(self, ids: tf.Tensor) -> tf.Tensor:
        """See `Classifier.answer`.

        Keras' own loop runs the cells, so an exported graph has no operation that exists on one kind of device only.
        """
        read = self._read(ids, run=run_layer, drop=lambda _, values: values)
        return self._logits(read, ids)

    def weights_from(self, origin: Classifier | Network) -> tuple[list[keras.Variable], list[keras.Variable]]:
        """Returns the weights to start from those of another network, and that network's, in the same order.

        A language model gives what is below its last layer: Dai and Le, "Semi-supervised Sequence Learning" (2015).
        """
        if isinstance(origin, Classifier):
            return super().weights_from(origin)
        own = [weight for layer in self._stack.below_logits() for weight in layer.weights if weight.name != PIECES]
        return own, [weight for layer in origin.keras_model.layers[:-1] for weight in layer.weights]

    def token_vectors(self) -> np.ndarray:
        """Returns the vector of each token, float32 `[V, D]`, as `Network.token_vectors`."""
        return self._stack.token_vectors()

    def _read(self, ids: tf.Tensor, *, run: Callable[..., tf.Tensor], drop: Callable[..., tf.Tensor]) -> tf.Tensor:
        """Returns the largest value of each unit over the places of a document, float32 `[B, H]`.

        Args:
            ids: as for `answer`.
            run: a recurrent layer and what it reads → its outputs.
            drop: a name and values → what is left of them after dropout.
        """
        if self._embedding is None:
            hidden = self._one_hot(ids)
            read = [hidden]
        else:
            read = [drop("dropout_of_tokens", self._embedding(ids))]
            hidden = drop("dropout_of_embedding", read[0])
        *below, last = self._stack.recurrent
        for layer in below:
            read.append(run(layer, hidden))
            hidden = drop(f"dropout_of_{layer.name}", read[-1])
        hidden = run(last, hidden)
        hidden = hidden if self._skips is None else self._skips([*read, hidden])
        return drop("dropout_of_largest", self._largest(hidden, ids))

    def _logits(self, read: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        logits = self._last(read)
        logits = logits if self._votes is None else self._votes(logits, ids)
        return logits if self.linear is None else self.linear(logits, ids)


def _drop(rate: float, name: str, values: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the output of a dropout layer, or of a layer that does nothing if the rate is 0."""
    if not rate:
        return keras.layers.Identity(name=name)(values)
    if name == "dropout_of_tokens":
        return keras.layers.Dropout(TOKENS_DROPPED * rate, noise_shape=(None, None, 1), name=name)(values)
    return keras.layers.Dropout(rate, name=name)(values)
