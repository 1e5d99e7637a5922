"""An LSTM over a window of characters, for training on a CPU, with the same results as Keras' own layer.

On a CPU, Keras runs an LSTM as a loop that multiplies the input and the recurrent kernel at every step, keeps every
intermediate result in a list, and adds up the gradients of the kernels step by step. These loops compute a whole window
at a time: the input projection before the loop, the gradients of the kernels after it, one product each, and the
derivatives of all gates between the two loops. XLA compiles the loops and runs each on one core, so the rows of a
batch, which are independent, are split into a group for each core.

XLA turns the operations of a loop into kernels. If a step has more than eight of them (`ThunkExecutor`'s
`execute_sequential_num_thunks_threshold`), each is handed to whichever thread is free, which takes longer than running
it. The loops below have at most eight, so they compute nothing that can wait until after the loop.

Shapes: B rows, T characters in a window, I size of the input, H units. Gates stand in Keras' order: input, forget,
candidate, output.
"""

from functools import partial
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

# What is taken off the input of a forget gate to make it exactly 0: tanh(x / 2) is -1 in float32 far before that.
SHUT = 1e4

compiled = partial(tf.function, jit_compile=True, autograph=False)


def lstm(
    x: tf.Tensor,
    h: tf.Tensor,
    c: tf.Tensor,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
    *,
    continues: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the outputs of an LSTM over a window, and its states after it.

    Args:
        x: inputs, float32 `[B, T, I]`. All others are float32 too.
        h: output before the window, `[B, H]`.
        c: cell state before the window, `[B, H]`.
        kernel: `[I, 4H]`.
        recurrent_kernel: `[H, 4H]`.
        bias: `[4H]`.
        continues: 0 where h and c are reset before the input is read, and 1 elsewhere, `[B, T]`. None: 1 everywhere.

    Returns:
        Outputs `[B, T, H]`, and h and c after the window, `[B, H]` each.
    """

    @tf.custom_gradient
    def read(x: tf.Tensor, h: tf.Tensor, c: tf.Tensor, *weights: tf.Tensor) -> tuple[Any, ...]:
        # A persistent tape would ask for the gradient of the compiled loop itself, which XLA doesn't have.
        outputs, last_h, last_c, *kept = forward(*map(tf.stop_gradient, (x, h, c, *weights)), continues)

        def gradient(*upstream: tf.Tensor) -> list[tf.Tensor]:
            kernel, recurrent_kernel, _ = weights
            values = x, h, c, recurrent_kernel, outputs, *kept, *upstream
            grad_gates, *found = gradients(continues, *values)
            # A function of its own, so that it isn't computed for a one-hot input, whose gradient nothing needs.
            return [input_gradient(grad_gates, kernel), *found]

        return (outputs, last_h, last_c), gradient

    return read(x, h, c, kernel, recurrent_kernel, bias)


def gradients(continues: tf.Tensor | None, *values: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns what `backward` does, as something whose own gradient is an error.

    The outputs of `forward` are constants to TensorFlow, so a gradient of the gradient would lack all that goes through
    them.

    Args:
        continues: as for `lstm`.
        *values: the other arguments of `backward`.
    """

    @tf.custom_gradient
    def once(*values: tf.Tensor) -> tuple[Any, ...]:
        def again(*upstream: tf.Tensor) -> NoReturn:
            raise NotImplementedError("this LSTM layer has no second-order gradients; use keras.layers.LSTM for them")

        return backward(*map(tf.stop_gradient, values), continues), again

    return once(*values)


@compiled
def forward(
    x: tf.Tensor,
    h: tf.Tensor,
    c: tf.Tensor,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
    continues: tf.Tensor | None = None,
) -> tuple[tf.Tensor, ...]:
    """Returns outputs `[B, T, H]`, h and c after the window, and the gates and cell states for `backward`.

    Gates are `[T, B, 4H]`, after their activations, and cell states `[T, B, H]`. Arguments as for `lstm`.
    """
    steps, rows, units = tf.shape(x)[1], x.shape[0], recurrent_kernel.shape[0]
    # sigmoid(x) = (1 + tanh(x / 2)) / 2, so one tanh computes all gates.
    scale = np.repeat(np.array([0.5, 0.5, 1, 0.5], np.float32), units)
    projected = tf.einsum("bti,in->tbn", x, kernel)
    if continues is not None:
        # A reset of c is a forget gate of 0, which the loop needn't know of; that of h is one more factor in it.
        first, later = kept_by_step(continues)
        shut = np.repeat(np.array([0, SHUT, 0, 0], np.float32), units)
        projected -= (1 - tf.concat([first[None], later[:-1]], axis=0)) * shut
        h *= first

    def step(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, gates: tf.TensorArray, cells: tf.TensorArray) -> tuple[Any, ...]:
        gate = tf.tanh((gates.read(t) + tf.matmul(h, recurrent_kernel) + bias) * scale) * scale + (1 - scale)
        i, f, g, o = tf.split(gate, 4, axis=1)
        c = f * c + i * g
        h = o * tf.tanh(c) if continues is None else o * tf.tanh(c) * later[t]
        return t + 1, h, c, gates.write(t, gate), cells.write(t, c)

    cells = tf.TensorArray(tf.float32, steps, element_shape=[rows, units])
    start = [0, h, c, in_place_array(projected), cells]
    _, h, c, gates, cells = tf.while_loop(lambda t, *_: t < steps, step, start, maximum_iterations=steps)
    gates, cells = gates.stack(), cells.stack()
    return time_first(gates[:, :, 3 * units :] * tf.tanh(cells)), h, c, gates, cells


@compiled
def backward(
    x: tf.Tensor,
    h: tf.Tensor,
    c: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    outputs: tf.Tensor,
    gates: tf.Tensor,
    cells: tf.Tensor,
    grad_outputs: tf.Tensor,
    grad_h: tf.Tensor,
    grad_c: tf.Tensor,
    continues: tf.Tensor | None = None,
) -> tuple[tf.Tensor, ...]:
    """Returns the gradients of: the gates before activation `[T, B, 4H]`, h, c, kernel, recurrent kernel, bias.

    Backpropagation through time as in Graves, "Supervised Sequence Labelling with Recurrent Neural Networks" (2012),
    section 4.6, without peepholes.

    Args:
        x: as for `lstm`, like `h`, `c` and `recurrent_kernel`.
        h: before the window.
        c: before the window.
        recurrent_kernel: of the cell.
        outputs: `[B, T, H]`, as `forward` returned them.
        gates: as `forward` returned them.
        cells: as `forward` returned them.
        grad_outputs: gradient of the outputs.
        grad_h: gradient of h after the window.
        grad_c: gradient of c after the window.
        continues: as for `lstm`. Where c is reset, f is 0, so nothing flows back through it.
    """
    steps, grad_outputs = tf.shape(x)[1], time_first(grad_outputs)
    i, f, g, o = tf.split(gates, 4, axis=2)
    squashed, earlier = tf.tanh(cells), tf.concat([c[None], cells[:-1]], axis=0)
    # Derivatives of the cell state by the gates before activation, and of h by the output gate.
    slopes = [g * i * (1 - i), earlier * f * (1 - f), i * (1 - g * g), squashed * o * (1 - o)]
    slopes = tf.reshape(tf.stack(slopes, axis=2), tf.shape(gates))
    through_output = o * (1 - squashed * squashed)
    to_later = tf.concat([f[1:], tf.ones_like(f[:1])], axis=0)
    # XLA multiplies one row with a transposed matrix as fast; for eight, the loop would take half as long again.
    one_row = gates.shape[1] == 1
    back = recurrent_kernel if one_row else tf.transpose(recurrent_kernel)
    if continues is not None:
        first, later = kept_by_step(continues)

    def step(t: tf.Tensor, grad_h: tf.Tensor, grad_c: tf.Tensor, slopes: tf.TensorArray) -> tuple[Any, ...]:
        grad_h = (grad_h if continues is None else grad_h * later[t]) + grad_outputs[t]
        grad_c = grad_c * to_later[t] + grad_h * through_output[t]
        grad_gates = tf.concat([grad_c, grad_c, grad_c, grad_h], axis=1) * slopes.read(t)
        return t - 1, tf.matmul(grad_gates, back, transpose_b=one_row), grad_c, slopes.write(t, grad_gates)

    start = [steps - 1, grad_h, grad_c, in_place_array(slopes)]
    _, grad_h, grad_c, grad_gates = tf.while_loop(lambda t, *_: t >= 0, step, start, maximum_iterations=steps)
    grad_c, grad_gates = grad_c * f[0], grad_gates.stack()
    before = tf.concat([h[None], time_first(outputs)[:-1]], axis=0)
    if continues is not None:
        before *= tf.concat([first[None], later[:-1]], axis=0)
        grad_h *= first
    # einsum, because XLA takes 1.2 to 1.7 times as long for a matrix product that reads the first matrix transposed.
    return (
        grad_gates,
        grad_h,
        grad_c,
        tf.einsum("bti,tbn->in", x, grad_gates),
        tf.einsum("tbh,tbn->hn", before, grad_gates),
        tf.reduce_sum(grad_gates, axis=[0, 1]),
    )


@compiled
def input_gradient(grad_gates: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the gradient of the inputs, `[B, T, I]`, from that of the gates before activation, `[T, B, 4H]`."""
    return tf.einsum("tbn,in->bti", grad_gates, kernel)


def kept_by_step(continues: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns which rows keep their state before the first step, `[B, 1]`, and after each step, `[T, B, 1]`.

    After the last step of a window, all do: the next window resets them first if it has to.
    """
    kept = tf.transpose(continues)[..., None]
    return kept[0], tf.concat([kept[1:], tf.ones_like(kept[:1])], axis=0)


def in_place_array(values: tf.Tensor) -> tf.TensorArray:
    """Returns `[T, …]` as an array in which a loop overwrites what it has read with its result."""
    array = tf.TensorArray(tf.float32, tf.shape(values)[0], clear_after_read=False, element_shape=values.shape[1:])
    return array.unstack(values)


def time_first(values: tf.Tensor) -> tf.Tensor:
    """Swaps the first two axes: `[B, T, …]` → `[T, B, …]`, and back."""
    return tf.transpose(values, [1, 0, 2])
