import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig, TrainingConfig
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.training.fitting import compiling
from char_lstm_tf.training.fitting.step import train_function


def config(**options):
    return TrainingConfig(**options)


def rates(steps, **options):
    schedule = compiling.learning_rate(config(**options), steps=steps)
    return [float(schedule(step)) if callable(schedule) else schedule for step in range(steps + 1)]


def test_cosine_climbs_to_the_learning_rate_and_falls_to_its_share():
    values = rates(1000, schedule="cosine", learning_rate=0.01, warmup_steps=100, final_learning_rate=0.05)
    assert values[0] == 0
    assert values[50] == pytest.approx(0.005)
    assert values[100] == pytest.approx(0.01)
    assert values[550] == pytest.approx(0.01 * (0.05 + 0.95 / 2))
    assert values[1000] == pytest.approx(0.0005)
    assert np.argmax(values) == 100


def test_a_short_run_warms_up_in_half_of_its_steps():
    assert np.argmax(rates(10, warmup_steps=100)) == 5


def test_without_warm_up_the_first_step_has_the_full_rate():
    assert rates(10, warmup_steps=0, learning_rate=0.01)[0] == pytest.approx(0.01)


def test_exponential_falls_by_the_same_factor_each_step_to_its_share():
    values = rates(100, schedule="exponential", learning_rate=0.01, final_learning_rate=0.1)
    assert values[0] == pytest.approx(0.01)
    assert values[50] == pytest.approx(0.01 * 0.1**0.5)
    assert values[100] == pytest.approx(0.001)


def test_constant_stays():
    assert set(rates(5, schedule="constant", learning_rate=0.02)) == {0.02}


def largest_step(**clip):
    """Returns the step of plain gradient descent on weights whose gradients are 30 and 40, and 120."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="a", kernel_initializer="zeros")])
    compiling.compile_model(model, config(optimizer="sgd", learning_rate=1.0, schedule="constant", **clip), steps=1)
    kernel, bias = model.trainable_variables
    model.optimizer.apply([np.array([[30.0], [40.0]]), np.array([120.0])], [kernel, bias])
    return [*-kernel.numpy().ravel(), *-bias.numpy()]


@pytest.mark.parametrize(
    ("clip", "step"),
    [
        ({}, [0.6, 0.8, 1]),
        ({"clipnorm": 5.0}, [3, 4, 5]),
        ({"global_clipnorm": 13.0}, [3, 4, 12]),
        ({"clipvalue": 35.0}, [30, 35, 35]),
        ({"clipnorm": 0.0}, [30, 40, 120]),
    ],
)
def test_gradients_are_clipped_as_the_flag_says(clip, step):
    np.testing.assert_allclose(largest_step(**clip), step, rtol=1e-5)


@pytest.mark.parametrize("name", compiling.OPTIMIZERS)
def test_each_optimizer_compiles_and_has_its_name(name):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    compiling.compile_model(model, config(optimizer=name), steps=10)
    assert type(model.optimizer).__name__.lower() == name
    assert isinstance(model.loss, keras.losses.CategoricalCrossentropy)
    assert not model.jit_compile


def test_penalties_are_minimized_and_the_loss_in_the_logs_is_nats_alone():
    """By one step of plain gradient descent, of rate 1, with and without penalties."""
    batch = np.eye(5, dtype="float32")[[[1, 2, 3], [2, 3, 4]]]
    losses, after = [], []
    for penalties in ({}, {"l1": 0.01, "l2": 0.1}):
        keras.utils.set_random_seed(2)
        model = networks.build_sequential(
            ModelConfig(cell="coupled", units=(4,)), Interface(vocabulary_size=5, window=3)
        ).keras_model
        before = {weight.path: weight.numpy() for weight in model.weights}
        options = {"optimizer": "sgd", "learning_rate": 1.0, "schedule": "constant", "clipnorm": 0.0}
        state = compiling.compile_model(model, config(**options, **penalties), steps=1)
        logits = model(batch)
        nats = float(tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(batch, logits)))
        losses.append(float(model.compute_loss(y=batch, y_pred=logits)))
        batches = iter(tf.data.Dataset.from_tensors((batch, batch)))
        assert float(train_function(model, state)(batches)["loss"]) == pytest.approx(nats, rel=1e-5)
        after.append([weight.numpy() for weight in model.weights])
    kernels = {path: weight for path, weight in before.items() if path.endswith("kernel")}
    assert len(kernels) == 3
    penalty = sum(0.01 * np.abs(weight).sum() + 0.1 * (weight**2).sum() for weight in kernels.values())
    assert losses[0] == pytest.approx(nats, rel=1e-5)
    assert losses[1] == pytest.approx(nats + penalty, rel=1e-5)
    for path, plain, penalized in zip(before, *after, strict=True):
        shrunk = 0.01 * np.sign(before[path]) + 0.2 * before[path] if path in kernels else 0
        np.testing.assert_allclose(plain - penalized, shrunk + np.zeros_like(plain), atol=2e-6)


def test_weights_are_averaged_step_by_step_and_those_that_are_frozen_stay():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="a"), keras.layers.Dense(1, name="b")])
    model.get_layer("a").trainable = False
    options = {"optimizer": "sgd", "learning_rate": 1.0, "schedule": "constant", "clipnorm": 0}
    compiling.compile_model(model, config(average=0.75, **options), steps=3)
    weights, before = model.trainable_variables, [weight.numpy() for weight in model.weights]
    for _ in range(3):  # each step takes 1 off every weight that isn't frozen
        model.optimizer.apply([np.ones(weight.shape, "float32") for weight in weights], weights)
    # The first step starts the average: -1. Then 0.75 × -1 + 0.25 × -2 = -1.25, and 0.75 × -1.25 + 0.25 × -3 = -1.6875.
    for weight, old in zip(compiling.averaged_weights(model)[2:], before[2:], strict=True):
        np.testing.assert_allclose(weight, old - 1.6875, rtol=1e-6)
    for weight, old in zip(compiling.averaged_weights(model)[:2], before[:2], strict=True):
        np.testing.assert_array_equal(weight, old)


def test_without_an_average_the_weights_are_the_last_ones():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    compiling.compile_model(model, config(), steps=3)
    assert [id(weight) for weight in compiling.averaged_weights(model)] == [id(weight) for weight in model.weights]
