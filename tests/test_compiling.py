import keras
import numpy as np
import pytest

from char_lstm_tf import compiling
from char_lstm_tf.config import TrainingConfig


def config(**options):
    return TrainingConfig(name="x", **options)


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
    compiling.compile_model(
        model, config(optimizer="sgd", learning_rate=1.0, schedule="constant", **clip), steps=1
    )
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
