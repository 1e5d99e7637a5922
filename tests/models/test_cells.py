import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.models.cells import CoupledLSTMCell, PeepholeLSTMCell

B, T, X, H = 3, 7, 5, 4
CELLS = [PeepholeLSTMCell, CoupledLSTMCell]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def peephole(x, h, c, kernel, recurrent, bias, peepholes):
    """Gers and Schmidhuber (2000), gate by gate."""
    (wi, wf, wz, wo), (ri, rf, rz, ro), (bi, bf, bz, bo) = (np.split(m, 4, -1) for m in (kernel, recurrent, bias))
    pi, pf, po = peepholes
    i = sigmoid(x @ wi + h @ ri + pi * c + bi)
    f = sigmoid(x @ wf + h @ rf + pf * c + bf)
    new = f * c + i * np.tanh(x @ wz + h @ rz + bz)
    o = sigmoid(x @ wo + h @ ro + po * new + bo)
    return o * np.tanh(new), new


def coupled(x, h, c, kernel, recurrent, bias):
    """Greff and others (2015), CIFG, gate by gate."""
    (wf, wz, wo), (rf, rz, ro), (bf, bz, bo) = (np.split(m, 3, -1) for m in (kernel, recurrent, bias))
    f = sigmoid(x @ wf + h @ rf + bf)
    new = f * c + (1 - f) * np.tanh(x @ wz + h @ rz + bz)
    return sigmoid(x @ wo + h @ ro + bo) * np.tanh(new), new


EQUATIONS = {PeepholeLSTMCell: peephole, CoupledLSTMCell: coupled}


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(B, T, X))


def layer_of(cell, **options):
    """Returns a layer in float64 whose weights are all of the size of one, and those weights."""
    chance = np.random.default_rng(1)
    layer = keras.layers.RNN(cell(H, dtype="float64"), return_sequences=True, dtype="float64", **options)
    layer.build((B, T, X))
    for weight in layer.weights:
        weight.assign(chance.normal(size=weight.shape))
    return layer, [weight.numpy() for weight in layer.weights]


def by_equations(cell, x, weights):
    h, c, outputs = np.zeros((B, H)), np.zeros((B, H)), []
    for t in range(T):
        h, c = EQUATIONS[cell](x[:, t], h, c, *weights)
        outputs.append(h)
    return np.stack(outputs, axis=1)


@pytest.mark.parametrize("cell", CELLS)
def test_outputs_are_those_of_the_published_equations(cell, x):
    layer, weights = layer_of(cell)
    np.testing.assert_allclose(layer(x), by_equations(cell, x, weights), atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_the_published_equations(cell, x):
    layer, weights = layer_of(cell)
    wanted = np.random.default_rng(2).normal(size=(B, T, H))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) * wanted)
    gradients = tape.gradient(loss, layer.trainable_variables)
    for number, gradient in enumerate(gradients):
        for place in np.ndindex(*gradient.shape[:-1], min(gradient.shape[-1], 4)):
            changed = [weight.copy() for weight in weights]
            changed[number][place] += 1e-6
            ahead = np.sum(by_equations(cell, x, changed) * wanted)
            changed[number][place] -= 2e-6
            behind = np.sum(by_equations(cell, x, changed) * wanted)
            assert gradient.numpy()[place] == pytest.approx((ahead - behind) / 2e-6, abs=1e-6)


@pytest.mark.parametrize(("cell", "blocks"), [(PeepholeLSTMCell, 4), (CoupledLSTMCell, 3)])
def test_forget_gates_start_open_and_weights_come_in_blocks(cell, blocks):
    fresh = cell(H)
    fresh.build((B, X))
    assert fresh.kernel.shape == (X, blocks * H)
    biases = np.split(fresh.bias.numpy(), blocks)
    assert [set(block) for block in biases] == [{1.0} if gate == "f" else {0.0} for gate in fresh.gates]


@pytest.mark.parametrize("cell", CELLS)
def test_a_saved_layer_is_the_same_again(cell, x, tmp_path):
    model = keras.Sequential([keras.Input((T, X)), keras.layers.RNN(cell(H, "he_normal"))])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x.astype("float32")), model(x.astype("float32")))
    assert isinstance(loaded.layers[0].cell.kernel_initializer, keras.initializers.HeNormal)
