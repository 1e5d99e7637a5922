"""Whole models against the same networks written out in numpy, which knows nothing of Keras but its weights.

Gradients are central differences of that in float64.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface

B, T, V = 2, 5, 6


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, h, c, kernel, recurrent, bias):
    i, f, z, o = np.split(x @ kernel + h @ recurrent + bias, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
    return sigmoid(o) * np.tanh(c), c


def gru(x, h, _, kernel, recurrent, bias):
    (xz, xr, xn), (hz, hr, hn) = (np.split(sums, 3, -1) for sums in (x @ kernel + bias[0], h @ recurrent + bias[1]))
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    return z * h + (1 - z) * np.tanh(xn + r * hn), _


CELLS = {"lstm": lstm, "gru": gru}


def layer(cell, x, weights):
    """Returns the outputs `[B, T, H]` for inputs `[B, T, X]`."""
    h = c = np.zeros((len(x), weights[1].shape[0]))
    outputs = []
    for t in range(x.shape[1]):
        h, c = CELLS[cell](x[:, t], h, c, *weights)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def logits_of(config, encoding, ids, weights):
    """Returns the logits `[B, T, V]`, or `[B, V]` of an encoder of both directions."""
    weights = list(weights)
    x = weights.pop(0)[ids] if encoding == "embedding" else np.eye(V)[ids]
    outputs = []
    for number in range(len(config.units)):
        if config.bidirectional and not number:
            forward, backward = weights[:3], weights[3:6]
            back = layer(config.cell, x[:, ::-1], backward)[:, ::-1]
            x, weights = np.concatenate([layer(config.cell, x, forward), back], axis=-1), weights[6:]
        else:
            x, weights = layer(config.cell, x, weights[:3]), weights[3:]
        outputs.append(x)
    kernel, bias = weights
    if config.bidirectional:
        return x[:, -1] @ kernel + bias
    return (np.concatenate(outputs, axis=-1) if config.architecture == "functional" else x) @ kernel + bias


def loss_of(logits, targets):
    logits = logits - logits.max(axis=-1, keepdims=True)
    nats = np.log(np.exp(logits).sum(axis=-1)) - np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    return nats.mean()


def gradients(loss, weights):
    """Yields the derivative of `loss()` by each element of each of `weights`, which it reads."""
    for weight in weights:
        gradient = np.zeros_like(weight)
        for place in np.ndindex(weight.shape):
            value = weight[place]
            weight[place] = value + 1e-5
            ahead = loss()
            weight[place] = value - 1e-5
            gradient[place] = (ahead - loss()) / 2e-5
            weight[place] = value
        yield gradient


@pytest.mark.parametrize(
    ("options", "encoding"),
    [
        ({"cell": "lstm"}, "one_hot"),
        ({"cell": "lstm", "architecture": "functional", "dropout": 0.5}, "embedding"),
        ({"cell": "gru"}, "embedding"),
        ({"cell": "gru", "architecture": "functional"}, "one_hot"),
        ({"cell": "lstm", "bidirectional": True}, "one_hot"),
    ],
)
def test_logits_and_gradients_are_those_of_numpy(options, encoding):
    config = ModelConfig(units=(3, 4), embedding_size=2, **options)
    target = "next_char" if config.bidirectional else "sequence"
    model = networks.BUILD[config.architecture](
        config, Interface(vocabulary_size=V, encoding=encoding, target=target, window=T)
    ).keras_model
    chance = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(weight + chance.normal(0, 0.5, weight.shape))
    ids = chance.integers(0, V, (B, T))
    targets = chance.integers(0, V, (B,) if config.bidirectional else (B, T))
    inputs = ids if encoding == "embedding" else np.eye(V, dtype="f")[ids]
    with tf.GradientTape() as tape:
        logits = model(inputs)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)(np.eye(V)[targets], logits)
    weights = [weight.numpy().astype(float) for weight in model.trainable_weights]
    np.testing.assert_allclose(logits, logits_of(config, encoding, ids, weights), atol=1e-5)

    def reference():
        return loss_of(logits_of(config, encoding, ids, weights), targets)

    assert float(loss) == pytest.approx(reference(), abs=1e-5)
    given = tape.gradient(loss, model.trainable_weights)
    for gradient, expected in zip(given, gradients(reference, weights), strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(gradient), expected, atol=1e-5)


def test_dropout_drops_a_share_of_the_outputs_in_training_and_scales_the_rest():
    model = networks.build_sequential(
        ModelConfig(units=(40, 5), dropout=0.25), Interface(vocabulary_size=V)
    ).keras_model
    recurrent, dropout = model.layers[:2]
    outputs = recurrent(np.eye(V, dtype="f")[np.random.default_rng(0).integers(0, V, (20, 30))]).numpy()
    np.testing.assert_array_equal(dropout(outputs, training=False), outputs)
    factors = dropout(outputs, training=True).numpy() / outputs
    np.testing.assert_allclose(np.unique(factors.round(4)), [0, 1 / 0.75], atol=1e-4)
    for axis in range(3):  # every row, step and unit by itself
        assert np.mean(factors == 0, axis=axis).std() < 0.15
    assert np.mean(factors == 0) == pytest.approx(0.25, abs=0.02)


def test_skip_connections_carry_what_dropout_left():
    model = networks.build_functional(
        ModelConfig(units=(20, 30), dropout=0.5), Interface(vocabulary_size=V)
    ).keras_model
    joined = keras.Model(model.inputs[0], model.get_layer("skips").output)
    ids = np.random.default_rng(0).integers(0, V, (20, 30))
    zeros = joined(np.eye(V, dtype="f")[ids], training=True).numpy() == 0
    assert zeros.shape == (20, 30, 50)
    np.testing.assert_allclose(zeros.mean(axis=(0, 1)), 0.5, atol=0.1)
