"""Whole models give the logits and gradients of PyTorch's with the same weights; needs torch (make test-all)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface

pytestmark = pytest.mark.slow
V, UNITS = 11, 16


def of_torch(torch, cell, weights):
    """Returns `torch.nn.LSTM` or `GRU` of two layers and a linear one, with Keras' weights, and what undoes that.

    Both put the gates side by side; PyTorch has them in rows, and in a GRU the reset gate first.
    """
    gates = {"lstm": [0, 1, 2, 3], "gru": [1, 0, 2]}[cell]

    def moved(weight):
        return np.concatenate([np.split(weight, len(gates), -1)[gate] for gate in gates], -1).T

    stack = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](V, UNITS, num_layers=2, batch_first=True)
    dense = torch.nn.Linear(UNITS, V)
    for number in range(2):
        kernel, recurrent, bias = weights[3 * number : 3 * number + 3]
        biases = bias if cell == "gru" else [bias, np.zeros_like(bias)]
        values = [moved(kernel), moved(recurrent), *map(moved, biases)]
        for parameter, value in zip(stack.all_weights[number], values, strict=True):
            parameter.data = torch.tensor(value)
    dense.weight.data, dense.bias.data = torch.tensor(weights[-2].T), torch.tensor(weights[-1])
    return stack, dense, moved


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_logits_and_gradients_are_those_of_torch(cell):
    import torch

    keras.utils.set_random_seed(1)
    model = networks.build_sequential(
        ModelConfig(units=(UNITS, UNITS), cell=cell), Interface(vocabulary_size=V)
    ).keras_model
    chance = np.random.default_rng(0)
    ids, targets = chance.integers(0, V, (2, 4, 50))
    with tf.GradientTape() as tape:
        logits = model(np.eye(V, dtype="f")[ids])
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)(np.eye(V)[targets], logits)
    gradients = [np.asarray(gradient) for gradient in tape.gradient(loss, model.trainable_weights)]

    stack, dense, moved = of_torch(torch, cell, model.get_weights())
    outputs = dense(stack(torch.eye(V)[torch.tensor(ids)])[0])
    wanted = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), torch.tensor(targets).flatten())
    wanted.backward()
    np.testing.assert_allclose(logits, outputs.detach(), atol=1e-5)
    assert float(loss) == pytest.approx(wanted.item(), abs=1e-5)
    for number in range(2):
        kernel, recurrent, bias = gradients[3 * number : 3 * number + 3]
        biases = bias if cell == "gru" else [bias, bias]
        expected = [parameter.grad for parameter in stack.all_weights[number]]
        for given, gradient in zip([kernel, recurrent, *biases], expected, strict=True):
            np.testing.assert_allclose(moved(given), gradient, atol=1e-5)
    np.testing.assert_allclose(gradients[-2].T, dense.weight.grad, atol=1e-5)
    np.testing.assert_allclose(gradients[-1], dense.bias.grad, atol=1e-5)
