"""Optimizer with clipping, learning rate schedule and loss."""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from char_lstm_tf.config import TrainingConfig

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


def learning_rate(
    config: TrainingConfig, *, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate of a run of so many batches, or its schedule."""
    lowest = config.final_learning_rate
    match config.schedule:
        case "cosine":
            warmup = min(config.warmup_steps, steps // 2)
            return keras.optimizers.schedules.CosineDecay(
                0.0 if warmup else config.learning_rate,
                steps - warmup,
                alpha=lowest,
                warmup_target=config.learning_rate if warmup else None,
                warmup_steps=warmup,
            )
        case "exponential":
            return keras.optimizers.schedules.ExponentialDecay(config.learning_rate, steps, decay_rate=lowest)
        case _:
            return config.learning_rate


class Scaled(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule, or a constant, times a factor that may be lowered while a run goes on."""

    def __init__(self, schedule: float | keras.optimizers.schedules.LearningRateSchedule) -> None:
        self.schedule = schedule
        self.scale = keras.Variable(1.0, trainable=False, name="learning_rate_scale")

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step."""
        return self.scale * (self.schedule(step) if callable(self.schedule) else self.schedule)

    def get_config(self) -> dict:
        """Returns the arguments of this class."""
        return {"schedule": self.schedule}


@dataclass(frozen=True)
class Compiled:
    """What training changes beside the weights.

    Attributes:
        scale: factor of the learning rate, 1 at first.
        variables: the optimizer's, and the scale.
        sums: behind the means of the logs.
    """

    scale: keras.Variable
    variables: list[keras.Variable]
    sums: list[keras.Variable]


def compile_model(model: keras.Model, config: TrainingConfig, *, steps: int) -> Compiled:
    """Compiles a model of `models.build` for a run of so many batches.

    The loss is categorical cross-entropy of logits against one-hot targets: nats a character. The logs
    have its mean over the epoch so far, `accuracy` (share of characters that were the likeliest one) and
    `gradient_norm` (length of the gradient of all weights before clipping, mean over batches). The penalty
    of L1 and L2 is part of what is minimized, not of the `loss` in the logs.
    """
    arguments = {"weight_decay": config.weight_decay} if config.optimizer == "adamw" else {}
    clip = {
        name: getattr(config, name)
        for name in ("clipnorm", "global_clipnorm", "clipvalue")
        if getattr(config, name)
    }
    rate = Scaled(learning_rate(config, steps=steps))
    optimizer = _measured(OPTIMIZERS[config.optimizer])(rate, **arguments, **clip)
    metrics = [keras.metrics.CategoricalAccuracy("accuracy")]
    if config.l1 or config.l2:
        for weight in model.trainable_variables:
            if weight.name in ("kernel", "recurrent_kernel"):
                weight.regularizer = keras.regularizers.L1L2(config.l1, config.l2)
        # Keras' own "loss" has the penalty in it; a metric of this name takes its place in the logs.
        metrics.append(keras.metrics.CategoricalCrossentropy("loss", from_logits=True))
    # Keras' LSTM under XLA on a CPU takes twice as long as without: 102 against 50 ms a step of 16 windows of 64
    # for 2×128 units, so jit_compile's "auto" isn't left to choose.
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=metrics, jit_compile=False)
    model.gradient_norm = optimizer.gradient_norm  # so that it is reset and logged with the others
    optimizer.build(model.trainable_variables)
    # Keras counts variables of the metrics given to it after the first batch only.
    sums = [*model.metrics_variables, *(variable for metric in metrics for variable in metric.variables)]
    return Compiled(rate.scale, [*optimizer.variables, rate.scale], sums)


def _measured(optimizer: type[keras.Optimizer]) -> type[keras.Optimizer]:
    """Returns an optimizer that keeps the mean length of the gradients it was given."""

    class Measured(optimizer):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.gradient_norm = keras.metrics.Mean("gradient_norm")

        def apply(self, grads: list, trainable_variables: list | None = None) -> None:
            self.gradient_norm.update_state(tf.linalg.global_norm(grads))
            super().apply(grads, trainable_variables)

    Measured.__name__ = optimizer.__name__
    return Measured
