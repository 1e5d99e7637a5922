import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.models.recurrent.loops import lstm
from char_lstm_tf.models.stack import carried_states
from char_lstm_tf.training.fitting.compiling import compile_model

V, END = 9, 1
KINDS = [
    pytest.param(*kind, marks=[pytest.mark.slow] if kind[0] == "functional" and kind[1] != "lstm" else [])
    for kind in itertools.product(["sequential", "functional"], networks.OUTPUT_VARIANCE, ["one_hot", "embedding"])
]
DOCUMENTS = [[3, 4, 5], [2], [6, 7, 8, 3, 3, 4], [5, 5], [], [8, 2, 3, 4, 5, 6, 7]]
PACKED = np.array([END] + [id for document in DOCUMENTS for id in [*document, END]], np.int32)


def config(architecture="sequential", cell="lstm", encoding="one_hot", **options):
    sizes = {"units": (8, 6), "batch_size": 1, "name": "x"}
    return Config(architecture=architecture, cell=cell, encoding=encoding, **sizes, **options)


def models(chosen, *, trains=False, end=END):
    """Returns a model to train on packed documents, and the one that is kept, with equal weights."""
    keras.utils.set_random_seed(2)
    form = {"vocabulary_size": V, "encoding": chosen.encoding}
    packed = networks.BUILD[chosen.architecture](
        chosen, Interface(**form, stream_batch_size=1, trains=trains, end=end)
    ).keras_model
    for weight in packed.trainable_variables:
        weight.assign(weight + np.random.default_rng(len(weight.shape)).normal(0, 1, weight.shape))
    kept = networks.BUILD[chosen.architecture](chosen, Interface(**form)).keras_model
    kept.set_weights(packed.get_weights())
    return packed, kept


def read(model, ids, *, training):
    inputs = ids[None] if model.inputs[0].dtype == "int32" else np.eye(V, dtype="float32")[ids[None]]
    return model(tf.constant(inputs), training=training)[0]


def loss(logits, targets):
    return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))


def alone(model):
    """Returns the loss of all documents, each read alone from a fresh state, and its gradients."""
    with tf.GradientTape() as tape:
        total = sum(
            loss(read(model, np.array([END, *document]), training=False), [*document, END]) for document in DOCUMENTS
        )
    return total, tape.gradient(total, [weight.value for weight in model.trainable_variables])


def together(model):
    """Returns the same of the documents in one window of a training step."""

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            total = loss(read(model, PACKED[:-1], training=True), PACKED[1:])
        return total, tape.gradient(total, [weight.value for weight in model.trainable_variables])

    return run()


@pytest.mark.parametrize(("architecture", "cell", "encoding"), KINDS)
def test_documents_in_one_window_cost_what_each_costs_alone_and_so_do_gradients(architecture, cell, encoding):
    packed, kept = models(config(architecture, cell, encoding))
    for found, expected in zip(tf.nest.flatten(together(packed)), tf.nest.flatten(alone(kept)), strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(found), tf.convert_to_tensor(expected), atol=1e-4)


@pytest.mark.parametrize("architecture", ["sequential", "functional"])
def test_the_fast_layer_resets_at_documents_too(architecture):
    packed, kept = models(config(architecture), trains=True)
    for found, expected in zip(tf.nest.flatten(together(packed)), tf.nest.flatten(alone(kept)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_nothing_of_a_large_state_gets_past_the_end_of_a_document(cell, trains):
    packed, _ = models(config(cell=cell), trains=trains)
    run = tf.function(lambda: read(packed, PACKED[4:], training=True))
    clean = run()
    for state in carried_states(packed):
        state.assign(tf.fill(state.shape, 1e6))
    assert PACKED[4] == END
    np.testing.assert_array_equal(run(), clean)


def test_no_gradient_reaches_the_states_before_an_end_symbol():
    x, states = tf.random.normal([2, 5, 3]), [tf.random.normal([2, 4]), tf.random.normal([2, 4])]
    weights = tf.random.normal([3, 16]), tf.random.normal([4, 16]), tf.zeros([16])
    continues = tf.constant([[0.0, 1, 1, 1, 1], [1.0, 1, 1, 1, 1]])

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            tape.watch(states)
            outputs, _, _ = lstm(x, *states, *weights, continues=continues)
        return tape.gradient(outputs, states)

    for gradient in gradients():
        assert not gradient[0].numpy().any()
        assert gradient[1].numpy().all()


def test_a_document_longer_than_a_window_goes_on_in_the_next():
    packed, kept = models(config())
    first, second = (read(packed, part, training=True) for part in (PACKED[:10], PACKED[10:-1]))
    total = loss(tf.concat([first, second], 0), PACKED[1:])
    np.testing.assert_allclose(total, alone(kept)[0], atol=1e-4)


def test_the_loss_that_is_trained_counts_the_first_character_of_every_document():
    chosen = config()
    packed, kept = models(chosen)
    state = compile_model(packed, chosen, steps=10)
    state.scale.assign(0.0)  # so that the step changes nothing
    batch = np.eye(V, dtype="float32")[PACKED[None, :-1]], np.eye(V, dtype="float32")[PACKED[None, 1:]]
    logs = packed.train_on_batch(*batch, return_dict=True)
    assert float(logs["loss"]) == pytest.approx(float(alone(kept)[0]) / (len(PACKED) - 1), abs=1e-5)


def test_a_model_of_running_text_has_no_resets():
    packed, _ = models(config(), end=None)
    logits = read(packed, PACKED[:-1], training=True)
    assert isinstance(packed, keras.Sequential)
    assert abs(float(loss(logits, PACKED[1:]) - together(models(config())[0])[0])) > 0.01
