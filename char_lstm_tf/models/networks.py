"""The recurrent networks: the classic stack, and the one with skip connections.

Shapes: B batch, T characters in a window, V vocabulary size, H units of a layer.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import documents, encodings, outputs, recurrent
from char_lstm_tf.models.cells import CoupledLSTMCell, PeepholeLSTMCell
from char_lstm_tf.models.ngrams.neural import build_ngram

LAYERS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}
CELLS = {"peephole": PeepholeLSTMCell, "coupled": CoupledLSTMCell}  # those without a layer of their own

# Keras' Glorot initializer assumes that all V inputs of a one-hot vector are non-zero, when only one is, and that the
# outputs of a layer have unit variance, which is far from true for an LSTM. Signals then start so small that a run of
# 600 steps ended at 2.08 nats on tiny Shakespeare instead of 1.81. So kernels are drawn such that the sum in a gate has
# this standard deviation, whatever its input is: a character, an embedding or the output of a layer.
GATE_STDDEV = 1.5
OUTPUT_VARIANCE = {
    "lstm": 0.1,
    "gru": 0.26,
    "rnn": 0.58,
    "peephole": 0.1,
    "coupled": 0.05,
}  # measured on random texts


def build_sequential(config: ModelConfig, **interface: Any) -> keras.Model:
    """Returns the classic stack, uncompiled: recurrent layers with dropout between, then a dense one.

    With `config.bidirectional`, the first of them reads its window in both directions: Schuster and Paliwal,
    "Bidirectional Recurrent Neural Networks" (1997). Arguments as for `stack`.
    """
    inputs, layers = stack(config, **interface)
    if interface.get("end") is not None or interface.get("labels"):  # keras.Sequential has one input for each layer
        *below, logits = layers
        *_, hidden = _outputs(inputs, below, **interface)
        model = _model(inputs, hidden, logits, name="sequential", **interface)
    else:
        model = keras.Sequential([inputs, *layers], name="sequential")
    if config.bidirectional:
        encodings.silence_unknown(layers[0], interface["vocabulary_size"])
    return model


def build_functional(config: ModelConfig, **interface: Any) -> keras.Model:
    """Returns the stack with skip connections: the last layer reads the outputs of all recurrent layers.

    As in Graves, "Generating Sequences With Recurrent Neural Networks" (2013), section 2, but without the connections
    from the input. Arguments as for `stack`.
    """
    inputs, (*below, logits) = stack(config, **interface)
    results = []
    for layer, hidden in zip(below, _outputs(inputs, below, **interface), strict=True):
        if isinstance(layer, keras.layers.RNN):
            results.append(hidden)
        elif isinstance(layer, keras.layers.Dropout):
            results[-1] = hidden
    if len(results[-1].shape) == 2:  # for next_char, the last recurrent layer returns only its last output
        results[:-1] = [output[:, -1] for output in results[:-1]]
    joined = keras.layers.Concatenate(name="skips")(results) if len(results) > 1 else results[0]
    return _model(inputs, joined, logits, name="functional", **interface)


def _model(
    inputs: keras.KerasTensor,
    hidden: keras.KerasTensor,
    logits: keras.Layer,
    *,
    name: str,
    labels: int = 0,
    target: str = "sequence",
    stream_batch_size: int | None = None,
    **_: Any,
) -> keras.Model:
    """Returns the model whose last layer reads `hidden`, and the label of each target if there are any."""
    if not labels:
        return keras.Model(inputs, logits(hidden), name=name)
    of_each = encodings.label_input(target=target, window=inputs.shape[1], batch_size=stream_batch_size)
    return keras.Model([inputs, of_each], logits(hidden, of_each), name=name)


def _outputs(
    inputs: keras.KerasTensor, layers: Sequence[keras.Layer], *, end: int | None = None, **_: Any
) -> Iterator[keras.KerasTensor]:
    """Yields the output of each layer of a stack, on top of the one before."""
    continues = None if end is None else documents.Continues(end, name="continues")(inputs)
    hidden = inputs
    for layer in layers:
        told = continues is not None and isinstance(layer, keras.layers.RNN)
        hidden = layer(hidden, mask=continues) if told else layer(hidden)
        yield hidden


BUILD = {"sequential": build_sequential, "functional": build_functional, "ngram": build_ngram}


def stack(
    config: ModelConfig,
    *,
    vocabulary_size: int,
    encoding: str = "one_hot",
    target: str = "sequence",
    window: int | None = None,
    stream_batch_size: int | None = None,
    trains: bool = False,
    end: int | None = None,
    labels: int = 0,
) -> tuple[keras.KerasTensor, list[keras.Layer]]:
    """Returns the input and the layers in order. The last layer gives the logits, and reads labels if there are any.

    Args:
        config: sizes.
        vocabulary_size: V.
        encoding: `one_hot`: the model reads float32 `[B, T, V]`; `embedding`: int32 `[B, T]`.
        target: `sequence`: it returns logits `[B, T, V]`; `next_char`: `[B, V]`.
        window: T; None: any.
        stream_batch_size: B of a model that carries its state from one batch to the next, row by row;
            None: any B, each window from a zero state.
        trains: whether it will be trained for long. Then `lstm` is `recurrent.LSTM`. Its weights fit Keras' own layer,
            which models that are kept and exported have.
        end: id of the end symbol, for a model to train on packed documents: its layers start anew at each.
        labels: L, of documents with labels; 0: they have none.
    """
    inputs = encodings.character_input(
        vocabulary_size=vocabulary_size, encoding=encoding, window=window, batch_size=stream_batch_size
    )
    layers = [encodings.embedding(config, vocabulary_size)] if encoding == "embedding" else []
    variance = config.embedding_size if encoding == "embedding" else 1.0  # sum over the inputs of a gate
    for number, units in enumerate(config.units, start=1):
        last, both = number == len(config.units), config.bidirectional and number == 1
        # Bidirectional builds its layers again from their configuration, by names that Keras knows.
        layer = _recurrent(config.cell, fast=trains and not both, in_documents=end is not None)(
            units,
            kernel_initializer=keras.initializers.RandomNormal(stddev=GATE_STDDEV / math.sqrt(variance)),
            return_sequences=target == "sequence" or not last,
            stateful=stream_batch_size is not None,
            name=f"{config.cell}_{number}",
        )
        variance = units * OUTPUT_VARIANCE[config.cell]
        if both:
            layer = keras.layers.Bidirectional(layer, name=f"both_directions_{number}")
            variance *= 2  # the next layer reads the outputs of both
        layers.append(layer)
        if config.dropout:
            layers.append(keras.layers.Dropout(config.dropout, name=f"dropout_{number}"))
    layers.append(outputs.logits_layer(vocabulary_size, labels, tied_to=layers[0] if config.tie else None))
    return inputs, layers


def _recurrent(cell: str, *, fast: bool, in_documents: bool) -> Callable[..., keras.layers.RNN]:
    """Returns what makes a recurrent layer from its units and its options."""
    layer = LAYERS.get(cell, keras.layers.RNN)
    if fast and cell == "lstm":
        layer = recurrent.LSTM
    if in_documents:
        layer = documents.starting_anew(layer)
    if cell not in CELLS:
        return layer
    return lambda units, *, kernel_initializer, **options: layer(CELLS[cell](units, kernel_initializer), **options)
