"""The loss by step within an epoch, in a file and in TensorBoard, and the samples in TensorBoard."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from char_lstm_tf.runs.progress import Progress

POINTS = 50  # in an epoch


class Steps(keras.callbacks.Callback):
    """Writes the loss of some steps of each epoch.

    The file has the mean of the epoch up to a step, which a resumed run repeats to the last bit. TensorBoard shows the
    mean since the point before.

    Args:
        progress: returns where the run stands.
        log: CSV file with the columns `step` and `loss`.
        board: TensorBoard's folder.
        samples: returns what the model has written at the end of an epoch.
    """

    def __init__(self, progress: Callable[[], Progress], *, log: Path, board: Path, samples: Callable[[], str]) -> None:
        super().__init__()
        self._progress, self._log, self._samples = progress, log, samples
        self._every = max(progress().steps_per_epoch // POINTS, 1)
        self._writer = tf.summary.create_file_writer(str(board))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts a mean."""
        self._steps, self._mean = 0, 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Writes the loss when it is time."""
        steps, step = batch + 1, self._progress().step
        if steps % self._every:
            return
        mean = float(logs["loss"])
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{step},{mean!r}\n" if file.tell() else f"step,loss\n{step},{mean!r}\n")
        with self._writer.as_default(step=step):
            tf.summary.scalar("loss", (mean * steps - self._mean * self._steps) / (steps - self._steps))
        self._steps, self._mean = steps, mean

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Shows the samples."""
        if samples := self._samples():
            with self._writer.as_default(step=epoch):
                tf.summary.text("samples", textwrap.indent(samples.strip("\n"), "    "))  # as it is, not as Markdown
        self._writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the file."""
        self._writer.close()
