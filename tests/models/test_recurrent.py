import ast
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, verse
from tensorflow.core.protobuf import saved_model_pb2

import char_lstm_tf
from char_lstm_tf.config import ModelConfig, TrainingConfig
from char_lstm_tf.models import cores, networks, recurrent
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.models.recurrent import layer as layers
from char_lstm_tf.models.recurrent import loops
from char_lstm_tf.serving import export
from char_lstm_tf.training import compiling
from pipelines.vocabulary import Vocabulary

INPUT, UNITS = 5, 4


@pytest.fixture(autouse=True)
def passes(monkeypatch):
    """How often the fast way was taken, whatever the answer."""
    calls, lstm = [], layers.lstm

    def counted(*arguments, **options):
        calls.append(arguments)
        return lstm(*arguments, **options)

    monkeypatch.setattr(layers, "lstm", counted)
    return calls


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(cores, "MIN_ROWS", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(2))


def layer(kind, *, units=UNITS, inputs=INPUT, **options):
    """Returns an LSTM layer; the weights of all of the same sizes are equal, biases not zero."""
    made = kind(units, **{"return_sequences": True, "return_state": True, **options})
    made.build((None, None, inputs))
    chance = np.random.default_rng(1)
    made.set_weights([chance.normal(0, 0.5, weight.shape) for weight in made.weights])
    return made


def results_and_gradients(made, *, rows, steps, static=True):
    """Returns results of a layer in training, and gradients of something that all of them take part in."""
    chance = np.random.default_rng(rows * 100 + steps)
    values = [chance.normal(size=shape) for shape in ((rows, steps, INPUT), (rows, UNITS), (rows, UNITS))]
    values = [tf.constant(value, tf.float32) for value in values]

    @tf.function(input_signature=[tf.TensorSpec(value.shape if static else [None] * value.ndim) for value in values])
    def run(x, h, c):
        x = tf.ensure_shape(x, [None, None, INPUT])
        h, c = (tf.ensure_shape(state, [None, UNITS]) for state in (h, c))
        with tf.GradientTape() as tape:
            tape.watch([x, h, c])
            results = made(x, initial_state=[h, c], training=True)
            joined = tf.add_n(
                [tf.reduce_sum(tf.sin(tf.cast(result, tf.float32) * (2 + n))) for n, result in enumerate(results)]
            )
        return results, tape.gradient(joined, [x, h, c, *made.trainable_variables])

    return [tensor.numpy() for tensor in tf.nest.flatten(run(*values))]


def assert_equal_to_rounding(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=0, atol=2e-6 * max(1, np.abs(other).max()))


@pytest.mark.parametrize(
    ("rows", "steps", "options"),
    [
        # One row, for which the recurrent kernel isn't transposed. First, since a graph for any rows would do for one.
        (1, 3, {}),
        (5, 1, {}),  # two groups of different size
        (4, 6, {"return_sequences": False}),
        pytest.param(5, 6, {"static": False}, marks=pytest.mark.slow),
        (1, 3, {"static": False}),  # an empty group
        (4, 6, {"go_backwards": True}),
        pytest.param(4, 6, {"go_backwards": True, "return_sequences": False}, marks=pytest.mark.slow),
        (4, 6, {"dropout": 0.3, "seed": 1}),
        (4, 6, {"unit_forget_bias": False, "use_cudnn": False}),
    ],
)
def test_results_and_all_gradients_are_those_of_keras(rows, steps, options, passes):
    how = {"rows": rows, "steps": steps, "static": options.get("static", True)}
    options = {name: value for name, value in options.items() if name != "static"}
    ours = results_and_gradients(layer(recurrent.LSTM, **options), **how)
    assert passes
    assert_equal_to_rounding(ours, results_and_gradients(layer(keras.layers.LSTM, **options), **how))


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "relu"},
        {"recurrent_activation": "hard_sigmoid"},
        {"use_bias": False},
        {"recurrent_dropout": 0.3, "seed": 1},
        {"dropout": 0.3, "seed": 1, "implementation": 1, "use_cudnn": False},
        {"unroll": True},
        {"dtype": "mixed_bfloat16"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_it_does_not_cover_is_left_to_keras(options, passes):
    ours = results_and_gradients(layer(recurrent.LSTM, **options), rows=4, steps=3)
    assert not passes
    for mine, other in zip(
        ours, results_and_gradients(layer(keras.layers.LSTM, **options), rows=4, steps=3), strict=True
    ):
        np.testing.assert_array_equal(mine, other)


def test_masks_are_left_to_keras(passes):
    x = tf.random.normal([3, 4, INPUT])
    mask = tf.constant([[True] * 4, [True, True, False, False], [True, False, True, False]])
    ours, theirs = (layer(kind)(x, mask=mask, training=True) for kind in (recurrent.LSTM, keras.layers.LSTM))
    assert not passes
    assert_equal_to_rounding([value.numpy() for value in ours], [value.numpy() for value in theirs])


def test_outside_training_it_is_keras(passes):
    made = layer(recurrent.LSTM)
    made(tf.zeros([2, 3, INPUT]))
    made(tf.zeros([2, 3, INPUT]), training=False)
    assert not passes
    made(tf.zeros([2, 3, INPUT]), training=True)
    assert passes


def test_with_a_gpu_it_falls_back_to_keras(passes, monkeypatch):
    gpu = tf.config.LogicalDevice("/device:GPU:0", "GPU")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [gpu])
    layer(recurrent.LSTM, use_cudnn=False)(tf.zeros([2, 3, INPUT]), training=True)
    assert not passes


@pytest.mark.parametrize("options", [{}, {"return_sequences": False}, {"return_state": False}], ids=str)
def test_a_stateful_layer_carries_what_keras_layer_does(options, passes):
    x = np.random.default_rng(0).normal(size=(3, 4, 6, INPUT)).astype("float32")

    def run(kind):
        made = kind(UNITS, stateful=True, **{"return_sequences": True, "return_state": True} | options)
        made.build((4, 6, INPUT))
        chance = np.random.default_rng(1)
        made.set_weights([chance.normal(0, 0.5, weight.shape) for weight in made.weights])
        found = [made(part, training=True) for part in x]
        before = [state.numpy() for state in made.states]
        made.reset_state()
        assert not any(state.numpy().any() for state in made.states)
        return [value.numpy() for value in tf.nest.flatten(found)] + before

    ours = run(recurrent.LSTM)
    assert len(passes) == 6  # three windows of two groups
    assert_equal_to_rounding(ours, run(keras.layers.LSTM))


def test_in_both_directions_it_is_fast_in_both(passes):
    def run(kind):
        made = keras.layers.Bidirectional(kind(UNITS, return_sequences=True, name="lstm"))
        made.build((None, None, INPUT))
        chance = np.random.default_rng(1)
        made.set_weights([chance.normal(0, 0.5, weight.shape) for weight in made.weights])
        return made(tf.random.stateless_normal([4, 6, INPUT], [1, 2]), training=True).numpy()

    ours = run(recurrent.LSTM)
    assert len(passes) == 4  # two groups in each
    assert_equal_to_rounding([ours], [run(keras.layers.LSTM)])


def test_integers_are_read_as_keras_reads_them(passes):
    x = np.random.default_rng(0).integers(0, 2, [4, 6, INPUT])
    ours, theirs = (layer(kind)(x, training=True) for kind in (recurrent.LSTM, keras.layers.LSTM))
    assert passes
    assert_equal_to_rounding([value.numpy() for value in ours], [value.numpy() for value in theirs])


def test_a_gradient_of_a_gradient_is_an_error_rather_than_wrong():
    made, x = layer(recurrent.LSTM, return_state=False), tf.random.normal([4, 6, INPUT])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(x)
            outputs = made(x, training=True)
        penalty = tf.reduce_sum(inner.gradient(outputs, x) ** 2)
    with pytest.raises(NotImplementedError, match="no second-order gradients; use keras"):
        outer.gradient(penalty, made.trainable_variables)


FITTED = {
    "plain": {},
    "stateful": {"stateful": True},
    "penalties": {"kernel_regularizer": "l2", "recurrent_constraint": "unit_norm", "activity_regularizer": "l1"},
    "dropout": {"dropout": 0.2, "recurrent_dropout": 0.2, "seed": 1},
    "both directions": {"both": True},
    "embedding with a mask": {"mask_zero": True},
    "several steps at once": {"compile": {"steps_per_execution": 3}},
    "without graphs": {"compile": {"run_eagerly": True}},
    "XLA": {"compile": {"jit_compile": True}},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FITTED)
def test_a_plain_program_has_the_losses_of_keras_with_one_line_changed(kind, passes):
    options = dict(FITTED[kind])
    how, both, masked = options.pop("compile", {}), options.pop("both", False), options.pop("mask_zero", False)
    ids = np.random.default_rng(0).integers(0, 11, (24, 7))

    def losses(lstm):
        keras.utils.set_random_seed(1)
        made = keras.Sequential([keras.Input((6,), batch_size=4), keras.layers.Embedding(11, 5, mask_zero=masked)])
        layer = lstm(6, return_sequences=True, name="lstm", **options)
        made.add(keras.layers.Bidirectional(layer) if both else layer)
        made.add(lstm(6, return_sequences=True, name="second"))
        made.add(keras.layers.Dense(11))
        made.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), **how)
        found = made.fit(ids[:, :-1], ids[:, 1:], batch_size=4, epochs=3, shuffle=False, verbose=0)
        return found.history["loss"] + [made.evaluate(ids[:, :-1], ids[:, 1:], batch_size=4, verbose=0)]

    ours = losses(recurrent.LSTM)
    assert bool(passes) != masked
    assert ours[2] < ours[0]
    np.testing.assert_allclose(ours, losses(keras.layers.LSTM), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"use_cudnn": True}, "use_cudnn=True: TensorFlow sees no GPU here"),
        ({"use_cudnn": "yes"}, "use_cudnn"),
        ({"units": 0}, "units"),
        ({"activation": "tan"}, "tan"),
        ({"peepholes": True}, "peepholes"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_an_error_when_the_layer_is_made(options, says):
    with pytest.raises((ValueError, TypeError), match=says):
        recurrent.LSTM(**{"units": 4} | options)


def test_a_saved_model_of_ones_own_has_the_layer_again(tmp_path, passes):
    made = keras.Sequential([keras.Input((6, INPUT)), char_lstm_tf.layers.LSTM(UNITS, "tanh", dropout=0.2, name="a")])
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[0]) is char_lstm_tf.layers.LSTM is recurrent.LSTM
    assert loaded.layers[0].get_config() == made.layers[0].get_config()
    x = tf.random.normal([4, 6, INPUT])
    np.testing.assert_array_equal(loaded(x), made(x))
    loaded(x, training=True)
    assert passes


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
from char_lstm_tf.training import compiling
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
from char_lstm_tf.training import compiling
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


def run_python(program, *arguments):
    """Returns the lines that a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def literal_lists(line):
    return [number for part in ast.literal_eval(line.replace("] [", "], [")) for number in part]


def test_short_runs_are_left_to_keras():
    assert [recurrent.worth_compiling(steps, window=64) for steps in (1, 62, 63)] == [False, False, True]
    assert recurrent.worth_compiling(40, window=100)


def test_groups_have_rows_enough_and_are_no_more_than_cores(monkeypatch):
    monkeypatch.setattr(cores, "MIN_ROWS", 8)
    assert [cores.group_count(rows) for rows in (1, 8, 15, 16, 128, None)] == [1, 1, 1, 2, 2, 2]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(16))
    assert [cores.group_count(rows) for rows in (16, 64, 128, 1000, None)] == [2, 8, 16, 16, 4]


def kernels_of_loops(function, *arguments):
    """Returns the operations of a step of each loop in a compiled function that are kernels of their own."""
    text = function.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")
    bodies = re.findall(r"body=%([\w.-]+)", text)
    assert bodies
    for body in bodies:
        lines = re.search(rf"^%{re.escape(body)} .*?^}}", text, re.DOTALL | re.MULTILINE)[0]
        operations = re.findall(r" = .*? ([a-z-]+)\(", lines)
        assert "dot" in operations
        yield [
            name
            for name in operations
            if name not in ("parameter", "get-tuple-element", "constant", "tuple", "bitcast")
        ]


@pytest.mark.parametrize("continues", [None, tf.ones([8, 16])], ids=["running text", "documents"])
def test_a_step_of_a_loop_is_eight_kernels_at_most_which_xla_runs_one_after_the_other(continues):
    rows, steps, inputs, units = 8, 16, 66, 128
    x, outputs = tf.zeros([rows, steps, inputs]), tf.zeros([rows, steps, units])
    h, cells = tf.zeros([rows, units]), tf.zeros([steps, rows, units])
    gates, kernel = tf.zeros([steps, rows, 4 * units]), tf.zeros([units, 4 * units])
    forward = loops.forward, x, h, h, tf.zeros([inputs, 4 * units]), kernel, tf.zeros([4 * units]), continues
    backward = loops.backward, x, h, h, kernel, outputs, gates, cells, outputs, h, h, continues
    for kernels in (*kernels_of_loops(*forward), *kernels_of_loops(*backward)):
        assert len(kernels) <= 8, kernels


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_groups_of_rows_are_all_rows_in_their_order(rows):
    values = tf.range(rows)[:, None]
    parts = cores.split_rows(values, parts=2)
    assert len(parts) == 2
    np.testing.assert_array_equal(tf.concat(parts, 0), values)
    assert abs(len(parts[0]) - len(parts[1])) <= 1


def test_groups_of_a_layer_below_are_passed_on_as_they_are():
    @tf.function
    def run():
        below = [tf.ones([3, 2]), tf.zeros([4, 2])]
        for part, group in zip(cores.split_rows(tf.concat(below, 0), parts=2), below, strict=True):
            assert part is group
        for other in (
            tf.concat([tf.ones([7, 1]), tf.zeros([7, 1])], 1),  # of features
            tf.concat([tf.ones([2, 2]), tf.zeros([5, 2])], 0),  # other groups
            tf.concat([tf.ones([3, 2]), tf.zeros([3, 2]), tf.zeros([1, 2])], 0),
        ):
            parts = cores.split_rows(other, parts=2)
            assert [part.shape[0] for part in parts] == [3, 4]
            tf.debugging.assert_equal(tf.concat(parts, 0), other)

    run()


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
    assert_equal_to_rounding(ours, gradients(trains=False))


def test_rows_not_known_yet_are_split_also_when_joined_from_some_that_are():
    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def run(values):
        return cores.split_rows(tf.concat([tf.ones([3, 2]), values], 0), parts=2)

    assert [len(part) for part in run(tf.zeros([4, 2]))] == [3, 4]


PREPARED = """
import os
import sys
import tensorflow as tf
from char_lstm_tf.models import cores
from char_lstm_tf.config import ModelConfig

os.sched_getaffinity = lambda _: range(2)
if "used" in sys.argv:
    tf.zeros([2]) + 1
cores.set_up_tensorflow(eval(sys.argv[1]), batch_size=int(sys.argv[2]), vocabulary_size=int(sys.argv[3]))
tf.zeros([2]) + 1
print(tf.config.threading.get_intra_op_parallelism_threads())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "threads"),
    [
        (["ModelConfig(units=(128, 64))", "16", "66"], "1"),
        (["ModelConfig(units=(128, 64))", "15", "66"], "0"),  # a core would have no group of rows
        (["ModelConfig(units=(64, 512))", "16", "66"], "0"),
        (["ModelConfig(cell='gru')", "16", "66"], "0"),
        (["ModelConfig(bidirectional=True)", "16", "66"], "0"),
        (["ModelConfig(architecture='ngram')", "16", "66"], "0"),
        (["ModelConfig()", "16", "5000"], "0"),
        (["ModelConfig(units=(128,))", "16", "66", "used"], "0"),
    ],
    ids=str,
)
def test_operations_of_small_models_have_a_thread_each_if_there_is_one_for_each_core(asked, threads):
    assert run_python(PREPARED, *asked) == [threads]
