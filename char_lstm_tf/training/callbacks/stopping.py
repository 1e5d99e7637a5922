"""When a checkpoint is saved, and how a run stops when it is asked to."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import keras
import numpy as np

from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.callbacks.epochs import DivergedError
from char_lstm_tf.training.workers import ALONE, WISHES, Workers
from pipelines import UserError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(UserError):
    """The process was asked to stop, and has saved a checkpoint."""

    def __init__(self, number: signal.Signals, step: int) -> None:
        super().__init__(f"{number.name}: stopped after step {step:,}; continue with --resume")
        self.status = 128 + number  # as a shell reports it


class StopAtOnce(BaseException):
    """The process was asked to stop while it did something that may be given up."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number)
        self.number = number


class SaveCheckpoint(keras.callbacks.Callback):
    """Saves a checkpoint when one is due. When the process is asked to stop, it saves one and stops the process.

    It must be the last callback, so that a checkpoint at the end of an epoch includes what the others did.

    Args:
        save: writes the checkpoint.
        progress: of the run.
        every_steps: batches from one checkpoint to the next; 0: no limit.
        every_seconds: seconds from one checkpoint to the next; 0: no limit.
        asked_to_stop: returns the signal that asked the process to stop, or None.
        workers: who trains together. All of them save and stop at the same step: each tells the others with a step
            which signal it has got, and the chief whether it is time.
    """

    def __init__(
        self,
        save: Callable[[], None],
        progress: Progress,
        *,
        every_steps: int,
        every_seconds: float,
        asked_to_stop: Callable[[], signal.Signals | None],
        workers: Workers = ALONE,
    ) -> None:
        super().__init__()
        self._save, self._progress = save, progress
        self._every_steps, self._every_seconds = every_steps, every_seconds
        self._asked_to_stop, self._workers = asked_to_stop, workers
        self._wishes = np.zeros(WISHES)  # of all workers, as the last step told them
        self._saved_step, self._saved_at = progress.step, time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Tells the other workers what this one knows."""
        if self._workers.count > 1:
            asked = self._asked_to_stop()
            self._workers.wish([*(asked == number for number in SIGNALS), self._workers.chief and self._is_time()])

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Saves in the middle of an epoch. At its end, `on_epoch_end` does."""
        if self._workers.count > 1:
            self._wishes = self._workers.wished()
        if not (self._progress.between_epochs or self._progress.finished):
            self._save_if_due()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Saves between epochs."""
        self._progress.ending = {}
        self._save_if_due()

    def _is_time(self) -> bool:
        return bool(self._every_seconds) and time.monotonic() - self._saved_at >= self._every_seconds

    def _save_if_due(self) -> None:
        progress = self._progress
        if self._workers.count > 1:
            *signals, is_time = self._wishes > 0
            asked = next((number for number, came in zip(SIGNALS, signals, strict=True) if came), None)
        else:
            asked, is_time = self._asked_to_stop(), self._is_time()
        steps = progress.step - self._saved_step
        if asked or is_time or progress.finished or (self._every_steps and steps >= self._every_steps):
            try:
                self._save()
            except FloatingPointError as error:
                raise DivergedError(f"diverged after step {progress.step:,}: {error}") from None
            self._saved_step, self._saved_at = progress.step, time.monotonic()
        if asked:
            raise StoppedError(asked, progress.step)


class FollowChief(keras.callbacks.Callback):
    """Gives all workers what the chief knows at the end of an epoch: it alone measures.

    Args:
        progress: of the run.
        scale: factor of the learning rate.
        workers: who trains together.
    """

    def __init__(self, progress: Progress, scale: keras.Variable, workers: Workers) -> None:
        super().__init__()
        self._progress, self._scale, self._workers = progress, scale, workers

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Takes over the chief's scale and whether it stops.

        Raises:
            StopAtOnce: a signal came to the chief while it measured.
        """
        self.tell(None)

    def tell(self, asked: signal.Signals | None) -> None:
        """Tells the others what the chief knows; as a worker, listens. Raises StopAtOnce if it was asked to stop."""
        known = {"scale": float(self._scale), "stopped": self._progress.stopped, "asked": asked}
        known = self._workers.of_chief(known)
        self._scale.assign(known["scale"])
        self._progress.stopped = known["stopped"]
        self.model.stop_training = known["stopped"]
        if known["asked"] and not self._workers.chief:
            raise StopAtOnce(signal.Signals(known["asked"]))


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
                raise StopAtOnce(self._came)

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
                raise StopAtOnce(self._came)
            yield
        finally:
            self._raises = False
