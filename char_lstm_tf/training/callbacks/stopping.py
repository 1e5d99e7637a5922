"""When a checkpoint is saved, and how a run stops when it is asked to."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import keras

from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.callbacks.epochs import DivergedError
from pipelines import UserError


class StoppedError(UserError):
    """The process was asked to stop, and has saved a checkpoint."""

    def __init__(self, number: signal.Signals, step: int) -> None:
        super().__init__(f"{number.name}: stopped after step {step:,}; continue with --resume")
        self.status = 128 + number  # as a shell reports it


class StopAtOnce(BaseException):
    """The process was asked to stop while it did something that may be given up."""


class SaveCheckpoint(keras.callbacks.Callback):
    """Saves a checkpoint when one is due. When the process is asked to stop, it saves one and stops the process.

    It must be the last callback, so that a checkpoint at the end of an epoch includes what the others did.

    Args:
        save: writes the checkpoint.
        progress: of the run.
        every_steps: batches from one checkpoint to the next; 0: no limit.
        every_seconds: seconds from one checkpoint to the next; 0: no limit.
        asked_to_stop: returns the signal that asked the process to stop, or None.
    """

    def __init__(
        self,
        save: Callable[[], None],
        progress: Progress,
        *,
        every_steps: int,
        every_seconds: float,
        asked_to_stop: Callable[[], signal.Signals | None],
    ) -> None:
        super().__init__()
        self._save, self._progress = save, progress
        self._every_steps, self._every_seconds = every_steps, every_seconds
        self._asked_to_stop = asked_to_stop
        self._saved_step, self._saved_at = progress.step, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Saves in the middle of an epoch. At its end, `on_epoch_end` does."""
        if not (self._progress.between_epochs or self._progress.finished):
            self._save_if_due()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Saves between epochs."""
        self._progress.ending = {}
        self._save_if_due()

    def _save_if_due(self) -> None:
        progress, asked = self._progress, self._asked_to_stop()
        steps, seconds = progress.step - self._saved_step, time.monotonic() - self._saved_at
        if (
            asked
            or progress.finished
            or (self._every_steps and steps >= self._every_steps)
            or (self._every_seconds and seconds >= self._every_seconds)
        ):
            try:
                self._save()
            except FloatingPointError as error:
                raise DivergedError(f"diverged after step {progress.step:,}: {error}") from None
            self._saved_step, self._saved_at = progress.step, time.monotonic()
        if asked:
            raise StoppedError(asked, progress.step)


class Interruptible(keras.callbacks.Callback):
    """Another callback whose work at the end of an epoch a signal may end at once, such as a long validation.

    Args:
        callback: the other one.
        at_once: of the run's `Signals`.
    """

    def __init__(self, callback: keras.callbacks.Callback, at_once: Callable[[], AbstractContextManager]) -> None:
        super().__init__()
        self._callback, self._at_once = callback, at_once

    def set_model(self, model: keras.Model) -> None:
        """Gives both the model."""
        super().set_model(model)
        self._callback.set_model(model)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Does the work of the other one.

        Raises:
            StopAtOnce: a signal came.
        """
        with self._at_once():
            self._callback.on_epoch_end(epoch, logs)


class Signals:
    """SIGINT, SIGTERM and SIGHUP (the terminal was closed) as notes to look at, instead of the end of the process.

    Under nohup, SIGHUP stays ignored. A second signal ends the process at once.
    """

    def __init__(self) -> None:
        self._came: signal.Signals | None = None
        self._raises = False

    def came(self) -> signal.Signals | None:
        """Returns the signal that came, or None."""
        return self._came

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Notes signals as long as it is entered."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}

        def note(number: int, frame: object) -> None:
            self._came = signal.Signals(number)
            signal.signal(number, before[signal.Signals(number)])
            print("\nstopping, with a checkpoint; press again to stop at once", file=sys.stderr)
            if self._raises:
                raise StopAtOnce

        for number in numbers:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Raises StopAtOnce as soon as a signal comes, or if one has come."""
        self._raises = True
        try:
            if self._came:
                raise StopAtOnce
            yield
        finally:
            self._raises = False
