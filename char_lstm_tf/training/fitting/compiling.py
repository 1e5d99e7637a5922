"""Optimizer with clipping, learning rate schedule and loss."""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from char_lstm_tf.config import TrainingConfig
from char_lstm_tf.training.fitting.muon import Muon, gates_of

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "muon": Muon,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


def averaged_weights(model: keras.Model) -> list[tf.Tensor]:
    """Returns the weights of a compiled model in order, with the moving averages in place of those that have one."""
    optimizer = model.optimizer
    averages = optimizer._model_variables_moving_average if optimizer.use_ema else []
    by_id = {id(weight): average for weight, average in zip(model.trainable_variables, averages, strict=False)}
    return [by_id.get(id(weight), weight) for weight in model.weights]


def learning_rate(config: TrainingConfig, *, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate of a run of `steps` batches, or its schedule."""
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


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule, or a constant, times a factor that can be lowered during a run."""

    def __init__(self, schedule: float | keras.optimizers.schedules.LearningRateSchedule) -> None:
        self.schedule = schedule
        self.scale = keras.Variable(1.0, trainable=False, name="learning_rate_scale")

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step."""
        return self.scale * (self.schedule(step) if callable(self.schedule) else self.schedule)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this class."""
        schedule = self.schedule
        return {"schedule": keras.saving.serialize_keras_object(schedule) if callable(schedule) else schedule}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ScaledSchedule":
        """Returns the schedule of a configuration."""
        schedule = config["schedule"]
        return cls(keras.saving.deserialize_keras_object(schedule) if isinstance(schedule, dict) else schedule)


@dataclass(frozen=True)
class TrainingState:
    """What training changes besides the weights.

    Attributes:
        scale: factor of the learning rate, 1 at first.
        variables: the optimizer's variables, and the scale.
        means: over the epoch so far, by their names in the logs.
        samples: tokens of a sampled softmax; 0: all tokens.
        seed: of the run.
    """

    scale: keras.Variable
    variables: list[keras.Variable]
    means: dict[str, keras.metrics.Mean]
    samples: int = 0
    seed: int = 0

    @property
    def sums(self) -> list[keras.Variable]:
        """The sums behind the means."""
        return [variable for mean in self.means.values() for variable in mean.variables]

    def logs(self) -> dict[str, tf.Tensor]:
        """Returns the means. `loss` is nats per token."""
        return {name: mean.result() for name, mean in self.means.items()}


def compile_model(
    model: keras.Model, config: TrainingConfig, *, steps: int, sparse: bool = False, samples: int = 0
) -> TrainingState:
    """Compiles a model of `models.build` for a run of `steps` batches.

    The loss is categorical cross-entropy of logits against one-hot targets or, if `sparse`, against ids, which is the
    same number: nats per token. The logs have means over the epoch so far: of the loss, of `gradient_norm`, the norm of
    all gradients together before they are clipped, and of `accuracy`, the share of tokens that were the likeliest one.
    With `samples`, the loss is that of a sampled softmax, and there is no accuracy. The L1 and L2 penalty is minimized
    too, but isn't part of the `loss` in the logs.
    """
    losses = keras.losses
    loss_class = losses.SparseCategoricalCrossentropy if sparse else losses.CategoricalCrossentropy
    arguments: dict[str, Any] = {}
    if config.optimizer in ("adamw", "muon"):
        arguments["weight_decay"] = config.weight_decay
    if config.optimizer == "muon":
        arguments["gates"] = gates_of(model)
    if config.average:
        arguments |= {"use_ema": True, "ema_momentum": config.average}
    rate = ScaledSchedule(learning_rate(config, steps=steps))
    optimizer = OPTIMIZERS[config.optimizer](rate, **arguments, **config.clipping)
    if config.l1 or config.l2:
        for weight in model.trainable_variables:
            if weight.name in ("kernel", "recurrent_kernel"):
                weight.regularizer = keras.regularizers.L1L2(config.l1, config.l2)
    # Keras' LSTM under XLA on a CPU takes twice as long as without: 102 against 50 ms per step of 16 windows of 64
    # for 2×128 units, so the choice isn't left to jit_compile="auto".
    model.compile(optimizer, loss_class(from_logits=True), jit_compile=False)
    optimizer.build(model.trainable_variables)
    names = ("loss", "gradient_norm") if samples else ("loss", "gradient_norm", "accuracy")
    means = {name: keras.metrics.Mean(name) for name in names}
    return TrainingState(rate.scale, [*optimizer.variables, rate.scale], means, samples, config.seed)
