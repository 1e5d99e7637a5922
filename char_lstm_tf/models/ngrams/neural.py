"""The neural n-gram model, a baseline for recurrent models. It sees only the last n characters."""

import math

import keras

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import encodings, outputs
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.models.ngrams.windows import Windows


def build_ngram(config: ModelConfig, interface: Interface) -> Windows:
    """Returns the model of Bengio and others, "A Neural Probabilistic Language Model" (2003), uncompiled.

    The vectors of the characters in the window, one after the other or (if `config.ngram_inputs` is `bag`) added up,
    go through tanh layers of `config.units` and a dense layer. The paper's direct connections are left out.

    Raises:
        ValueError: the interface isn't that of a model that reads windows.
    """
    window, size, labels = interface.require_window(), interface.vocabulary_size, interface.labels
    inputs = interface.text_input()
    embedding = interface.embedding(config)
    if config.ngram_inputs == "concat":
        layers = [keras.layers.Flatten(name="concat")]
    else:
        layers = [
            keras.layers.GlobalAveragePooling1D(name="mean"),
            keras.layers.Rescaling(window, name="sum"),
        ]
    # The first sums of a kernel get unit variance: a one-hot vector counts 1, an embedding its width.
    variance = window * (1 if embedding is None else config.embedding_size)
    dropouts = []
    for number, units in enumerate(config.units, start=1):
        initializer = keras.initializers.RandomNormal(stddev=1 / math.sqrt(variance))
        layers.append(keras.layers.Dense(units, "tanh", kernel_initializer=initializer, name=f"hidden_{number}"))
        if config.dropout:
            layers.append(keras.layers.Dropout(config.dropout, name=f"dropout_{number}"))
            dropouts.append(layers[-1])
        variance = units
    logits = outputs.logits_layer(size, labels, tied_to=embedding if config.tie else None)
    below = [layer for layer in layers if layer not in dropouts]
    layers = layers if embedding is None else [embedding, *layers]
    if labels:
        hidden = inputs
        for layer in layers:
            hidden = layer(hidden)
        label = interface.label_input()
        model = keras.Model([inputs, label], logits(hidden, label), name="ngram")
    else:
        model = keras.Sequential([inputs, *layers, logits], name="ngram")
    encodings.silence_unknown(next(layer for layer in layers if layer.weights), size)
    return Windows(model, interface, embedding=embedding, below=below, last=logits)
