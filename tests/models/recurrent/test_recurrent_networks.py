"""Networks of our LSTM layer beside those of Keras' layer, in training, in files and in exports."""

import ast

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import run_python, verse
from tensorflow.core.protobuf import saved_model_pb2

from char_lstm_tf.config import ModelConfig, TrainingConfig
from char_lstm_tf.models import networks, recurrent
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.serving import export
from char_lstm_tf.training.fitting import compiling
from pipelines.vocabulary import Vocabulary

pytestmark = pytest.mark.usefixtures("two_cores")


def network(*, trains, target="sequence", units=(8, 6), **options):
    keras.utils.set_random_seed(1)
    return networks.build_sequential(
        ModelConfig(units=units), Interface(vocabulary_size=11, target=target, window=5, trains=trains, **options)
    )


def model(**options):
    return network(**options).keras_model


def test_weights_names_and_configuration_are_those_of_keras():
    fast, plain = model(trains=True, stream_batch_size=4), model(trains=False, stream_batch_size=4)
    assert [weight.path for weight in fast.weights] == [weight.path for weight in plain.weights]
    for mine, other in zip(fast.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    for mine, other in zip(fast.layers, plain.layers, strict=True):
        assert mine.get_config().keys() == other.get_config().keys()
    assert [type(made) for made in fast.layers[:2]] == [recurrent.LSTM] * 2
    assert [type(made) for made in plain.layers[:2]] == [keras.layers.LSTM] * 2


def test_weights_saved_by_one_are_read_by_the_other(tmp_path):
    for writes in (True, False):
        writer, reader = model(trains=writes), model(trains=not writes)
        writer.set_weights([weight + 1 for weight in writer.get_weights()])
        writer.save_weights(tmp_path / "x.weights.h5")
        reader.load_weights(tmp_path / "x.weights.h5")
        for mine, other in zip(writer.get_weights(), reader.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other)


def losses(steps, **options):
    """Returns the losses of training in a stream, where each batch goes on from the states of the one before."""
    made = model(**options, stream_batch_size=4)
    compiling.compile_model(made, TrainingConfig(), steps=steps)
    text = np.frombuffer(verse(200).encode(), np.uint8)[:4800].reshape(4, -1) % 11
    found = []
    for start in range(0, 5 * steps, 5):
        one_hot = np.eye(11, dtype="float32")[text[:, start : start + 6]]
        targets = one_hot[:, 1:] if options.get("target") != "next_char" else one_hot[:, -1]
        found.append(made.train_on_batch(one_hot[:, :-1], targets, return_dict=True)["loss"])
        made.reset_metrics()
    return np.array(found)


@pytest.mark.slow
def test_two_hundred_steps_of_a_stream_have_the_losses_of_keras(passes):
    ours = losses(200, trains=True)
    assert passes
    assert ours[-20:].mean() < 0.9 * ours[:20].mean()
    np.testing.assert_allclose(ours, losses(200, trains=False), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"units": (8,)}, {"units": (8, 6, 4)}, {"target": "next_char"}], ids=str)
def test_any_stack_has_the_losses_of_keras(options, passes):
    ours = losses(20, trains=True, **options)
    assert passes
    np.testing.assert_allclose(ours, losses(20, trains=False, **options), rtol=1e-5)


def compiled_calls(graph):
    """Returns the names of calls that XLA compiles, as all of the layer's work is, in a graph and its functions."""
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert any(node.op == "MatMul" for node in nodes)
    return [node.name for node in nodes if node.attr["_XlaMustCompile"].b]


def test_an_export_has_nothing_of_it_even_from_a_model_that_trained(tmp_path, passes):
    made = network(trains=True, stream_batch_size=4)
    training = tf.function(lambda: made.keras_model(tf.zeros([4, 5, 11]), training=True)).get_concrete_function()
    assert passes
    assert compiled_calls(training.graph.as_graph_def())
    export.export(made, Vocabulary.fit("abcdefghij"), tmp_path / "1")
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "1" / "saved_model.pb").read_bytes())
    assert not compiled_calls(saved.meta_graphs[0].graph_def)


TWO_REPLICAS = """
import keras, numpy as np, tensorflow as tf
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.models.recurrent import layer as layers
from char_lstm_tf.models.recurrent import loops
from char_lstm_tf.training.fitting import compiling
from char_lstm_tf.config import ModelConfig, TrainingConfig

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
ids = np.random.default_rng(0).integers(0, 11, (8, 7))
one_hot = np.eye(11, dtype="float32")[ids]
for trains in (False, True):
    keras.utils.set_random_seed(1)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = networks.build_sequential(
            ModelConfig(units=(8,)), Interface(vocabulary_size=11, window=6, trains=trains)
        ).keras_model
        compiling.compile_model(model, TrainingConfig(), steps=3)
    data = tf.data.Dataset.from_tensors((one_hot[:, :-1], one_hot[:, 1:])).repeat(3)
    history = model.fit(data, verbose=0, epochs=3, steps_per_epoch=1)
    print(history.history["loss"], [float(np.abs(weight).sum()) for weight in model.get_weights()])
"""


@pytest.mark.slow
def test_two_replicas_learn_what_they_learn_with_keras():
    plain, ours = map(literal_lists, run_python(TWO_REPLICAS))
    np.testing.assert_allclose(ours, plain, rtol=1e-5)


ONE_RUN = """
import keras, numpy as np
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.models.recurrent import layer as layers
from char_lstm_tf.models.recurrent import loops
from char_lstm_tf.training.fitting import compiling
from char_lstm_tf.config import ModelConfig, TrainingConfig

keras.utils.set_random_seed(1)
model = networks.build_sequential(
    ModelConfig(units=(32, 32)), Interface(vocabulary_size=11, window=16, stream_batch_size=16, trains=True)
).keras_model
compiling.compile_model(model, TrainingConfig(), steps=3)
one_hot = np.eye(11, dtype="float32")[np.random.default_rng(0).integers(0, 11, (16, 17))]
for _ in range(20):
    loss = model.train_on_batch(one_hot[:, :-1], one_hot[:, 1:], return_dict=True)["loss"]
print(float(loss).hex(), [float(np.abs(weight).sum()).hex() for weight in model.get_weights()])
"""


@pytest.mark.slow
def test_two_processes_agree_bit_for_bit():
    assert run_python(ONE_RUN) == run_python(ONE_RUN)


def literal_lists(line):
    return [number for part in ast.literal_eval(line.replace("] [", "], [")) for number in part]


@pytest.mark.slow
def test_layers_that_pass_on_their_groups_have_the_gradients_of_keras(passes):
    one_hot = np.eye(11, dtype="float32")[np.random.default_rng(0).integers(0, 11, (4, 5))]

    def gradients(**options):
        made = model(**options)

        @tf.function
        def run():
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.sin(made(one_hot, training=True)))
            return tape.gradient(loss, made.trainable_variables)

        return [gradient.numpy() for gradient in run()]

    ours = gradients(trains=True)
    assert len(passes) == 4  # two layers, two groups
    for mine, other in zip(ours, gradients(trains=False), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=2e-6 * max(1, np.abs(other).max()))
