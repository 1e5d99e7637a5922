"""The LSTM layer of models that are trained on a CPU.

Shapes: B rows, T characters in a window, I size of the input, H units.
"""

import inspect
import itertools
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from char_lstm_tf.models import cores
from char_lstm_tf.models.recurrent.loops import lstm

# Compiling takes two seconds. Two layers of 128 units then save 0.7 ms for each character of a window, so it pays after
# 3,000 of them. Smaller layers need more.
MIN_LOOP_STEPS = 4_000


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class LSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` with faster training steps on a CPU, and the same arguments, weights and results.

    It falls back to Keras' own code where it isn't faster or can't be: outside training, on other devices, with a mask,
    with `recurrent_dropout`, `unroll`, `use_bias=False` or other activations, and with types other than float32. The
    class has the same name because Keras finds weights in a file by it.

    Raises:
        ValueError: an argument is wrong, or `use_cudnn=True` where there is no GPU.
    """

    __signature__ = inspect.signature(keras.layers.LSTM)  # what editors show

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.use_cudnn is True and cores.has_only_cpus():
            raise ValueError("use_cudnn=True: TensorFlow sees no GPU here; use use_cudnn='auto', or leave it out")

    def inner_loop(
        self,
        sequences: tf.Tensor,
        initial_state: list[tf.Tensor],
        mask: tf.Tensor | None,
        training: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Returns the last output `[B, H]`, all outputs `[B, T, H]` and the states h and c after the window."""
        if not (training and mask is None and self.is_fast()):
            return super().inner_loop(sequences, initial_state, mask=mask, training=training)
        if self.dropout:  # the same mask for all characters of a window
            sequences *= self.cell.get_dropout_mask(sequences[:, 0])[:, None]
        if self.go_backwards:
            sequences = tf.reverse(sequences, axis=[1])
        return self.read_window(sequences, initial_state)

    def read_window(
        self, sequences: tf.Tensor, initial_state: list[tf.Tensor], *, continues: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Returns what `inner_loop` does, by the fast code.

        Args:
            sequences: `[B, T, I]`.
            initial_state: h and c, `[B, H]` each.
            continues: where the state is kept, bool `[B, T]`; elsewhere it is reset first. None: everywhere.
        """
        values = sequences, *initial_state, self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias
        x, h, c, *weights = (tf.cast(value, tf.float32) for value in values)
        split = partial(cores.split_rows, parts=cores.group_count(x.shape[0]))
        rows = zip(split(x), split(h), split(c), strict=True)
        kept = itertools.repeat(None) if continues is None else split(tf.cast(continues, x.dtype))
        results = [lstm(*group, *weights, continues=part) for group, part in zip(rows, kept, strict=False)]
        outputs, h, c = (tf.concat(parts, axis=0) for parts in zip(*results, strict=True))
        return h, outputs, [h, c]

    def is_fast(self) -> bool:
        """Returns whether the fast code can take a training step of this layer."""
        return (
            cores.has_only_cpus()
            and self.activation is keras.activations.tanh
            and self.recurrent_activation is keras.activations.sigmoid
            and self.use_bias
            and not (self.recurrent_dropout or self.unroll)
            and not (self.dropout and self.cell.implementation == 1)  # which has a mask for each gate
            and self.compute_dtype == self.variable_dtype == "float32"
        )


def worth_compiling(steps: int, window: int) -> bool:
    """Returns whether a run of `steps` batches is long enough for the time that compiling the layer takes."""
    return steps * window >= MIN_LOOP_STEPS
