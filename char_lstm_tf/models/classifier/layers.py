"""What Keras lacks: the largest values in a document, and one-hot vectors of ids.

Shapes: B batch, T tokens, V vocabulary size, H units.
"""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class LargestInDocument(keras.layers.Layer):
    """Returns the largest value of each unit over the places of a document, float32 `[B, H]`; 0 for an empty one.

    Args:
        end: id of the end symbol, which pads rows.
    """

    def __init__(self, end: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._end = end

    def call(self, hidden: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        """Reads outputs of a recurrent layer, float32 `[B, T, H]`, and the ids that it read, int32 `[B, T]`."""
        inside = tf.cast(ids != self._end, hidden.dtype)[..., None]
        largest = tf.reduce_max(hidden * inside - 1e9 * (1 - inside), axis=1)
        return tf.where(tf.reduce_any(inside > 0, axis=1), largest, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that create the same layer."""
        return super().get_config() | {"end": self._end}


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class OneHot(keras.layers.Layer):
    """Returns one-hot vectors, float32 `[B, T, V]`, of ids, int32 `[B, T]`."""

    def __init__(self, vocabulary_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._size = vocabulary_size

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Reads ids."""
        return tf.one_hot(ids, self._size)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that create the same layer."""
        return super().get_config() | {"vocabulary_size": self._size}
