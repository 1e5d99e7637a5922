"""When a checkpoint is saved."""

import signal
import time

from char_lstm_tf.training.fitting.signals import SIGNALS, Signals
from char_lstm_tf.training.workers import ALONE, Workers


class SaveRule:
    """When a checkpoint is due: after so many steps or seconds, after the last step, and when the process is to stop.

    All workers save and stop at the same step. Each tells the others with a step which signal it has got, and the chief
    whether it is time.

    Args:
        step: that the run starts from.
        every_steps: batches from one checkpoint to the next; 0: no limit.
        every_seconds: seconds from one checkpoint to the next; 0: no limit.
        signals: of the run.
        workers: who trains together.
    """

    def __init__(
        self, step: int, *, every_steps: int, every_seconds: float, signals: Signals, workers: Workers = ALONE
    ) -> None:
        self._every_steps, self._every_seconds = every_steps, every_seconds
        self._signals, self._workers = signals, workers
        self._saved_step, self._saved_at = step, time.monotonic()

    def before_step(self) -> None:
        """Tells the other workers what this one knows."""
        if self._workers.count > 1:
            received = self._signals.received
            self._workers.post([*(received == number for number in SIGNALS), self._workers.chief and self._is_time()])

    def after_step(self, step: int, *, last: bool) -> tuple[bool, signal.Signals | None]:
        """Returns whether a checkpoint is due, and the signal after which the run stops, if one came to any worker.

        Args:
            step: batches done.
            last: whether this was the last one.
        """
        received, is_time = self._signals.received, self._is_time()
        if self._workers.count > 1:
            *came, is_time = self._workers.collected() > 0
            received = next((number for number, any_came in zip(SIGNALS, came, strict=True) if any_came), None)
        due = bool(last or received or is_time or 0 < self._every_steps <= step - self._saved_step)
        if due:
            self._saved_step, self._saved_at = step, time.monotonic()
        return due, received

    def _is_time(self) -> bool:
        return bool(self._every_seconds) and time.monotonic() - self._saved_at >= self._every_seconds
