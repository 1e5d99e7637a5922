import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig, TrainingConfig
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.training.fitting.compiling import compile_model
from char_lstm_tf.training.fitting.muon import Muon, equalized, gates_of


def sequential(cell="lstm", *, encoding="one_hot", units=(6, 4)):
    config = ModelConfig(cell=cell, units=units, embedding_size=3)
    return networks.build_sequential(config, Interface(vocabulary_size=5, window=3, encoding=encoding)).keras_model


@pytest.mark.parametrize("shape", [(3, 64, 64), (2, 96, 32), (2, 32, 96)])
def test_singular_vectors_stay_and_singular_values_are_near_one(shape):
    matrices = np.random.default_rng(1).normal(size=shape).astype("float32")
    left, values, right = np.linalg.svd(matrices, full_matrices=False)
    found = left.transpose(0, 2, 1) @ equalized(tf.constant(matrices)).numpy() @ right.transpose(0, 2, 1)
    equal = found[:, np.arange(values.shape[1]), np.arange(values.shape[1])]
    np.testing.assert_allclose(found, np.eye(values.shape[1]) * equal[:, None], atol=2e-4)
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    assert equal.max() < 1.87
    assert equal[values / norms >= 0.0101].min() > 0.18


def test_zeros_give_zeros():
    np.testing.assert_array_equal(equalized(tf.zeros([2, 3, 3])), np.zeros([2, 3, 3]))


@pytest.mark.parametrize(("cell", "gates"), [("lstm", 4), ("gru", 3), ("rnn", 1), ("peephole", 4), ("coupled", 3)])
def test_the_matrices_are_those_of_recurrent_layers_but_not_one_that_reads_one_hot_vectors(cell, gates):
    found = gates_of(sequential(cell))
    assert [path.split("/")[-1] for path in found] == ["recurrent_kernel", "recurrent_kernel", "kernel"]
    assert all(f"{cell}_2" in path for path in list(found)[1:])
    assert set(found.values()) == {gates}


def test_a_kernel_that_reads_an_embedding_is_one_of_them():
    assert len(gates_of(sequential(encoding="embedding"))) == 4


def test_each_direction_of_a_bidirectional_layer_has_its_own():
    interface = Interface(vocabulary_size=5, window=3, target="next_char")
    config = ModelConfig(units=(6, 4), bidirectional=True)
    found = gates_of(networks.build_bidirectional(config, interface).keras_model)
    assert [path.split("/")[-1] for path in found] == ["recurrent_kernel"] * 3 + ["kernel"]
    assert set(found.values()) == {4}


def test_each_gate_takes_a_step_of_its_own_whatever_the_size_of_its_gradient():
    model = sequential(units=(8,))
    options = {"learning_rate": 0.1, "schedule": "constant", "weight_decay": 0.0, "clipnorm": 0.0}
    compile_model(model, TrainingConfig(optimizer="muon", **options), steps=1)
    weights = model.trainable_variables
    names = [weight.name for weight in weights]
    before = [weight.numpy() for weight in weights]
    gradients = [np.ones(weight.shape, "float32") for weight in weights]
    gates = np.random.default_rng(2).normal(size=(4, 8, 8)).astype("float32")
    scaled = gates * np.array([1, 10, 1e-3, 1])[:, None, None].astype("float32")
    gradients[names.index("recurrent_kernel")] = np.concatenate(scaled, axis=1)
    model.optimizer.apply(gradients, weights)
    for name, weight, old in zip(names, weights, before, strict=True):
        step = old - weight.numpy()
        if name == "recurrent_kernel":
            expected = 0.1 * 0.2 * 8**0.5 * np.concatenate(equalized(tf.constant(gates)).numpy(), axis=1)
            np.testing.assert_allclose(step, expected, atol=2e-4)
        else:
            np.testing.assert_allclose(step, np.full(step.shape, 0.1), rtol=1e-4)  # AdamW's first step


def test_a_saved_optimizer_loads_and_takes_the_same_step():
    model = sequential(units=(8,))
    compile_model(model, TrainingConfig(optimizer="muon"), steps=5)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(model.optimizer))
    assert isinstance(again, Muon)
    assert again.get_config()["gates"] == gates_of(model) != {}
    assert again.get_config() == model.optimizer.get_config()


def test_muon_learns():
    keras.utils.set_random_seed(3)
    model = sequential(units=(16, 16))
    compile_model(model, TrainingConfig(optimizer="muon", learning_rate=0.05, warmup_steps=0), steps=60)
    ids = np.tile(np.arange(5), 4)[:18].reshape(6, 3)
    batch = np.eye(5, dtype="float32")[ids], np.eye(5, dtype="float32")[(ids + 1) % 5]
    losses = []
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(batch[1], model(batch[0])))
        weights = model.trainable_variables
        model.optimizer.apply(tape.gradient(loss, weights), weights)
        losses.append(float(loss))
    assert losses[-1] < 0.02 < 1 < losses[0]
