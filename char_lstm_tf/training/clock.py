"""How fast and how far: the line that a long run shows."""

import math
import time
from pathlib import Path
from typing import TextIO

import keras

from char_lstm_tf.runs.progress import Progress


class Clock(keras.callbacks.Callback):
    """Counts steps and seconds, and shows how far the run is.

    On a terminal in one line, rewritten in place; elsewhere in a new line every half minute. An epoch leaves its line.
    Adds `seconds` and `chars_per_second` to the logs, and to a file of their own, because they are all that changes
    when a run is repeated: of the epoch's steps alone, without the first one of the process, which compiles, and
    without validation, samples and saving.

    Args:
        progress: of the run.
        steps_per_epoch: batches of an epoch.
        chars_per_step: characters of a batch.
        log: CSV file with a row an epoch.
        out: where the line goes; None: nowhere.
    """

    def __init__(
        self,
        progress: Progress,
        *,
        steps_per_epoch: int,
        chars_per_step: int,
        log: Path,
        out: TextIO | None,
    ) -> None:
        super().__init__()
        self._progress, self._log, self._out = progress, log, out
        self._epochs = math.ceil(progress.steps / steps_per_epoch)
        self._chars_per_step = chars_per_step
        self._terminal = out is not None and out.isatty()
        self._first_step = progress.step + 1  # of this process
        self._spent_before, self._compiled = progress.seconds, 0.0
        self._began = self._shown = self._step_began = time.monotonic()
        self._steps, self._seconds = 0, 0.0  # of this epoch
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Counts anew."""
        self._epoch, self._steps, self._seconds = epoch, 0, 0.0

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Takes the time."""
        self._step_began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        """Counts, and shows the line when it is time."""
        now = time.monotonic()
        progress = self._progress
        progress.step += 1
        progress.seconds = self._spent_before + now - self._began
        if progress.step == self._first_step:
            self._compiled = now
        else:
            self._steps += 1
            self._seconds += now - self._step_began
        if self._out is not None and now - self._shown > (0.2 if self._terminal else 30):
            self._shown = now
            left = (now - self._compiled) / max(progress.step - self._first_step, 1)
            left *= progress.steps - progress.step
            self._write(
                f"{self._where}  step {progress.step:,}/{progress.steps:,}  {_measures(logs)}  "
                f"{self._chars_per_second:,.0f} chars/s  {_clock(left)} left",
                end="" if self._terminal else "\n",
            )

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Sums up."""
        logs["seconds"], logs["chars_per_second"] = round(self._seconds, 3), round(self._chars_per_second)
        with self._log.open("a", encoding="utf-8") as file:
            if not file.tell():
                file.write("epoch,seconds,chars_per_second\n")
            file.write(f"{epoch},{logs['seconds']},{logs['chars_per_second']}\n")
        if self._out is not None:
            validation = f"  validation {_measures(logs, 'val_')}" if "val_loss" in logs else ""
            self._write(
                f"{self._where}  {_measures(logs)}{validation}  "
                f"{self._chars_per_second:,.0f} chars/s  {_clock(self._progress.seconds)}",
                end="\n",
            )

    @property
    def _chars_per_second(self) -> float:
        return self._steps * self._chars_per_step / self._seconds if self._seconds else 0.0

    @property
    def _where(self) -> str:
        return f"epoch {self._epoch + 1}/{self._epochs}"

    def _write(self, line: str, *, end: str) -> None:
        start = "\r\x1b[K" if self._terminal else ""  # back to the beginning of the line, and clear it
        print(f"{start}{line}", end=end, file=self._out, flush=True)


def _measures(logs: dict, prefix: str = "") -> str:
    """Returns a loss in both of its units."""
    nats = logs[f"{prefix}loss"]
    return f"loss {nats:.4f} ({nats / math.log(2):.3f} bits/char)"


def _clock(seconds: float) -> str:
    """Returns hours, minutes and seconds: `2:05:09`, `5:09`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
