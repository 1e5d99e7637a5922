"""Recurrent cells that Keras lacks, for `keras.layers.RNN`.

Letters as in the literature: x is the input, h the output, c the cell state; i, f and o are the input, forget and
output gates, z is the block input; W multiplies x, R multiplies h, p are peephole weights. σ is the logistic function,
and · multiplies element by element.
"""

from typing import Any

import keras
from keras import ops


class _GatedCell(keras.Layer):
    """The common part of these cells: weights in blocks of H columns, one for each gate, and the states h and c.

    Args:
        units: H.
        kernel_initializer: of W, `[inputs, blocks × H]`. R is orthogonal. Biases are 0, and 1 for the forget gate
            (Gers and others, 2000), as in Keras' own LSTM.

    Attributes:
        gates: letters of the blocks, in their order.
        output_variance: of h on random texts, as measured.
        vectors: names of the weights besides the kernels.
    """

    gates: tuple[str, ...]
    output_variance: float
    vectors: tuple[str, ...] = ("bias",)

    def __init__(
        self,
        units: int,
        kernel_initializer: keras.initializers.Initializer | str = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, units]
        self.output_size = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates W, R and b for inputs `[B, inputs]`."""
        width = self.units * len(self.gates)
        self.kernel = self.add_weight(
            shape=(input_shape[-1], width), initializer=self.kernel_initializer, name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, width), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(width,), initializer=self._biases, name="bias")

    def _biases(self, shape: tuple[int, ...], dtype: str | None = None) -> keras.KerasTensor:
        return ops.concatenate([ops.full((self.units,), 1.0 if gate == "f" else 0.0, dtype) for gate in self.gates])

    def sums(self, inputs: keras.KerasTensor, output: keras.KerasTensor) -> list[keras.KerasTensor]:
        """Returns Wx + Rh + b, a tensor `[B, H]` for each of `gates`."""
        total = ops.matmul(inputs, self.kernel) + ops.matmul(output, self.recurrent_kernel) + self.bias
        return ops.split(total, len(self.gates), axis=-1)

    def get_initial_state(self, batch_size: int | None = None) -> list[keras.KerasTensor]:
        """Returns h and c at the start of a text: zeros `[B, H]`."""
        return [ops.zeros((batch_size, self.units), self.compute_dtype) for _ in range(2)]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that create the same cell."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return super().get_config() | {"units": self.units, "kernel_initializer": initializer}


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class PeepholeLSTMCell(_GatedCell):
    """LSTM whose gates see the cell state (Gers and Schmidhuber, "Recurrent nets that time and count", 2000).

    i = σ(W x + R h + p·c + b), f likewise, z = tanh(W x + R h + b), c' = f·c + i·z,
    o = σ(W x + R h + p·c' + b), h' = o·tanh(c')
    """

    gates = ("i", "f", "z", "o")
    output_variance = 0.1
    vectors = ("bias", "peepholes")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Also creates p, for i, f and o in this order: `[3, H]`."""
        super().build(input_shape)
        self.peepholes = self.add_weight(shape=(3, self.units), initializer="zeros", name="peepholes")

    def call(
        self, inputs: keras.KerasTensor, states: list[keras.KerasTensor], training: bool = False
    ) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
        """Inputs `[B, inputs]` and states h, c `[B, H]` → output `[B, H]` and the new states."""
        output, carry = states
        i, f, z, o = self.sums(inputs, output)
        i = ops.sigmoid(i + self.peepholes[0] * carry)
        f = ops.sigmoid(f + self.peepholes[1] * carry)
        carry = f * carry + i * ops.tanh(z)
        o = ops.sigmoid(o + self.peepholes[2] * carry)
        output = o * ops.tanh(carry)
        return output, [output, carry]


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class CoupledLSTMCell(_GatedCell):
    """LSTM whose input gate is 1 minus its forget gate (i = 1 − f), with a quarter fewer weights.

    "CIFG" of Greff and others, "LSTM: A Search Space Odyssey" (2015):
    f = σ(W x + R h + b), z = tanh(W x + R h + b), o = σ(W x + R h + b), c' = f·c + (1 − f)·z, h' = o·tanh(c')
    """

    gates = ("f", "z", "o")
    output_variance = 0.05

    def call(
        self, inputs: keras.KerasTensor, states: list[keras.KerasTensor], training: bool = False
    ) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
        """Inputs `[B, inputs]` and states h, c `[B, H]` → output `[B, H]` and the new states."""
        output, carry = states
        f, z, o = self.sums(inputs, output)
        f = ops.sigmoid(f)
        carry = f * carry + (1 - f) * ops.tanh(z)
        output = ops.sigmoid(o) * ops.tanh(carry)
        return output, [output, carry]


CELLS: dict[str, type[_GatedCell]] = {"peephole": PeepholeLSTMCell, "coupled": CoupledLSTMCell}
