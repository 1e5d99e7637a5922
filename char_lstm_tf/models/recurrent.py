"""Keras' LSTM with the training step of a CPU in mind.

On a CPU, Keras runs an LSTM as a loop that multiplies input and recurrent kernel at every step, keeps every
intermediate in lists, and adds up the gradients of the kernels a step at a time. Here a window is computed at a time:
the input projection before the loop, the gradients of the kernels after it, one product each, and the derivatives of
all gates between the loops. XLA compiles the loops. It runs them on one core, so the rows of a batch, which know
nothing of each other, are dealt out to the cores.

XLA puts the operations of a loop into kernels, and if a step has more than eight (`ThunkExecutor`'s
`execute_sequential_num_thunks_threshold`) it hands each of them to whichever thread is free, which takes longer than
running them. The loops below have eight at most. That is why neither of them computes what can wait until after it.

Shapes: B rows, T characters in a window, I size of the input, H units. Gates stand in Keras' order: input, forget,
candidate, output.
"""

import contextlib
import itertools
import os
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.config import ModelConfig

# Of a group. Its product with a recurrent kernel of 128 units takes one core 31 µs with 16 rows and 28 µs with 8, as
# most of it goes into reading the kernel: with fewer, another core brings nothing.
LEAST_ROWS = 8

# Compiling takes two seconds. Two layers of 128 units are 0.7 ms faster for each character of a window then, so they
# win that back after 3,000 of them; smaller ones later.
LEAST_LOOP_STEPS = 4_000

# On two cores, operations of one thread made 2×128 units 1.1 to 1.4 times as fast, 2×256 1.05 to 1.1 times, 2×512 not
# faster.
LARGEST_OF_ONE_CORE = 256

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
        values = sequences, *initial_state, self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias
        x, h, c, *weights = map(tf.convert_to_tensor, values)
        deal = partial(split_rows, parts=groups(x.shape[0]))
        results = [lstm(*rows, *weights) for rows in zip(deal(x), deal(h), deal(c), strict=True)]
        outputs, h, c = (tf.concat(parts, axis=0) for parts in zip(*results, strict=True))
        return h, outputs, [h, c]

    def _is_plain(self) -> bool:
        return (
            self.activation is keras.activations.tanh
            and self.recurrent_activation is keras.activations.sigmoid
            and self.use_bias
            and not (self.dropout or self.recurrent_dropout or self.go_backwards or self.unroll)
            and self.compute_dtype == self.variable_dtype == "float32"
        )


def prepare(config: ModelConfig, batch_size: int) -> None:
    """Sets TensorFlow up to train a model on a CPU. To be called before TensorFlow's first operation.

    Memory of a batch is kept for the next one: taking it from the system anew was a seventh of the time of a step of
    2×512 units. And where each core has a group of rows, with too little work for more than one, none is to share it.
    """
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")  # read when TensorFlow first asks for memory
    fast = (
        config.architecture in ("sequential", "functional")
        and config.cell == "lstm"
        and not config.bidirectional
    )
    small = max(config.units) <= LARGEST_OF_ONE_CORE and groups(batch_size) >= cores()
    asked = "TF_NUM_INTRAOP_THREADS" in os.environ
    if fast and small and not asked and not tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # too late: somebody has used TensorFlow in this process
            tf.config.threading.set_intra_op_parallelism_threads(1)


def pays(steps: int, window: int) -> bool:
    """Returns whether a run of so many batches is long enough for the layer: shorter ones are over sooner without."""
    return steps * window >= LEAST_LOOP_STEPS


def only_cpu() -> bool:
    """Returns whether TensorFlow has nothing better than CPUs here."""
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


def cores() -> int:
    """Returns how many operations TensorFlow runs side by side."""
    return tf.config.threading.get_inter_op_parallelism_threads() or os.cpu_count()


def groups(rows: int | None) -> int:
    """Returns into how many groups to deal out so many rows of a batch; None: not known yet, taken for 32."""
    return max(1, min(cores(), (32 if rows is None else rows) // LEAST_ROWS))


def split_rows(values: tf.Tensor, *, parts: int) -> list[tf.Tensor]:
    """Returns the rows of `[B, …]` in so many groups, as even as they come out.

    Of the outputs of another such layer these are its own groups: each then goes on without waiting for the others.
    """
    if parts == 1:
        return [values]
    rows = values.shape[0] or tf.shape(values)[0]
    edges = [rows * part // parts for part in range(parts + 1)]
    sizes = [end - start for start, end in itertools.pairwise(edges)]
    if isinstance(rows, int) and not tf.executing_eagerly() and values.op.type == "ConcatV2":
        *joined, _ = values.op.inputs  # the last one is the axis
        if [part.shape[0] for part in joined] == sizes:
            return joined
    return tf.split(values, sizes)


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
    outputs, last_h, last_c, *kept = forward(x, h, c, kernel, recurrent_kernel, bias)

    def gradient(*above: tf.Tensor) -> list[tf.Tensor]:
        of_sums, *found = backward(x, h, c, recurrent_kernel, outputs, *kept, *above)
        # By itself, so that the gradient of a one-hot input, for which nobody asks, isn't computed.
        return [input_gradient(of_sums, kernel), *found]

    return (outputs, last_h, last_c), gradient


@compiled
def forward(
    x: tf.Tensor, h: tf.Tensor, c: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """Returns outputs `[B, T, H]`, h and c after the window, and what `backward` needs: gates and cell states.

    Gates, activated, are `[T, B, 4H]`, cell states `[T, B, H]`. Arguments as for `lstm`.
    """
    steps, rows, units = tf.shape(x)[1], x.shape[0], recurrent_kernel.shape[0]
    # sigmoid(x) = (1 + tanh(x / 2)) / 2: so all gates are one operation.
    scale = np.repeat(np.float32([0.5, 0.5, 1, 0.5]), units)
    projected = tf.einsum("bti,in->tbn", x, kernel * scale)
    recurrent_kernel, bias = recurrent_kernel * scale, bias * scale

    def step(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, gates: tf.TensorArray, cells: tf.TensorArray) -> tuple:
        gate = tf.tanh(gates.read(t) + tf.matmul(h, recurrent_kernel) + bias) * scale + (1 - scale)
        i, f, g, o = tf.split(gate, 4, axis=1)
        c = f * c + i * g
        return t + 1, o * tf.tanh(c), c, gates.write(t, gate), cells.write(t, c)

    cells = tf.TensorArray(tf.float32, steps, element_shape=[rows, units])
    start = [0, h, c, overwritten(projected), cells]
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
    i, f, g, o = tf.split(gates, 4, axis=2)
    squashed, earlier = tf.tanh(cells), tf.concat([c[None], cells[:-1]], axis=0)
    # Of each sum with respect to the cell state it goes into, of the output gate's with respect to h.
    slopes = [g * i * (1 - i), earlier * f * (1 - f), i * (1 - g * g), squashed * o * (1 - o)]
    slopes = tf.reshape(tf.stack(slopes, axis=2), tf.shape(gates))
    through_output = o * (1 - squashed * squashed)
    to_later = tf.concat([f[1:], tf.ones_like(f[:1])], axis=0)
    back = tf.transpose(recurrent_kernel)

    def step(t: tf.Tensor, of_h: tf.Tensor, of_c: tf.Tensor, slopes: tf.TensorArray) -> tuple:
        of_h += of_outputs[t]
        of_c = of_c * to_later[t] + of_h * through_output[t]
        of_sums = tf.concat([of_c, of_c, of_c, of_h], axis=1) * slopes.read(t)
        return t - 1, tf.matmul(of_sums, back), of_c, slopes.write(t, of_sums)

    start = [steps - 1, of_h, of_c, overwritten(slopes)]
    _, of_h, of_c, of_sums = tf.while_loop(lambda t, *_: t >= 0, step, start, maximum_iterations=steps)
    of_c, of_sums = of_c * f[0], of_sums.stack()
    before = tf.concat([h[None], time_first(outputs)[:-1]], axis=0)
    # XLA takes 1.2 to 1.7 times as long for a product of matrices of which the first is to be read transposed.
    return (
        of_sums,
        of_h,
        of_c,
        tf.einsum("bti,tbn->in", x, of_sums),
        tf.einsum("tbh,tbn->hn", before, of_sums),
        tf.reduce_sum(of_sums, axis=[0, 1]),
    )


@compiled
def input_gradient(of_sums: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the gradient with respect to the inputs, `[B, T, I]`, from that of the sums, `[T, B, 4H]`."""
    return tf.einsum("tbn,in->bti", of_sums, kernel)


def overwritten(values: tf.Tensor) -> tf.TensorArray:
    """Returns `[T, …]` as what a loop reads and writes: what it makes of a step takes the place of what it read."""
    array = tf.TensorArray(
        tf.float32, tf.shape(values)[0], clear_after_read=False, element_shape=values.shape[1:]
    )
    return array.unstack(values)


def time_first(values: tf.Tensor) -> tf.Tensor:
    """Returns `[T, B, …]` of `[B, T, …]`, and the other way round."""
    return tf.transpose(values, [1, 0, 2])
