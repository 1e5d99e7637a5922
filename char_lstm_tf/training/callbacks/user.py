"""Callbacks of somebody who calls `char_lstm_tf.train`."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from char_lstm_tf.runs.progress import Progress
from pipelines import UserError


def require_callbacks(callbacks: Sequence[Any]) -> list[keras.callbacks.Callback]:
    """Returns callbacks in a list. Raises UserError if one of them isn't a callback of Keras."""
    found = list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
    for callback in found:
        if not isinstance(callback, keras.callbacks.Callback):
            raise UserError(f"callbacks: {callback!r} isn't a keras.callbacks.Callback; give a list of them")
    return found


class UserCallbacks:
    """A user's callbacks, which are called as Keras' `fit` calls them, with numbers as logs.

    There are no batches of tests or predictions. If a callback raises an exception, a checkpoint is saved first.

    Args:
        callbacks: of the user.
        model: the model in training.
        progress: where the run stands when it begins.
        save: saves a checkpoint.
    """

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        model: keras.Model,
        *,
        progress: Progress,
        save: Callable[[], None],
    ) -> None:
        self._model, self._save = model, save
        sizes = {"epochs": progress.epochs, "steps": progress.steps_per_epoch, "verbose": 0}
        self._all = keras.callbacks.CallbackList(list(callbacks), model=model, **sizes)
        model.stop_training = False

    def call(self, hook: str, *values: Any) -> None:
        """Calls a method of all of them, such as `on_epoch_begin`."""
        if not self._all.callbacks:  # else Keras would start threads for nothing
            return
        try:
            getattr(self._all, hook)(*values)
        except Exception:
            self._save()
            raise

    @property
    def ask_to_stop(self) -> bool:
        """Whether one of them has set `model.stop_training`."""
        return bool(self._model.stop_training)
