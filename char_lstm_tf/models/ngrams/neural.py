"""The neural n-gram model, a baseline for recurrent ones. It sees only the last n characters."""

import math

import keras

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import encodings, outputs


def build_ngram(
    config: ModelConfig,
    *,
    vocabulary_size: int,
    encoding: str = "one_hot",
    target: str,
    window: int,
    stream_batch_size: None = None,
    trains: bool = False,
    labels: int = 0,
) -> keras.Model:
    """Returns the model of Bengio and others, "A Neural Probabilistic Language Model" (2003), uncompiled.

    The vectors of the characters in the window, one after the other or (if `config.ngram_inputs` is `bag`) added up,
    go through tanh layers of `config.units` and a dense layer. The paper's direct connections are left out.

    Args:
        config: sizes.
        vocabulary_size: V.
        encoding: `one_hot`: the model reads float32 `[B, T, V]`; `embedding`: int32 `[B, T]`.
        target: `next_char`, because the model makes one prediction a window: logits `[B, V]`.
        window: T, the n of the name.
        stream_batch_size: None, because there is no state to carry.
        trains: makes no difference here.
        labels: L, of documents with labels; 0: they have none.

    Raises:
        ValueError: the target is another one, or there is a stream.
    """
    if target != "next_char" or stream_batch_size is not None:
        raise ValueError("an n-gram model makes one prediction a window, and has no state")
    inputs = encodings.character_input(vocabulary_size=vocabulary_size, encoding=encoding, window=window)
    layers = [encodings.embedding(config, vocabulary_size)] if encoding == "embedding" else []
    if config.ngram_inputs == "concat":
        layers.append(keras.layers.Flatten(name="concat"))
    else:
        layers += [
            keras.layers.GlobalAveragePooling1D(name="mean"),
            keras.layers.Rescaling(window, name="sum"),
        ]
    # The first sums of a kernel get unit variance: a one-hot vector counts 1, an embedding its width.
    variance = window * (config.embedding_size if encoding == "embedding" else 1)
    for number, units in enumerate(config.units, start=1):
        initializer = keras.initializers.RandomNormal(stddev=1 / math.sqrt(variance))
        layers.append(keras.layers.Dense(units, "tanh", kernel_initializer=initializer, name=f"hidden_{number}"))
        if config.dropout:
            layers.append(keras.layers.Dropout(config.dropout, name=f"dropout_{number}"))
        variance = units
    logits = outputs.logits_layer(vocabulary_size, labels, tied_to=layers[0] if config.tie else None)
    if labels:
        hidden = inputs
        for layer in layers:
            hidden = layer(hidden)
        label = encodings.label_input(target=target, window=window)
        model = keras.Model([inputs, label], logits(hidden, label), name="ngram")
    else:
        model = keras.Sequential([inputs, *layers, logits], name="ngram")
    encodings.silence_unknown(next(layer for layer in model.layers if layer.weights), vocabulary_size)
    return model
