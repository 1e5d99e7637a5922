"""How the recurrent networks are built: the classic stack, and the one with skip connections.

Shapes: B batch, T characters in a window, V vocabulary size, H units of a layer.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from functools import partial

import keras

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import encodings, outputs, recurrent
from char_lstm_tf.models.cells import CELLS
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.models.network import Network
from char_lstm_tf.models.ngrams.neural import build_ngram
from char_lstm_tf.models.ngrams.windows import Windows
from char_lstm_tf.models.recurrent import documents
from char_lstm_tf.models.stack import Recurrent, Stack, run_both_directions, run_layer

LAYERS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}

# Keras' Glorot initializer assumes that all V inputs of a one-hot vector are non-zero, when only one is, and that the
# outputs of a layer have unit variance, which is far from true for an LSTM. Signals then start so small that a run of
# 600 steps ended at 2.08 nats on tiny Shakespeare instead of 1.81. So kernels are drawn such that the sum in a gate has
# this standard deviation, whatever its input is: a character, an embedding or the output of a layer.
GATE_STDDEV = 1.5
OUTPUT_VARIANCE = {"lstm": 0.1, "gru": 0.26, "rnn": 0.58}  # measured on random texts
OUTPUT_VARIANCE |= {name: cell.output_variance for name, cell in CELLS.items()}


def build_sequential(config: ModelConfig, interface: Interface) -> Recurrent:
    """Returns the classic stack, uncompiled: recurrent layers with dropout between, then a dense one."""
    return Recurrent(*_sequential(config, interface), skips=False, build=partial(build_sequential, config))


def build_bidirectional(config: ModelConfig, interface: Interface) -> Windows:
    """Returns the classic stack whose first recurrent layer reads its window in both directions.

    Schuster and Paliwal, "Bidirectional Recurrent Neural Networks" (1997). Its windows have nothing of earlier
    documents, so no state is reset.
    """
    model, stack = _sequential(config, dataclasses.replace(interface, end=None))
    encodings.silence_unknown(next(stack.below_logits()), interface.vocabulary_size)
    below = [
        partial(run_both_directions, stack.recurrent[0]),
        *(partial(run_layer, layer) for layer in stack.recurrent[1:]),
    ]
    return Windows(model, interface, embedding=stack.embedding, below=below, last=stack.logits)


def _sequential(config: ModelConfig, interface: Interface) -> tuple[keras.Model, Stack]:
    inputs, stack = build_stack(config, interface)
    if interface.end is not None or interface.labels:  # keras.Sequential has one input for each layer
        *_, hidden = _outputs(inputs, stack)
        return _model(inputs, hidden, stack, name="sequential"), stack
    return keras.Sequential([inputs, *stack.below_logits(), stack.logits], name="sequential"), stack


def build_functional(config: ModelConfig, interface: Interface) -> Recurrent:
    """Returns the stack with skip connections: the last layer reads the outputs of all recurrent layers.

    As in Graves, "Generating Sequences With Recurrent Neural Networks" (2013), section 2, but without the connections
    from the input.
    """
    inputs, stack = build_stack(config, interface)
    results = list(_outputs(inputs, stack))
    if interface.target == "next_char":  # the last recurrent layer returns only its last output
        results[:-1] = [output[:, -1] for output in results[:-1]]
    joined = keras.layers.Concatenate(name="skips")(results) if len(results) > 1 else results[0]
    model = _model(inputs, joined, stack, name="functional")
    return Recurrent(model, stack, skips=len(results) > 1, build=partial(build_functional, config))


def _model(inputs: keras.KerasTensor, hidden: keras.KerasTensor, stack: Stack, *, name: str) -> keras.Model:
    """Returns the model whose last layer reads `hidden`, and the label of each target if there are any."""
    if not stack.interface.labels:
        return keras.Model(inputs, stack.logits(hidden), name=name)
    labels = stack.interface.label_input()
    return keras.Model([inputs, labels], stack.logits(hidden, labels), name=name)


def _outputs(inputs: keras.KerasTensor, stack: Stack) -> Iterator[keras.KerasTensor]:
    """Yields the output of each recurrent layer of a stack, after its dropout."""
    end = stack.interface.end
    continues = {} if end is None else {"mask": documents.Continues(end, name="continues")(inputs)}
    hidden = inputs if stack.embedding is None else stack.embedding(inputs)
    for number, layer in enumerate(stack.recurrent):
        hidden = layer(hidden, **continues)
        for dropout in stack.dropouts[number : number + 1]:
            hidden = dropout(hidden)
        yield hidden


BUILD: dict[str, Callable[[ModelConfig, Interface], Network]] = {
    "sequential": lambda config, interface: (build_bidirectional if config.bidirectional else build_sequential)(
        config, interface
    ),
    "functional": build_functional,
    "ngram": build_ngram,
}


def build_stack(config: ModelConfig, interface: Interface) -> tuple[keras.KerasTensor, Stack]:
    """Returns the input and the layers. The last layer gives the logits, and reads labels if there are any."""
    inputs, size = interface.text_input(), interface.vocabulary_size
    embedding = interface.embedding(config)
    variance = 1.0 if embedding is None else config.embedding_size  # sum over the inputs of a gate
    layers, dropouts = [], []
    for number, units in enumerate(config.units, start=1):
        last, both = number == len(config.units), config.bidirectional and number == 1
        # Bidirectional builds its layers again from their configuration, by names that Keras knows.
        layer = _recurrent(config.cell, fast=interface.trains and not both, in_documents=interface.end is not None)(
            units,
            kernel_initializer=keras.initializers.RandomNormal(stddev=GATE_STDDEV / math.sqrt(variance)),
            return_sequences=interface.target == "sequence" or not last,
            stateful=interface.stream_batch_size is not None,
            name=f"{config.cell}_{number}",
        )
        variance = units * OUTPUT_VARIANCE[config.cell]
        if both:
            layer = keras.layers.Bidirectional(layer, name=f"both_directions_{number}")
            variance *= 2  # the next layer reads the outputs of both
        layers.append(layer)
        if config.dropout:
            dropouts.append(keras.layers.Dropout(config.dropout, name=f"dropout_{number}"))
    logits = outputs.logits_layer(size, interface.labels, tied_to=embedding if config.tie else None)
    return inputs, Stack(interface, embedding, layers, dropouts, logits, tied=config.tie)


def _recurrent(cell: str, *, fast: bool, in_documents: bool) -> Callable[..., keras.layers.RNN]:
    """Returns what makes a recurrent layer from its units and its options."""
    layer = LAYERS.get(cell, keras.layers.RNN)
    if fast and cell == "lstm":
        layer = recurrent.LSTM
    if in_documents:
        layer = documents.resetting_state(layer)
    if cell not in CELLS:
        return layer
    return lambda units, *, kernel_initializer, **options: layer(CELLS[cell](units, kernel_initializer), **options)
