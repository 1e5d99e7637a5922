"""The progress line of a run, and the file of its speed."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import keras

from char_lstm_tf.runs.progress import Progress


class Clock(keras.callbacks.Callback):
    """Shows how far a run is and how fast it goes.

    On a terminal and in a notebook, the line is rewritten in place; elsewhere there is a new line every half minute.
    Each epoch leaves a line. Adds `seconds` and `chars_per_second` to the logs and to a file of their own, since only
    they differ when a run is repeated. They measure the training steps of the epoch alone, without the process's first
    step, which compiles, and without validation, samples and checkpoints.

    Args:
        progress: returns where the run stands.
        chars_per_step: characters of a batch, on average.
        log: CSV file with one row per epoch.
        out: where the line goes; None: nowhere.
        describe: returns a loss of the logs as text, see `Objective`.
    """

    def __init__(
        self,
        progress: Callable[[], Progress],
        *,
        chars_per_step: float,
        log: Path,
        out: TextIO | None,
        describe: Callable[..., str],
    ) -> None:
        super().__init__()
        self._describe = describe
        self._progress, self._log, self._out = progress, log, out
        self._chars_per_step = chars_per_step
        self._terminal = out is not None and out.isatty()
        # A notebook knows how to go back to the start of a line, but isn't a terminal.
        self._rewrites = self._terminal or type(out).__module__.startswith("ipykernel.")
        self._line_length = 0  # of the line that stands there
        self._first_step = progress().step + 1  # of this process
        self._compiled = 0.0
        self._shown = self._step_started = time.monotonic()
        self._steps, self._seconds = 0, 0.0  # of this epoch
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts to measure the epoch."""
        self._epoch, self._steps, self._seconds = epoch, 0, 0.0

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes when the step starts."""
        self._step_started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Measures the step, and shows the line when it is time."""
        now, progress = time.monotonic(), self._progress()
        if progress.step == self._first_step:
            self._compiled = now
        else:
            self._steps += 1
            self._seconds += now - self._step_started
        if self._out is not None and now - self._shown > (0.2 if self._terminal else 1 if self._rewrites else 30):
            self._shown = now
            seconds_per_step = (now - self._compiled) / max(progress.step - self._first_step, 1)
            left = _duration(seconds_per_step * (progress.steps - progress.step))
            losses = self._describe(logs)
            for loss in (losses, losses.partition(" (")[0]):  # without bits if the line is longer than the terminal
                line = f"{self._where}  step {progress.step:,}/{progress.steps:,}  {loss}  "
                line += f"{self._chars_per_second:,.0f} chars/s  {left} left"
                if len(line) < self._width:
                    break
            self._write(line[: self._width - 1], end="" if self._rewrites else "\n")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Writes the epoch's line and its row."""
        logs["seconds"], logs["chars_per_second"] = round(self._seconds, 3), round(self._chars_per_second)
        with self._log.open("a", encoding="utf-8") as file:
            if not file.tell():
                file.write("epoch,seconds,chars_per_second\n")
            file.write(f"{epoch},{logs['seconds']},{logs['chars_per_second']}\n")
        if self._out is not None:
            validation = f"  validation {self._describe(logs, 'val_')}" if "val_loss" in logs else ""
            self._write(
                f"{self._where}  {self._describe(logs)}{validation}  "
                f"{self._chars_per_second:,.0f} chars/s  {_duration(self._progress().seconds)}",
                end="\n",
            )

    @property
    def _chars_per_second(self) -> float:
        return self._steps * self._chars_per_step / self._seconds if self._seconds else 0.0

    @property
    def _width(self) -> int:
        """Columns of the terminal; more than any line has if there is none."""
        if self._out is None or not self._terminal:
            return 1000
        try:
            return os.get_terminal_size(self._out.fileno()).columns
        except (OSError, ValueError):
            return 80

    @property
    def _where(self) -> str:
        return f"epoch {self._epoch + 1}/{self._progress().epochs}"

    def _write(self, line: str, *, end: str) -> None:
        start = "\r\x1b[K" if self._terminal else "\r" if self._line_length else ""  # back to its start, and clear it
        print(f"{start}{line.ljust(self._line_length)}", end=end, file=self._out, flush=True)
        self._line_length = 0 if end or self._terminal else len(line)


def _duration(seconds: float) -> str:
    """Returns hours, minutes and seconds: `2:05:09`, `5:09`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
