"""Keras models that somebody else made, as networks that write and score text.

Shapes: B rows, T characters in a window, V vocabulary size.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NoReturn

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.models.network import Network
from char_lstm_tf.models.ngrams.windows import Windows
from char_lstm_tf.models.stack import Recurrent, Stack, carried_states
from pipelines import UserError
from pipelines.vocabulary import UNKNOWN, Vocabulary

DROPOUT = (keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.GaussianNoise)
LAST_ACTIVATIONS = ("linear", "softmax", "log_softmax")
CHECKED = 6  # characters on which a network is compared with its model
TOLERANCE = 1e-3  # in nats
SMALLEST = 1e-37  # probability


def vocabulary_of(tokens: Vocabulary | Sequence[str]) -> Vocabulary:
    """Returns the vocabulary of a model, which may be given as a list of characters in the order of their ids.

    Raises:
        UserError: id 0 isn't that of the unknown character, or the model is told labels.
    """
    if isinstance(tokens, Vocabulary):
        if tokens.labels:
            raise UserError("vocabulary: has labels, which a Keras model isn't told; give one without")
        return tokens
    if not tokens or tokens[0] not in (UNKNOWN, "[UNK]"):
        raise UserError("vocabulary: id 0 must be the unknown character; give ['[UNK]', 'a', …], in the order of ids")
    try:
        return Vocabulary((UNKNOWN, *tokens[1:]))
    except ValueError as error:
        raise UserError(f"vocabulary: {error}") from error


def network_of(model: keras.Model, vocabulary: Vocabulary, *, window: int | None = None) -> Network:
    """Returns a Keras model as a network, with the weights that the model has at the time of each call.

    Recurrent layers one above the other are read character by character, with their states carried. Any other model
    reads a window for each character. Its places before the start of a text hold id 0, the unknown character.

    Args:
        model: `keras.Sequential` or `keras.Model(inputs, outputs)`. It reads one-hot vectors, `[B, T, V]`, or ids,
            `[B, T]`, and predicts the next character, as logits or probabilities: `[B, T, V]`, after each character,
            or `[B, V]`, after the last one.
        vocabulary: its characters.
        window: T; None: that of the model's input. A model that is read character by character needs none.

    Raises:
        UserError: the model is something else, or doesn't fit the vocabulary.
    """
    interface = _interface_of(model, len(vocabulary), window)
    probabilities = _gives_probabilities(model)
    try:
        network = _recurrent(model, interface, probabilities=probabilities)
        _compare(network, model, probabilities=probabilities)
        return network
    except UserError as error:
        reason = f"model: it can't be read character by character ({error})"
    if interface.window is None:
        raise UserError(f"{reason}; give window=, how many characters it reads at a time")
    if carried_states(model):
        raise UserError(f"{reason}, and it carries a state; make it without stateful=True")
    return Windows(model, interface, last=_WholeModel(model, probabilities=probabilities))


def _interface_of(model: keras.Model, size: int, window: int | None) -> Interface:
    """Returns what a model reads and predicts. Raises UserError if that isn't text."""
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        raise UserError(
            "model: its layers aren't known; make it with keras.Sequential or keras.Model(inputs, outputs), and with "
            "keras.Input"
        )
    if len(inputs) != 1 or len(outputs) != 1:
        raise UserError(f"model: has {len(inputs)} inputs and {len(outputs)} outputs; one of each can be used")
    reads, gives = inputs[0].shape, outputs[0].shape
    if len(reads) not in (2, 3) or (len(reads) == 3 and reads[2] != size):
        raise UserError(f"model: reads {reads}; must be ids, (B, T), or one-hot vectors of {size}, (B, T, {size})")
    if len(gives) not in (2, 3) or gives[-1] != size:
        raise UserError(
            f"model: gives {gives}; must be a value for each of the {size} tokens of the vocabulary, (B, T, {size}) or "
            f"(B, {size})"
        )
    if others := {layer.compute_dtype for layer in model.layers} - {"float32"}:
        raise UserError(f"model: computes in {', '.join(sorted(others))}; only float32 can be used")
    return Interface(
        vocabulary_size=size,
        encoding="one_hot" if len(reads) == 3 else "embedding",
        target="next_char",
        window=reads[1] or window,
    )


def _gives_probabilities(model: keras.Model) -> bool:
    """Returns whether a model gives probabilities, and not logits. Raises UserError if it gives neither."""
    last = model.layers[-1]
    while isinstance(last, keras.layers.Wrapper | keras.Sequential):
        last = last.layers[-1] if isinstance(last, keras.Sequential) else last.layer
    if isinstance(last, keras.layers.Softmax):
        return True
    activation = getattr(last, "activation", keras.activations.linear)
    name = getattr(activation, "__name__", str(activation))
    if name not in LAST_ACTIVATIONS:
        raise UserError(f"model: its last activation is {name}; must be softmax, or none (logits)")
    return name == "softmax"


def _recurrent(model: keras.Model, interface: Interface, *, probabilities: bool) -> Recurrent:
    """Returns the network of recurrent layers one above the other. Raises UserError if the layers are others."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    embedding = layers.pop(0) if interface.encoding == "embedding" else None
    if embedding is not None and not isinstance(embedding, keras.layers.Embedding):
        raise UserError(f"its first layer is {type(embedding).__name__}, not Embedding")
    below = list(takewhile(lambda layer: isinstance(layer, (keras.layers.RNN, *DROPOUT)), layers))
    recurrent = [layer for layer in below if isinstance(layer, keras.layers.RNN)]
    if not recurrent:
        raise UserError(f"{type(layers[0]).__name__} isn't a recurrent layer")
    if any(layer.go_backwards or isinstance(layer.cell, keras.layers.StackedRNNCells) for layer in recurrent):
        raise UserError("a recurrent layer goes backwards, or has several cells")
    head = _Head(layers[len(below) :], probabilities=probabilities)
    stack = Stack(interface, embedding, recurrent, [], head, tied=False)
    return Recurrent(model, stack, skips=False, build=_refuse_twin)


def _refuse_twin(interface: Interface) -> NoReturn:
    raise UserError("a Keras model of one's own can't learn while it scores; only a run's model can")


class _Head:
    """The layers above the last recurrent one, as the last layer of a network: it gives logits."""

    def __init__(self, layers: Sequence[keras.layers.Layer], *, probabilities: bool) -> None:
        unwrapped = (layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer for layer in layers)
        self._layers, self._probabilities = list(unwrapped), probabilities

    def __call__(self, hidden: tf.Tensor) -> tf.Tensor:
        """Returns logits, float32 `[…, V]`, of what the last recurrent layer gives, `[…, H]`."""
        values = tf.reshape(hidden, [-1, hidden.shape[-1]])
        for layer in self._layers:
            values = layer(values)
        return tf.reshape(_logits(values, self._probabilities), [*tf.unstack(tf.shape(hidden))[:-1], values.shape[-1]])


class _WholeModel:
    """A whole model as the last layer of a network that reads windows."""

    def __init__(self, model: keras.Model, *, probabilities: bool) -> None:
        self._model, self._probabilities = model, probabilities

    def __call__(self, windows: tf.Tensor) -> tf.Tensor:
        """Returns the logits after each window, float32 `[B, V]`."""
        values = self._model(windows, training=False)
        return _logits(values[:, -1] if len(values.shape) == 3 else values, self._probabilities)


def _logits(values: tf.Tensor, are_probabilities: bool) -> tf.Tensor:
    return tf.math.log(tf.maximum(values, SMALLEST)) if are_probabilities else values


def _compare(network: Recurrent, model: keras.Model, *, probabilities: bool) -> None:
    """Raises UserError unless a network predicts what its model does, after some characters from a fresh state."""
    rows, length = model.inputs[0].shape[0] or 2, network.stack.interface.window or CHECKED
    ids = np.random.default_rng(0).integers(0, network.vocabulary_size, [rows, length], np.int32)
    kept = [(state, state.numpy()) for state in carried_states(model)]
    for state, value in kept:
        state.assign(np.zeros_like(value))
    try:
        values: Any = model(network.stack.interface.inputs(tf.constant(ids)), training=False)
        values = values[:, -1] if len(values.shape) == 3 else values
        expected = tf.nn.log_softmax(_logits(values, probabilities))
        state = network.start(rows)
        for place in range(length):
            hidden, state = network.read(tf.constant(ids[:, place]), state)
        found = tf.nn.log_softmax(network.logits(hidden))
    except (TypeError, ValueError, tf.errors.OpError) as error:
        raise UserError(f"its layers can't be called one by one: {' '.join(str(error).split())[:200]}") from error
    finally:
        for state, value in kept:
            state.assign(value)
    if not np.allclose(found, expected, rtol=0, atol=TOLERANCE):
        raise UserError("its layers one after the other don't give what it gives")
