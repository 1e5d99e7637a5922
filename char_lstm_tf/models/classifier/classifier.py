"""What all models that read a document and predict its label have.

Shapes: B batch, T tokens, V vocabulary size, L labels.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.models.network import Network
from pipelines.vocabulary import Vocabulary


class Classifier(ABC):
    """A model from a whole document to its label.

    Args:
        vocabulary: with an end symbol and labels.

    Attributes:
        keras_model: from ids, int32 `[B, T]`, padded with end symbols, to logits of the labels, float32 `[B, L]`.
        end: id of the end symbol.

    Raises:
        ValueError: the vocabulary has no end symbol.
    """

    keras_model: keras.Model

    def __init__(self, vocabulary: Vocabulary) -> None:
        if vocabulary.end is None:
            raise ValueError("documents end with an end symbol, and this vocabulary has none")
        self.end = vocabulary.end

    @abstractmethod
    def answer(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the logits of the labels, float32 `[B, L]`, without dropout.

        Args:
            ids: int32 `[B, T]`, padded with end symbols.
        """

    def weights_from(self, origin: "Classifier | Network") -> tuple[list[keras.Variable], list[keras.Variable]]:
        """Returns the weights to start from those of another model, and that model's, in the same order."""
        return self.keras_model.weights, origin.keras_model.weights

    def token_vectors(self) -> np.ndarray | None:
        """Returns the vector of each token, float32 `[V, D]`, as `Network.token_vectors`; None: it has none."""
        return None


def losses_per_label(logits: tf.Tensor, shares: Sequence[float]) -> tf.Tensor:
    """Returns -ln(p(label | text) / share), `[B, L]`: up to a constant, the loss of a text under each label.

    So the answers of this network and the losses of language models become probabilities in the same way, with the
    shares as prior probabilities, and can be mixed.

    Args:
        logits: `[B, L]`.
        shares: of each label in training, `[L]`.
    """
    return tf.math.log(tf.constant(shares, logits.dtype)) - tf.nn.log_softmax(logits)
