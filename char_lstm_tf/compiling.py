"""Optimizer with clipping, learning rate schedule and loss."""

import keras

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


def compile_model(model: keras.Model, config: TrainingConfig, *, steps: int) -> None:
    """Compiles a model of `models.BUILD` for a run of so many batches.

    The loss is categorical cross-entropy of logits against one-hot targets: nats a character. The penalty
    of L1 and L2 is part of what is minimized, not of the `loss` in the logs.
    """
    arguments = {"weight_decay": config.weight_decay} if config.optimizer == "adamw" else {}
    clip = {
        name: getattr(config, name)
        for name in ("clipnorm", "global_clipnorm", "clipvalue")
        if getattr(config, name)
    }
    optimizer = OPTIMIZERS[config.optimizer](learning_rate(config, steps=steps), **arguments, **clip)
    metrics = []
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
