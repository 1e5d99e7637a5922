import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface

V = 11
SMALL = {"units": (8, 6, 4), "embedding_size": 5, "dropout": 0.5}
STACKS = ["sequential", "functional"]
NGRAM = {"target": "next_char", "window": 10}
KINDS = list(itertools.product(STACKS, networks.OUTPUT_VARIANCE, ["one_hot", "embedding"]))


def build(architecture, cell="lstm", encoding="one_hot", *, tie=False, **options):
    keras.utils.set_random_seed(1)
    model = networks.BUILD[architecture](
        ModelConfig(architecture=architecture, cell=cell, tie=tie, **SMALL),
        Interface(
            vocabulary_size=V,
            encoding=encoding,
            **options,
        ),
    )
    for weight in model.keras_model.weights:  # biases of zero would hide a gate that reads the wrong one
        weight.assign(weight + np.random.default_rng(len(weight.shape)).normal(0, 0.3, weight.shape))
    return model


def full_pass(network, ids):
    model = network if isinstance(network, keras.Model) else network.keras_model
    inputs = ids if model.inputs[0].dtype == "int32" else np.eye(V, dtype="float32")[ids]
    return model(inputs, training=False).numpy()


def step_by_step(model, ids):
    states, logits = model.start(len(ids)), []
    for column in ids.T:
        output, states = model.step()(tf.constant(column), states)
        logits.append(output.numpy())
    return np.stack(logits, axis=1)


@pytest.fixture
def ids():
    return np.random.default_rng(0).integers(0, V, (3, 10)).astype("int32")


@pytest.mark.parametrize("target", ["sequence", "next_char"])
@pytest.mark.parametrize(("architecture", "cell", "encoding"), KINDS)
def test_steps_give_the_logits_of_one_full_pass(ids, architecture, cell, encoding, target):
    model = build(architecture, cell, encoding, target=target)
    logits = step_by_step(model, ids)
    np.testing.assert_allclose(logits if target == "sequence" else logits[:, -1], full_pass(model, ids), atol=1e-5)


@pytest.mark.parametrize(("architecture", "cell"), list(itertools.product(STACKS, networks.OUTPUT_VARIANCE)))
def test_a_stream_equals_one_long_pass_and_steps_leave_it_alone(ids, architecture, cell):
    model = build(architecture, cell, stream_batch_size=3, window=5)
    plain = build(architecture, cell)
    plain.keras_model.set_weights(model.keras_model.get_weights())
    whole = full_pass(plain, ids)
    for start in range(0, 10, 5):
        np.testing.assert_allclose(full_pass(model, ids[:, start : start + 5]), whole[:, start : start + 5], atol=1e-5)
        step_by_step(model, ids)


@pytest.mark.parametrize("architecture", STACKS)
def test_dropout_is_between_layers_and_off_outside_training(ids, architecture):
    model = build(architecture)
    inputs = np.eye(V, dtype="float32")[ids]
    assert [layer.rate for layer in model.keras_model.layers if isinstance(layer, keras.layers.Dropout)] == [0.5] * 3
    np.testing.assert_array_equal(full_pass(model, ids), full_pass(model, ids))
    assert np.abs(model.keras_model(inputs, training=True) - model.keras_model(inputs, training=True)).max() > 0.01


@pytest.mark.parametrize(("architecture", "options"), [*((each, {}) for each in STACKS), ("ngram", NGRAM)])
def test_a_tied_last_layer_reads_the_vectors_of_the_embedding(ids, architecture, options):
    model = build(architecture, encoding="embedding", tie=True, **options)
    vectors, logits = model.keras_model.get_layer("embedding").embeddings, model.keras_model.get_layer("logits")
    assert sum(weight.shape == (V, 5) for weight in model.keras_model.weights) == 1
    assert logits.kernel.shape[1] == 5
    before = full_pass(model, ids)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.keras_model(ids, training=False)[..., 3])
    gradient = tf.convert_to_tensor(tape.gradient(loss, vectors))
    assert (np.abs(gradient[3]) > 1e-3).all()
    vectors.assign(vectors * (np.arange(V) != 3)[:, None])  # as an output, token 3 has its bias left alone
    np.testing.assert_allclose(full_pass(model, ids)[..., 3], logits.bias[3], atol=1e-6)
    assert np.abs(before[..., 3] - logits.bias[3]).min() > 1e-4


@pytest.mark.parametrize("architecture", STACKS)
def test_steps_of_a_tied_model_give_the_logits_of_one_full_pass(ids, architecture):
    model = build(architecture, encoding="embedding", tie=True)
    np.testing.assert_allclose(step_by_step(model, ids), full_pass(model, ids), atol=1e-5)


def test_keras_refuses_to_load_a_tied_model_instead_of_untying_it(tmp_path):
    build("sequential", encoding="embedding", tie=True).keras_model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"logits shares the weights of embedding.*use char_lstm_tf.load"):
        keras.models.load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("cell", networks.OUTPUT_VARIANCE)
@pytest.mark.parametrize("encoding", ["one_hot", "embedding"])
def test_gates_of_every_layer_start_with_sums_of_the_same_size(cell, encoding):
    keras.utils.set_random_seed(0)
    model = networks.build_sequential(
        ModelConfig(units=(64, 96, 64), cell=cell), Interface(vocabulary_size=50, encoding=encoding)
    ).keras_model
    ids = np.random.default_rng(0).integers(0, 50, (32, 60))
    hidden = np.eye(50, dtype="float32")[ids] if encoding == "one_hot" else model.layers[0](ids)
    for layer in model.layers[-4:-1]:
        assert np.std(hidden[:, 20:] @ layer.cell.kernel.numpy()) == pytest.approx(1.5, rel=0.25)
        hidden = layer(hidden).numpy()


def test_the_tutorials_model_has_their_parameters():
    model = networks.build_sequential(
        ModelConfig(units=(128,)), Interface(vocabulary_size=36, target="next_char", window=40)
    ).keras_model
    lines = []
    model.summary(print_fn=lines.append)
    assert [layer.count_params() for layer in model.layers] == [84_480, 4_644]
    assert model.count_params() == 89_124
    assert "89,124" in "\n".join(lines)


def test_only_functional_reads_the_first_layer_at_the_output(ids):
    for architecture, differs in (("sequential", False), ("functional", True)):
        model = build(architecture)
        before = full_pass(model, ids)
        second = model.keras_model.get_layer("lstm_2")
        second.set_weights([np.zeros_like(weight) for weight in second.get_weights()])  # cuts the way through the stack
        cut = full_pass(model, ids)
        assert np.abs(cut - before).max() > 1e-3
        varies = np.abs(cut - cut[:1]).max() > 1e-6  # do outputs still depend on the input?
        assert varies == differs


@pytest.mark.parametrize("architecture", STACKS)
def test_the_saved_model_opens_in_keras_without_our_code(tmp_path, ids, architecture):
    model = build(architecture)
    model.keras_model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(full_pass(loaded, ids), full_pass(model, ids))
