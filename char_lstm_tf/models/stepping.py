"""One step of any model, with its state passed in and returned. Sampling, scoring and the export repeat it.

Shapes: B batch, T characters in a window, V vocabulary size, H units of a layer.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from char_lstm_tf.models import outputs, windows


def state_sizes(model: keras.Model) -> list[int]:
    """Returns the widths of the states of `step`.

    Layer by layer, these are h and c of an LSTM, and h of other cells. A model that reads windows has the last T ids.
    """
    if windows.reads_windows(model):
        return [model.inputs[0].shape[1]]
    cells = [layer.cell for layer in model.layers if isinstance(layer, keras.layers.RNN)]
    return [
        size
        for cell in cells
        for size in (cell.state_size if isinstance(cell.state_size, Sequence) else [cell.state_size])
    ]


def carried_states(model: keras.Model) -> list[keras.Variable]:
    """Returns the states that a model of a stream carries from batch to batch, float32 `[B, H]` each; else []."""
    return [
        state
        for layer in model.layers
        if isinstance(layer, keras.layers.RNN) and layer.stateful
        for state in layer.states
    ]


def zero_states(model: keras.Model, batch_size: int | tf.Tensor) -> list[tf.Tensor]:
    """Returns the states at the start of a text, float32 `[B, H]` each."""
    return [tf.zeros([batch_size, size]) for size in state_sizes(model)]


def step(
    model: keras.Model, ids: tf.Tensor, states: Sequence[tf.Tensor], labels: tf.Tensor | None = None
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Reads one character in each row with the weights of `model`, and leaves no trace in it.

    Sampling, scoring and the export repeat this step. It calls the cells themselves, so it has no loop, no dropout and
    no operation that exists on one kind of device only, whatever the layers around the cells use. For a model that
    reads windows (see `windows`), a step reads the last T characters again, and contains their loop.

    Args:
        model: of `models.build`, trained for either target.
        ids: int32 `[B]`.
        states: as `zero_states` or an earlier step returned them.
        labels: of a model with labels: that of each row, int32 `[B]`; None: each.

    Returns:
        Logits of the next character, float32 `[B, V]`, or `[B, L, V]` under each label, and the new states.
    """
    if windows.reads_windows(model):
        logits, state = windows.read(model, ids[:, None], *states, labels=None if labels is None else labels[:, None])
        return logits[:, 0], [state]
    last, new_states = hidden(model, ids, states)
    return outputs.logits_of(model, last, labels), new_states


def hidden(model: keras.Model, ids: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns what the last layer of a recurrent model reads, float32 `[B, H]`, and the new states. As `step` does it.

    Args:
        model: of `models.build`, not one that reads windows.
        ids: int32 `[B]`.
        states: as `zero_states` or an earlier step returned them.
    """
    states, new_states, results = iter(states), [], []
    skips = any(isinstance(layer, keras.layers.Concatenate) for layer in model.layers)
    values = ids
    for layer in model.layers:
        if isinstance(layer, keras.layers.RNN):
            old = [next(states) for _ in tf.nest.flatten(layer.cell.state_size)]
            if isinstance(layer.cell, keras.layers.LSTMCell):
                values, new = _lstm(layer.cell, values, *old)
            else:
                inputs = tf.one_hot(ids, model.output_shape[-1]) if values is ids else values
                values, new = layer.cell(inputs, old)
            new_states += new
            results.append(values)
        elif isinstance(layer, keras.layers.Embedding):
            values = layer(values)
    return tf.concat(results, axis=-1) if skips else values, new_states


def _lstm(
    cell: keras.layers.LSTMCell, inputs: tf.Tensor, h: tf.Tensor, c: tf.Tensor
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns what `cell` does, of inputs `[B, I]`, or of the ids of one-hot inputs, `[B]`: h, and both new states.

    The sum of the products is written without a +, because XLA fuses the product of one row with an addition into a
    kernel for one core. That made 512 units 1.7 times as slow on two cores.
    """
    projected = tf.gather(cell.kernel, inputs) if len(inputs.shape) == 1 else tf.matmul(inputs, cell.kernel)
    sums = tf.matmul(h, cell.recurrent_kernel) - (-tf.convert_to_tensor(cell.bias) - projected)
    i, f, z, o = tf.split(sums, 4, axis=-1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(z)
    h = tf.sigmoid(o) * tf.tanh(c)
    return h, [h, c]
