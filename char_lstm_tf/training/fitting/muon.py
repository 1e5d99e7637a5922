"""Muon: steps for the matrices of recurrent layers that are equally large in all directions.

Jordan and others, "Muon: An optimizer for hidden layers in neural networks" (2024). A step is a momentum with all its
singular values made about equal, so directions that few characters need are learnt as fast as those that all need.
Steps have the size of AdamW's, as in Liu and others, "Muon is Scalable for LLM Training" (2025), so that one learning
rate and one weight decay suit all weights.

It is for matrices that multiply the output of a layer. A kernel of a recurrent layer has one of them for each gate,
side by side, and each takes steps of its own. All other weights take those of AdamW: biases, embeddings, kernels that
read one-hot vectors, and the last layer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

# Each iteration maps every singular value s, 1 at most, to a s + b s³ + c s⁵. Amsel and others, "The Polar Express:
# Optimal Matrix Sign Methods and Their Application to the Muon Algorithm" (2025), the first three of algorithm 1. All
# singular values of at least 0.01 then lie between 0.18 and 1.87. Jordan's five iterations take longer, with no gain.
ITERATIONS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
)
SAFETY = 1.01  # what the norm is multiplied by, so that rounding leaves no singular value above 1
MOMENTUM = 0.95
SIZE = 0.2  # root mean square of AdamW's usual steps, as measured by Liu and others


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class Muon(keras.optimizers.AdamW):
    """Muon for some matrices, and AdamW for all other weights.

    Args:
        learning_rate: for both.
        gates: how many matrices stand side by side in each weight that takes steps of Muon, by the path of the weight.
        **options: those of `keras.optimizers.AdamW`.
    """

    def __init__(self, learning_rate: Any = 0.001, *, gates: Mapping[str, int] | None = None, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self._gates_of_paths = dict(gates or {})

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Creates the momentums of these weights, and what AdamW needs."""
        if self.built:
            return
        super().build(variables)
        # Steps are taken with TensorFlow's variables, whose paths are others.
        self._gates = [self._gates_of_paths.get(variable.path, 0) for variable in variables]

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        """Takes a step with a weight, after Keras has clipped its gradient and decayed it."""
        index = self._get_variable_index(variable)
        if not (gates := self._gates[index]):
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self._momentums[index]
        self.assign(momentum, MOMENTUM * momentum + gradient)
        rows, columns = variable.shape[0], variable.shape[1] // gates
        matrices = tf.reshape(gradient + MOMENTUM * momentum, [rows, gates, columns])
        steps = equalized(tf.transpose(matrices, [1, 0, 2])) * SIZE * max(rows, columns) ** 0.5
        step = tf.reshape(tf.transpose(steps, [1, 0, 2]), variable.shape)
        self.assign_sub(variable, tf.cast(learning_rate, step.dtype) * step)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this class."""
        return super().get_config() | {"gates": self._gates_of_paths}


def equalized(matrices: tf.Tensor) -> tf.Tensor:
    """Returns matrices with the same singular vectors, and singular values near 1: float32 `[G, M, N]`, as given."""
    upright = matrices.shape[1] > matrices.shape[2]  # the products are those of the shorter side
    x = tf.transpose(matrices, [0, 2, 1]) if upright else matrices
    x /= SAFETY * tf.norm(x, axis=[1, 2], keepdims=True) + 1e-7
    for a, b, c in ITERATIONS:
        square = tf.matmul(x, x, transpose_b=True)
        x = a * x + tf.matmul(b * square + c * tf.matmul(square, square), x)
    return tf.transpose(x, [0, 2, 1]) if upright else x


def gates_of(model: keras.Model) -> dict[str, int]:
    """Returns the weights of a model that are for Muon: the path of each, and how many gates it has."""
    reads_ids = any(isinstance(layer, keras.layers.Embedding) for layer in model.layers)
    found: dict[str, int] = {}
    for number, layer in enumerate(filter(_is_recurrent, model.layers)):
        directions = (layer.forward_layer, layer.backward_layer) if hasattr(layer, "forward_layer") else (layer,)
        for cell in (direction.cell for direction in directions):
            kernels = [cell.recurrent_kernel, *([cell.kernel] if number or reads_ids else [])]
            found |= {kernel.path: kernel.shape[1] // cell.units for kernel in kernels}
    return found


def _is_recurrent(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)
