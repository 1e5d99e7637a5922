"""Our LSTM layer beside Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import char_lstm_tf
from char_lstm_tf.models import recurrent

pytestmark = pytest.mark.usefixtures("two_cores")

INPUT, UNITS = 5, 4


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
