"""Documents in a packed batch: recurrent layers that reset their state wherever a document begins.

A window of a batch holds documents one after the other, `… end, document, end, document …`. A model of documents reads
each end symbol from a state of zeros, as it reads the beginning of a document alone, so neither its predictions nor its
gradients reach into the document before. Only the model in training needs this: texts that are scored or written are
read one by one, or packed by `inference.scoring`.

Shapes: B batch, T characters in a window, V vocabulary size, H units.
"""

import functools
from typing import Any

import keras
import tensorflow as tf

from char_lstm_tf.models.recurrent.layer import LSTM
from char_lstm_tf.models.recurrent.loops import time_first


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class Continues(keras.layers.Layer):
    """Returns where a window continues a document, bool `[B, T]`: False at each end symbol, where one begins.

    Args:
        end: id of the end symbol.
    """

    def __init__(self, end: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._end = end

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Reads ids, int32 `[B, T]`, or one-hot vectors, float32 `[B, T, V]`."""
        return inputs != self._end if len(inputs.shape) == 2 else inputs[..., self._end] == 0

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that create the same layer."""
        return super().get_config() | {"end": self._end}


class _ResetsState:
    """A recurrent layer of Keras whose mask has another meaning: where it is False, the state is reset first."""

    cell: keras.Layer

    def inner_loop(
        self, sequences: tf.Tensor, initial_state: list[tf.Tensor], mask: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Returns the last output `[B, H]`, all outputs `[B, T, H]` and the states after the window.

        Args:
            sequences: `[B, T, …]`.
            initial_state: `[B, H]` each.
            mask: where the state is kept, bool `[B, T]`.
            training: whether this is a training step.
        """
        # Not time first: TensorFlow would transpose the mask as bool, and oneDNN complains about that on stderr.
        inputs, kept = time_first(sequences), tf.cast(mask, tf.float32)
        steps = tf.shape(inputs)[0]

        def step(t: tf.Tensor, outputs: tf.TensorArray, *states: tf.Tensor) -> tuple[Any, ...]:
            output, new_states = self.cell(inputs[t], [state * kept[:, t, None] for state in states])
            return t + 1, outputs.write(t, output), *tf.nest.flatten(new_states)

        outputs = tf.TensorArray(tf.float32, steps, element_shape=[None, self.cell.output_size])
        _, outputs, *states = tf.while_loop(
            lambda t, *_: t < steps, step, (0, outputs, *initial_state), maximum_iterations=steps
        )
        outputs = time_first(outputs.stack())
        return outputs[:, -1], outputs, states

    def compute_mask(self, inputs: tf.Tensor, mask: tf.Tensor) -> None:
        """Returns no mask for the outputs, since Keras would leave out the loss of the first character after an end."""


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class DocumentsLSTM(_ResetsState, LSTM):
    """`LSTM` for documents, with its fast training steps."""

    def inner_loop(
        self, sequences: tf.Tensor, initial_state: list[tf.Tensor], mask: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Returns what `_ResetsState.inner_loop` does."""
        if training and self.is_fast():
            return self.read_window(sequences, initial_state, continues=mask)
        return super().inner_loop(sequences, initial_state, mask, training)


@functools.cache
def resetting_state(layer: type[keras.layers.RNN]) -> type[keras.layers.RNN]:
    """Returns a class of layers with the weights and results of another one, but for documents.

    Such a layer is called as `layer(inputs, mask=continues)`, see `Continues`.
    """
    if layer is LSTM:
        return DocumentsLSTM
    made = type(f"Documents{layer.__name__}", (_ResetsState, layer), {})
    name = "DocumentsKerasLSTM" if layer is keras.layers.LSTM else made.__name__
    return keras.saving.register_keras_serializable(package="char_lstm_tf", name=name)(made)


# All of them now, so that Keras finds them in the file of a model that a callback saved while it was trained.
for _layer in (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN, keras.layers.RNN):
    resetting_state(_layer)
