"""Models that read a whole window of T tokens for each prediction: neural n-grams, and the encoder of both directions.

Their state is the last T ids, as float32 `[B, T]` like every other state. A text starts from zeros: the places before
it hold id 0, the unknown character, which adds nothing to the model's input (`encodings.silence_unknown`). Windows that
aren't full don't occur in training, so the first characters of a text cost more than later ones, as with a recurrent
model. On paragraphs of tiny Shakespeare, the first five characters cost an n-gram model of T = 8 2.98 nats each, the
next five 1.42.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.models.encodings import Interface, embedded_tokens
from char_lstm_tf.models.network import Network, State, filled_up

Layer = Callable[[tf.Tensor], tf.Tensor]


class Windows(Network):
    """A model whose outputs are the windows themselves. Predicting is all the work.

    Args:
        model: the model.
        interface: what it reads and predicts.
        embedding: its first layer; None: it reads one-hot vectors, or ids as they are.
        below: what turns the vectors of a window, `[B, T, D]`, into what the last layer reads, without dropout.
        last: the last layer.
    """

    most_rows = 1  # the windows of one row fill a batch; those of 16 rows would take 500 MB at 40 characters

    def __init__(
        self,
        model: keras.Model,
        interface: Interface,
        *,
        embedding: keras.layers.Embedding | None = None,
        below: Sequence[Layer] = (),
        last: keras.layers.Layer,
    ) -> None:
        self.keras_model, self.vocabulary_size, self.labels = model, interface.vocabulary_size, interface.labels
        self._size, self._last, self._embedding = interface.require_window(), last, embedding
        self.state_sizes = [self._size]
        self._below = [interface.inputs, *([] if embedding is None else [embedding]), *below]

    def places(self, count: int, *, most: int) -> int:
        """Returns 1, 4, 16 … places, enough for `count`: windows are read all at once."""
        return min(filled_up(max(count, 1)), most)

    def read(self, ids: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Returns the windows that end with `ids`, int32 `[B, T]`, and the new state.

        Before: state `"the"`, id `"r"` of a model of T = 3; the window, and the state after it: `"her"`.
        """
        (before,) = state
        window = tf.concat([tf.cast(before[:, 1:], tf.int32), ids[:, None]], axis=1)
        return window, [tf.cast(window, tf.float32)]

    def read_all(
        self, ids: tf.Tensor, state: State, *, count: tf.Tensor | None = None, fresh: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, State]:
        """Returns the window that ends with each id, int32 `[B, N, T]`, all at once, and the new state."""
        (before,), size = state, self._size
        text = tf.concat([tf.cast(before[:, 1:], tf.int32), ids], axis=1)
        places = tf.range(tf.shape(ids)[1])[:, None] + tf.range(size)
        windows = tf.gather(text, places, axis=1)
        if fresh is not None:
            # Where the text of each window begins; before the first beginning, somewhere before the state.
            begins = tf.where(fresh, tf.range(tf.shape(ids)[1]) + size - 1, -1)
            begins = tf.scan(tf.maximum, tf.transpose(begins))
            windows = tf.where(places >= tf.transpose(begins)[..., None], windows, 0)
            text = tf.where(tf.range(tf.shape(text)[1]) >= begins[-1][:, None], text, 0)
        return windows, [tf.ensure_shape(tf.cast(text[:, -size:], tf.float32), before.shape)]

    def logits(self, windows: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the logits of the token after each window, as `Network.logits` says.

        Keras' own loop runs the cells of recurrent layers, so an exported graph has no operation that exists on one
        kind of device only, whatever the layers around the cells use.
        """
        return self._of_flat(self._logits, windows, labels)

    def _logits(self, windows: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        for layer in self._below:
            windows = layer(windows)
        return self._logits_of(self._last, windows, labels)

    def _of_flat(self, predict: Callable[..., tf.Tensor], windows: tf.Tensor, *values: tf.Tensor | None) -> tf.Tensor:
        """Returns what `predict` gives for windows `[…, T]` and a value for each, flattened to one list."""
        if windows.shape.rank == 2:
            return predict(windows, *values)
        flat = [None if value is None else tf.reshape(value, [-1]) for value in values]
        found = predict(tf.reshape(windows, [-1, self._size]), *flat)
        return tf.reshape(found, [-1, tf.shape(windows)[1], *found.shape[1:]])

    def token_vectors(self) -> np.ndarray | None:
        """Returns the embedding; None if there is none."""
        return None if self._embedding is None else embedded_tokens(self._embedding, self.vocabulary_size)
