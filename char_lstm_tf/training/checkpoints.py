"""Checkpoints that survive a machine that stops at any moment, and a disk that forgets some of them.

A checkpoint is a folder, `step-000000120`, with the tensors as `tf.train.Checkpoint` writes them, `progress.json` and
`SHA256SUMS`. It is written aside, synced and renamed, so it is whole or absent; what damages it later, the sums tell.
"""

import hashlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.callbacks import DivergedError
from pipelines import UserError
from pipelines.files import written_aside

SUMS = "SHA256SUMS"  # as `sha256sum --check` reads them


class Checkpoints:
    """The checkpoints of a run.

    Args:
        folder: of the run.
        variables: all tensors that change while it trains, by what they are for.
        progress: saved with them, and changed by `restore`.
        keep: how many of the newest stay.
    """

    def __init__(
        self,
        folder: RunFolder,
        variables: Mapping[str, Sequence[keras.Variable]],
        progress: Progress,
        *,
        keep: int,
    ) -> None:
        self._folder, self._progress, self._keep = folder, progress, keep
        # The mean length of gradients may overflow, which clipping them survives.
        self._finite = [
            variable.value for name in variables.keys() - {"sums"} for variable in variables[name]
        ]
        self._tensors = tf.train.Checkpoint(
            **{name: [variable.value for variable in part] for name, part in variables.items()}
        )

    def save(self) -> None:
        """Writes a checkpoint, unless the last one is of the same step, and removes those that are too many.

        Raises:
            FloatingPointError: a tensor holds NaN or infinity, which no run could go on from.
            UserError: the disk is full, for instance; the older checkpoints stay.
        """
        if not all(_is_finite(variable) for variable in self._finite):
            raise FloatingPointError("a weight is not a finite number")
        progress, folder = self._progress, self._folder
        target = folder.checkpoints / f"step-{progress.step:09d}"
        if target.exists():
            return
        try:
            progress.lengths = {file.name: _synced_size(file) for file in folder.growing if file.exists()}
            with written_aside(target) as path:
                path.mkdir(parents=True)
                self._tensors.write(str(path / "tensors"))
                progress.save(path / "progress.json")
                sums = [f"{_sha256(file)}  {file.name}\n" for file in sorted(path.iterdir())]
                (path / SUMS).write_text("".join(sums), encoding="utf-8")
        except (OSError, tf.errors.OpError) as error:
            # TensorFlow says where in the graph, to which path, and last why.
            reason = str(error).split(" [Op:")[0].rsplit("; ", 1)[-1]
            raise UserError(
                f"{target}: {reason}; the checkpoint before it is kept: make room, then go on with --resume"
            ) from error
        for old in folder.checkpoint_folders()[: -self._keep]:
            shutil.rmtree(old)

    def restore(self) -> bool:
        """Gives tensors, progress and files back as they were at the newest checkpoint that is undamaged.

        Damaged ones are removed, saying so.

        Returns:
            Whether there was one.

        Raises:
            UserError: it is of another text, or a file that grew with the run has lost something.
        """
        for path in reversed(self._folder.checkpoint_folders()):
            if _is_intact(path):
                saved = Progress.load(path / "progress.json")
                if saved.corpus != self._progress.corpus:
                    raise UserError(
                        f"{self._folder.path}: the text has changed since the run began (it was {saved.corpus}, "
                        f"it is {self._progress.corpus}); put it back, or begin another run with it"
                    )
                self._tensors.read(str(path / "tensors")).assert_consumed()
                self._progress.become(saved)
                self._cut_files()
                return True
            print(f"{path}: damaged, so removed; the one before it has to do", file=sys.stderr)
            shutil.rmtree(path)
        return False

    def _cut_files(self) -> None:
        """Takes back what was appended after the checkpoint."""
        for file in self._folder.growing:
            length = self._progress.lengths.get(file.name, 0)
            size = file.stat().st_size if file.exists() else 0
            if size < length:
                raise UserError(
                    f"{file}: shorter than when the checkpoint was written ({size} of {length} bytes), "
                    "so it can't go on; put it back, or begin anew with --overwrite"
                )
            if not length:
                file.unlink(missing_ok=True)  # so that its header is written again
            elif size > length:
                with file.open("r+b") as opened:
                    opened.truncate(length)


def _is_finite(variable: tf.Variable) -> bool:
    return not variable.dtype.is_floating or bool(tf.reduce_all(tf.math.is_finite(variable)))


def _synced_size(path: Path) -> int:
    """Returns the bytes of a file once all of them are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return path.stat().st_size


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_intact(path: Path) -> bool:
    """Returns whether every file of a checkpoint is there, as it was written."""
    try:
        lines = (path / SUMS).read_text(encoding="utf-8").splitlines()
        named = dict(reversed(line.split("  ", 1)) for line in lines)
        written = {file.name: _sha256(file) for file in path.iterdir() if file.name != SUMS}
        return bool(named) and named == written
    except (OSError, ValueError):
        return False


class StoppedError(UserError):
    """The process was asked to end, and has saved a checkpoint."""

    def __init__(self, number: signal.Signals, step: int) -> None:
        super().__init__(f"{number.name}: stopped after step {step:,}; go on with --resume")
        self.status = 128 + number  # as a shell reports it


class SaveCheckpoint(keras.callbacks.Callback):
    """Saves a checkpoint when one is due, and when the process is asked to end, which it then does.

    Comes last, so that a checkpoint at the end of an epoch holds all that the epoch left.

    Args:
        save: writes the checkpoint.
        progress: of the run.
        steps_per_epoch: batches of an epoch.
        every_steps: batches from one checkpoint to the next; 0: no limit.
        every_seconds: seconds likewise.
        asked_to_end: the signal by which the process was asked to end; None as long as it wasn't.
    """

    def __init__(
        self,
        save: Callable[[], None],
        progress: Progress,
        *,
        steps_per_epoch: int,
        every_steps: int,
        every_seconds: float,
        asked_to_end: Callable[[], signal.Signals | None],
    ) -> None:
        super().__init__()
        self._save, self._progress, self._steps_per_epoch = save, progress, steps_per_epoch
        self._every_steps, self._every_seconds = every_steps, every_seconds
        self._asked_to_end = asked_to_end
        self._saved_step, self._saved_at = progress.step, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Saves in the middle of an epoch; at its end, `on_epoch_end` does."""
        if self._progress.step % self._steps_per_epoch and not self._progress.finished:
            self._save_if_due()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Saves between epochs."""
        self._save_if_due()

    def _save_if_due(self) -> None:
        progress, asked = self._progress, self._asked_to_end()
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


@contextmanager
def signals_waiting() -> Iterator[Callable[[], signal.Signals | None]]:
    """Keeps SIGINT and SIGTERM from ending the process; gives a function that tells which of them came.

    A second one ends it at once.
    """
    came: list[signal.Signals] = []

    def note(number: int, frame: object) -> None:
        came.append(signal.Signals(number))
        signal.signal(number, before[number])
        print("\nstopping after this step, with a checkpoint; once more: at once", file=sys.stderr)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: came[0] if came else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
