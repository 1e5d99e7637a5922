import math

import keras
import pytest

from char_lstm_tf.training.fitting.divergence import DivergedError, LossCheck


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.5))
    return model


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_nan_loss_ends_the_run_with_the_history_and_the_remedy(model, loss):
    check = LossCheck(model)
    check.loss({"loss": 2.5, "gradient_norm": 1234.5}, step=41)
    with pytest.raises(
        DivergedError,
        match=r"step 42 .* mean loss was 2\.5 .* 1\.23e\+03. Lower --learning_rate .*0\.5",
    ) as caught:
        check.loss({"loss": loss, "gradient_norm": loss}, step=42)
    assert caught.value.status == 3


def test_infinite_weights_end_the_run_before_they_are_kept(model):
    check = LossCheck(model)
    check.weights(step=50)
    model.layers[-1].bias.assign([0.0, math.inf, 0.0])
    with pytest.raises(DivergedError, match=r"a weight after step 50 is NaN or infinite"):
        check.weights(step=50)
