"""The interface of all language models: they read tokens one after the other, and predict the next one.

Shapes: B rows, N tokens, V vocabulary size, L labels, H width of an output or a state.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

State = Sequence[tf.Tensor]  # float32 `[B, H]` each
# Ids, int32 `[B]`, and the state before them → logits, float32 `[B, V]`, and the state after them.
Step = Callable[[tf.Tensor, State], tuple[tf.Tensor, State]]


def filled_up(count: int) -> int:
    """Returns the smallest of 1, 4, 16, 64 … that isn't below a positive number. Loops are compiled for these sizes."""
    return 4 ** ((count - 1).bit_length() + 1 >> 1)


class Network(ABC):
    """A language model. `models.build` makes one of the right kind; no other code needs to know which.

    Reading is kept apart from predicting: `read` gives what the last layer needs, and `logits` is that layer. So a
    prompt is read without predictions, and a text is scored with one large matrix product for all its places.

    No method changes the Keras model, runs dropout, or uses an operation that exists on one kind of device only. The
    weights are those at the time of the call.

    Attributes:
        keras_model: has the weights, and is what is trained and saved.
        vocabulary_size: V.
        labels: L; 0: documents have no labels for this model.
        state_sizes: the width of each part of the state.
        most_rows: the most texts that are read in parallel.
    """

    keras_model: keras.Model
    vocabulary_size: int
    labels: int
    state_sizes: list[int]
    most_rows = 64

    def start(self, rows: int | tf.Tensor) -> State:
        """Returns the state at the start of a text, for a number of rows."""
        return [tf.zeros([rows, size]) for size in self.state_sizes]

    def places(self, count: int, *, most: int) -> int:
        """Returns how many places to give `read_all`, at most `most`, if `count` of them are wanted."""
        return most

    @abstractmethod
    def read(self, ids: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Reads a token in each row, int32 `[B]`, and returns outputs, `[B, H]`, and the new state."""

    @abstractmethod
    def read_all(
        self, ids: tf.Tensor, state: State, *, count: tf.Tensor | None = None, fresh: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, State]:
        """Reads several tokens in each row, and returns outputs, `[B, N, H]`, and the new state.

        Args:
            ids: int32 `[B, N]`.
            state: before the first of them.
            count: how many places are wanted, int32; None: all. The outputs of the others have no meaning.
            fresh: where a text begins that must not see what is before it, bool `[B, N]`; None: nowhere.
        """

    @abstractmethod
    def logits(self, outputs: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the logits of the next token, float32 `[…, V]`, or under each label, `[…, L, V]`.

        Args:
            outputs: of `read` or `read_all`, `[…, H]`.
            labels: that of each, int32 `[…]`; None: each label. A model without labels ignores them.
        """

    def _logits_of(self, last: keras.Layer, inputs: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        """Returns what the last layer gives for these inputs. Labels as for `logits`."""
        if not self.labels:
            return last(inputs)
        return last.under_each_label(inputs) if labels is None else last(inputs, labels)

    def nats(self, outputs: tf.Tensor, targets: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the loss of each target in nats, float32 `[…]`, or under each label, `[…, L]`.

        Args:
            outputs: as for `logits`, like `labels`.
            targets: the token after each, int32 `[…]`.
            labels: as for `logits`.
        """
        logits = self.logits(outputs, labels)
        if self.labels and labels is None:
            targets = tf.repeat(targets[..., None], self.labels, axis=-1)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)

    def step(self, labels: tf.Tensor | None = None) -> Step:
        """Returns a function that reads a token and predicts the next one.

        Args:
            labels: that of each row, int32 `[B]`; None: each. A model without labels ignores them.
        """

        def read_and_predict(ids: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
            outputs, state = self.read(ids, state)
            return self.logits(outputs, labels), state

        return read_and_predict

    def weights_from(self, origin: Any) -> tuple[list[keras.Variable], list[keras.Variable]]:
        """Returns the weights to start from those of another network, and that network's, in the same order."""
        return self.keras_model.weights, origin.keras_model.weights

    def token_vectors(self) -> np.ndarray | None:
        """Returns the vector of each token, float32 `[V, D]`; None if the model has none."""
        return None
