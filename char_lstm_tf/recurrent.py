"""Keras' LSTM with the training step of a CPU in mind.

On a CPU, Keras runs an LSTM as a loop that multiplies input and recurrent kernel at every step, keeps every
intermediate in lists, and adds up the gradients of the kernels a step at a time. Here a window is computed at a time:
the input projection before the loop, the gradients of the kernels after it, one product each. XLA compiles the loops.
It runs them on one core, so the rows of a batch, which know nothing of each other, are dealt out to the cores.

Shapes: B rows, T characters in a window, I size of the input, H units. Gates stand in Keras' order: input, forget,
candidate, output.
"""

import itertools
import os
from functools import partial

import keras
import tensorflow as tf

# Of a group. Its product with a recurrent kernel of 128 units takes one core 31 µs with 16 rows and 28 µs with 8, as
# most of it goes into reading the kernel: with fewer, another core brings nothing.
LEAST_ROWS = 8

# Compiling takes three seconds. Each step of each layer's loop is 0.2 ms faster then, so two layers win that back after
# so many of them.
LEAST_LOOP_STEPS = 10_000

compiled = partial(tf.function, jit_compile=True, autograph=False)


class LSTM(keras.layers.LSTM):
    """`keras.layers.LSTM`, the same in configuration, weights and results, that takes training steps faster on a CPU.

    Outside training, on other devices, with masks, dropout inside the cell, other activations or other types than
    float32, it is what it inherits. The class has the same name too, as Keras finds weights in a file by it.
    """

    def inner_loop(
        self,
        sequences: tf.Tensor,
        initial_state: list[tf.Tensor],
        mask: tf.Tensor | None,
        training: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Returns the last output `[B, H]`, all outputs `[B, T, H]` and the states h and c after the window."""
        if not (training and mask is None and self._is_plain() and only_cpu()):
            return super().inner_loop(sequences, initial_state, mask=mask, training=training)
        weights = (self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias)
        outputs, h, c = lstm(sequences, *initial_state, *map(tf.convert_to_tensor, weights))
        return h, outputs, [h, c]

    def _is_plain(self) -> bool:
        return (
            self.activation is keras.activations.tanh
            and self.recurrent_activation is keras.activations.sigmoid
            and self.use_bias
            and not (self.dropout or self.recurrent_dropout or self.go_backwards or self.unroll)
            and self.compute_dtype == self.variable_dtype == "float32"
        )


def pays(steps: int, window: int) -> bool:
    """Returns whether a run of so many batches is long enough for the layer: shorter ones are over sooner without."""
    return steps * window >= LEAST_LOOP_STEPS


def only_cpu() -> bool:
    """Returns whether TensorFlow has nothing better than CPUs here."""
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


def groups(rows: int | None) -> int:
    """Returns into how many groups to deal out so many rows of a batch; None: not known yet, taken for 32."""
    cores = tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count()
    return max(1, min(cores, (32 if rows is None else rows) // LEAST_ROWS))


@tf.custom_gradient
def lstm(
    x: tf.Tensor, h: tf.Tensor, c: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns what an LSTM makes of a window: its outputs, and its states after it.

    Args:
        x: inputs, float32 `[B, T, I]`, as all others are.
        h: output before the window, `[B, H]`.
        c: cell state before the window, `[B, H]`.
        kernel: `[I, 4H]`.
        recurrent_kernel: `[H, 4H]`.
        bias: `[4H]`.

    Returns:
        Outputs `[B, T, H]`, and h and c after the window, `[B, H]` each.
    """
    deal = partial(split_rows, parts=groups(x.shape[0]))
    starts = list(zip(deal(x), deal(h), deal(c), strict=True))
    passes = [forward(*start, kernel, recurrent_kernel, bias) for start in starts]
    outputs, last_h, last_c, gates, cells = zip(*passes, strict=True)

    def gradient(*above: tf.Tensor) -> list[tf.Tensor]:
        found = [
            backward(*start, recurrent_kernel, *kept, *parts)
            for start, *kept, parts in zip(
                starts, outputs, gates, cells, zip(*map(deal, above), strict=True), strict=True
            )
        ]
        sums, *of_states, of_kernel, of_recurrent_kernel, of_bias = zip(*found, strict=True)
        # By itself, so that the gradient of a one-hot input, for which nobody asks, isn't computed.
        of_x = [input_gradient(part, kernel) for part in sums]
        return [tf.concat(part, 0) for part in (of_x, *of_states)] + [
            tf.add_n(part) for part in (of_kernel, of_recurrent_kernel, of_bias)
        ]

    return tuple(tf.concat(part, 0) for part in (outputs, last_h, last_c)), gradient


def split_rows(values: tf.Tensor, *, parts: int) -> list[tf.Tensor]:
    """Returns the rows of `[B, …]` in so many groups, as even as they come out."""
    if parts == 1:
        return [values]
    rows = values.shape[0] or tf.shape(values)[0]
    edges = [rows * part // parts for part in range(parts + 1)]
    return [values[start:end] for start, end in itertools.pairwise(edges)]


@compiled
def forward(
    x: tf.Tensor, h: tf.Tensor, c: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """Returns outputs `[B, T, H]`, h and c after the window, and what `backward` needs: gates and cell states.

    Gates, activated, are `[T, B, 4H]`, cell states `[T, B, H]`. Arguments as for `lstm`.
    """
    steps, units = tf.shape(x)[1], recurrent_kernel.shape[0]
    projected = projection(time_first(x), kernel) + bias

    def step(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, *kept: tf.TensorArray) -> tuple:
        i, f, g, o = tf.split(projected[t] + tf.matmul(h, recurrent_kernel), 4, axis=1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        c = f * c + i * g
        h = o * tf.tanh(c)
        new = h, tf.concat([i, f, g, o], axis=1), c
        return t + 1, h, c, *(array.write(t, value) for array, value in zip(kept, new, strict=True))

    kept = [tf.TensorArray(tf.float32, steps, element_shape=[x.shape[0], n * units]) for n in (1, 4, 1)]
    _, h, c, *kept = tf.while_loop(lambda t, *_: t < steps, step, [0, h, c, *kept], maximum_iterations=steps)
    outputs, gates, cells = (array.stack() for array in kept)
    return time_first(outputs), h, c, gates, cells


@compiled
def backward(
    x: tf.Tensor,
    h: tf.Tensor,
    c: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    outputs: tf.Tensor,
    gates: tf.Tensor,
    cells: tf.Tensor,
    of_outputs: tf.Tensor,
    of_h: tf.Tensor,
    of_c: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """Returns gradients, with respect to: sums before the gates `[T, B, 4H]`, h, c, kernel, recurrent kernel, bias.

    Backpropagation through time as in Graves, "Supervised Sequence Labelling with Recurrent Neural Networks" (2012),
    section 4.6, without peepholes.

    Args:
        x: as for `lstm`, like `h`, `c` and `recurrent_kernel`.
        h: before the window.
        c: before the window.
        recurrent_kernel: of the cell.
        outputs: `[B, T, H]`, as `forward` returned them.
        gates: likewise.
        cells: likewise.
        of_outputs: gradient with respect to the outputs.
        of_h: with respect to h after the window.
        of_c: with respect to c after the window.
    """
    steps, of_outputs = tf.shape(x)[1], time_first(of_outputs)
    squashed, earlier = tf.tanh(cells), tf.concat([c[None], cells[:-1]], axis=0)
    back = tf.transpose(recurrent_kernel)

    def step(t: tf.Tensor, of_h: tf.Tensor, of_c: tf.Tensor, kept: tf.TensorArray) -> tuple:
        i, f, g, o = tf.split(gates[t], 4, axis=1)
        of_h += of_outputs[t]
        of_c += of_h * (o * (1 - squashed[t] * squashed[t]))
        of_sums = tf.concat(
            [
                of_c * (g * i * (1 - i)),
                of_c * (earlier[t] * f * (1 - f)),
                of_c * (i * (1 - g * g)),
                of_h * (squashed[t] * o * (1 - o)),
            ],
            axis=1,
        )
        return t - 1, tf.matmul(of_sums, back), of_c * f, kept.write(t, of_sums)

    kept = tf.TensorArray(tf.float32, steps, element_shape=gates.shape[1:])
    _, of_h, of_c, kept = tf.while_loop(
        lambda t, *_: t >= 0, step, [steps - 1, of_h, of_c, kept], maximum_iterations=steps
    )
    of_sums = kept.stack()
    before = tf.concat([h[None], time_first(outputs)[:-1]], axis=0)
    return (
        of_sums,
        of_h,
        of_c,
        kernel_gradient(time_first(x), of_sums),
        kernel_gradient(before, of_sums),
        tf.reduce_sum(of_sums, axis=[0, 1]),
    )


@compiled
def input_gradient(of_sums: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the gradient with respect to the inputs, `[B, T, I]`, from that of the sums, `[T, B, 4H]`."""
    return time_first(projection(of_sums, tf.transpose(kernel)))


def time_first(values: tf.Tensor) -> tf.Tensor:
    """Returns `[T, B, …]` of `[B, T, …]`, and the other way round."""
    return tf.transpose(values, [1, 0, 2])


def projection(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns `x[t] @ kernel` for all t, as one product."""
    flat = tf.matmul(tf.reshape(x, [-1, kernel.shape[0]]), kernel)
    return tf.reshape(flat, tf.concat([tf.shape(x)[:2], kernel.shape[1:]], axis=0))


def kernel_gradient(x: tf.Tensor, of_sums: tf.Tensor) -> tf.Tensor:
    """Returns the sum of `transpose(x[t]) @ of_sums[t]` over all t, as one product."""
    flat = [tf.reshape(values, [-1, values.shape[2]]) for values in (x, of_sums)]
    return tf.matmul(*flat, transpose_a=True)
