"""A stack of recurrent layers, and how it reads a text.

Shapes: B rows, N tokens, V vocabulary size, H units of a layer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.models.encodings import Interface, embedded_tokens
from char_lstm_tf.models.network import Network, State


@dataclass(frozen=True)
class Stack:
    """The layers of a recurrent model, from the first one to the logits.

    Attributes:
        interface: what it reads and predicts.
        embedding: the first layer; None: the model reads one-hot vectors.
        recurrent: RNN layers; the first one may be Bidirectional.
        dropouts: what follows each of them; [] without dropout.
        logits: the last layer.
        tied: whether its weights are the vectors of the embedding.
    """

    interface: Interface
    embedding: keras.layers.Embedding | None
    recurrent: list[keras.layers.RNN]
    dropouts: list[keras.layers.Dropout]
    logits: keras.layers.Layer
    tied: bool

    def below_logits(self) -> Iterator[keras.layers.Layer]:
        """Yields all layers but the last, in order."""
        if self.embedding is not None:
            yield self.embedding
        for number, layer in enumerate(self.recurrent):
            yield layer
            yield from self.dropouts[number : number + 1]

    def token_vectors(self) -> np.ndarray:
        """Returns the embedding, or the rows of the first kernel, which reads one-hot vectors: float32 `[V, D]`."""
        if self.embedding is not None:
            return embedded_tokens(self.embedding, self.interface.vocabulary_size)
        return self.recurrent[0].cell.kernel.numpy()


class Recurrent(Network):
    """A stack that is read token by token. Its state is that of its cells, h and c of an LSTM for each layer.

    It calls the cells themselves, so a step has no loop, whatever the layers around them use.

    Args:
        model: with the layers of the stack.
        stack: the layers.
        skips: whether the last layer reads the outputs of all recurrent layers.
        build: makes one of the same sizes for another interface.
    """

    def __init__(
        self, model: keras.Model, stack: Stack, *, skips: bool, build: Callable[[Interface], "Recurrent"]
    ) -> None:
        self.keras_model, self.stack, self.skips, self._build = model, stack, skips, build
        self.vocabulary_size, self.labels = stack.interface.vocabulary_size, stack.interface.labels
        self.cells = [layer.cell for layer in stack.recurrent]
        sizes = [tf.nest.flatten(cell.state_size) for cell in self.cells]
        self.state_sizes = [size for own in sizes for size in own]
        widths = [cell.output_size for cell in self.cells]
        self._width = sum(widths) if skips else widths[-1]
        self._steps = [
            (_step_of(cell, self.vocabulary_size), len(own)) for cell, own in zip(self.cells, sizes, strict=True)
        ]

    def twin(self, interface: Interface) -> "Recurrent":
        """Returns a network with the same weights, which don't change together, for another interface."""
        twin = self._build(interface)
        twin.keras_model.set_weights(self.keras_model.get_weights())
        return twin

    def read(self, ids: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        """Reads a token in each row, as `Network.read` says."""
        old, results = list(state), []
        new_state: list[tf.Tensor] = []
        values = ids if self.stack.embedding is None else self.stack.embedding(ids)
        for step, parts in self._steps:
            values, new = step(values, *old[:parts])
            old, new_state = old[parts:], new_state + new
            results.append(values)
        return tf.concat(results, axis=-1) if self.skips else values, new_state

    def read_all(
        self, ids: tf.Tensor, state: State, *, count: tf.Tensor | None = None, fresh: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, State]:
        """Reads several tokens in each row, place by place, as `Network.read_all` says."""

        def go_on(place: tf.Tensor, written: tf.TensorArray, *state: tf.Tensor) -> tuple[Any, ...]:
            if fresh is not None:
                state = tuple(tf.where(fresh[:, place, None], tf.zeros_like(part), part) for part in state)
            found, new_state = self.read(ids[:, place], state)
            return place + 1, written.write(place, found), *new_state

        rows, places = ids.shape
        count = places if count is None else count
        start = (0, tf.TensorArray(tf.float32, places, element_shape=[rows, self._width]), *state)
        _, written, *state = tf.while_loop(lambda place, *_: place < count, go_on, start)
        return tf.transpose(written.stack(), [1, 0, 2]), state

    def logits(self, hidden: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the logits of the next token, as `Network.logits` says."""
        return self._logits_of(self.stack.logits, hidden, labels)

    def token_vectors(self) -> np.ndarray:
        """Returns the embedding; for a model that reads one-hot vectors, the rows of the last layer less their mean.

        Tokens that are likely in the same places have similar rows there, unlike in the first kernel.
        """
        if self.stack.embedding is not None:
            return self.stack.token_vectors()
        rows = self.stack.logits.kernel.numpy().T
        return rows - rows.mean(axis=0)


def carried_states(model: keras.Model) -> list[keras.Variable]:
    """Returns the states that a Keras model carries from batch to batch, float32 `[B, H]` each; [] if it doesn't."""
    return [
        state
        for layer in model.layers
        if isinstance(layer, keras.layers.RNN) and layer.stateful
        for state in layer.states
    ]


def run_layer(layer: keras.layers.RNN, inputs: tf.Tensor) -> tf.Tensor:
    """Returns the outputs of a recurrent layer, `[B, T, H]` or `[B, H]`, without dropout.

    Keras' own loop runs the cells, so an exported graph has no operation that exists on one kind of device only.
    """
    options = {"return_sequences": layer.return_sequences, "go_backwards": layer.go_backwards}
    return keras.layers.RNN(layer.cell, **options)(inputs, training=False)


def run_both_directions(layer: keras.layers.Bidirectional, inputs: tf.Tensor) -> tf.Tensor:
    """Returns what `run_layer` does, for a layer that reads a window in both directions."""
    forward, backward = (run_layer(part, inputs) for part in (layer.forward_layer, layer.backward_layer))
    return tf.concat([forward, tf.reverse(backward, axis=[1]) if layer.return_sequences else backward], axis=-1)


def _step_of(cell: keras.Layer, vocabulary_size: int) -> Callable[..., tuple[tf.Tensor, list[tf.Tensor]]]:
    """Returns a step of a cell: inputs `[B, I]`, or ids of one-hot inputs, `[B]`, and states → output and states."""
    if isinstance(cell, keras.layers.LSTMCell) and _is_usual(cell):
        return lambda inputs, h, c: _lstm(cell, inputs, h, c)

    def step(inputs: tf.Tensor, *states: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return cell(tf.one_hot(inputs, vocabulary_size) if inputs.shape.rank == 1 else inputs, list(states))

    return step


def _is_usual(cell: keras.layers.LSTMCell) -> bool:
    """Returns whether `_lstm` computes what a cell does."""
    activations = cell.activation is keras.activations.tanh, cell.recurrent_activation is keras.activations.sigmoid
    return all(activations) and cell.use_bias


def _lstm(
    cell: keras.layers.LSTMCell, inputs: tf.Tensor, h: tf.Tensor, c: tf.Tensor
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns h, and h and c, as `cell` does.

    The sum of the products is written without a +, because XLA fuses the product of one row with an addition into a
    kernel for one core. That made 512 units 1.7 times as slow on two cores.
    """
    projected = tf.gather(cell.kernel, inputs) if len(inputs.shape) == 1 else tf.matmul(inputs, cell.kernel)
    sums = tf.matmul(h, cell.recurrent_kernel) - (-tf.convert_to_tensor(cell.bias) - projected)
    i, f, z, o = tf.split(sums, 4, axis=-1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(z)
    h = tf.sigmoid(o) * tf.tanh(c)
    return h, [h, c]
