"""How a run detects divergence."""

import math

import keras
import numpy as np

from pipelines import UserError


class DivergedError(UserError):
    """The loss or a weight became NaN or infinite."""

    status = 3


class LossCheck:
    """Raises DivergedError when the loss or a weight becomes NaN or infinite, before a checkpoint is saved."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._before: dict[str, float] = {}

    def loss(self, logs: dict[str, float], *, step: int) -> None:
        """Checks the mean loss of the epoch so far. A single bad batch makes it NaN."""
        if not math.isfinite(logs["loss"]):
            raise DivergedError(self._message(f"the loss at step {step:,}"))
        self._before = logs

    def weights(self, *, step: int) -> None:
        """Checks the weights: the loss of the last batch was computed before they changed."""
        if not all(np.isfinite(weight).all() for weight in self._model.get_weights()):
            raise DivergedError(self._message(f"a weight after step {step:,}"))

    def _message(self, what: str) -> str:
        before, rate = self._before, float(self._model.optimizer.learning_rate)
        history = (
            f"before, the epoch's mean loss was {before['loss']:.4g} and its gradient norm "
            f"{before['gradient_norm']:.3g}"
            if before
            else "no step of this epoch had a finite loss"
        )
        return (
            f"diverged: {what} is NaN or infinite; {history}. Lower --learning_rate (it was {rate:.3g}), clip "
            "gradients (--clipnorm=1), or let the run go back by itself (--on_divergence=rollback)"
        )
