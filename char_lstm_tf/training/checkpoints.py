"""Checkpoints that survive a machine that stops at any moment and a disk that loses some of them.

A checkpoint is a folder, `step-000000120`, with the tensors as `tf.train.Checkpoint` writes them, `progress.json` and
`SHA256SUMS`. It is written beside its place, synced and renamed, so it is whole or absent. The sums show later damage.
"""

import dataclasses
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.workers import ALONE, OwnVariables, Workers
from pipelines import UserError
from pipelines.files import written_aside

SUMS = "SHA256SUMS"  # as `sha256sum --check` reads them


class Checkpoints:
    """The checkpoints of a run.

    Args:
        folder: of the run.
        variables: all tensors that change in training, by what they are for.
        progress: saved with them, and changed by `restore`.
        keep: how many of the newest to keep.
        own: what each replica has for itself; None: there is one replica.
        workers: who trains together. The chief writes and reads; the others get everything from it.
    """

    def __init__(
        self,
        folder: RunFolder,
        variables: Mapping[str, Sequence[keras.Variable]],
        progress: Progress,
        *,
        keep: int,
        own: OwnVariables | None = None,
        workers: Workers = ALONE,
    ) -> None:
        self._folder, self._progress, self._keep = folder, progress, keep
        self._own, self._workers = own, workers
        saved = own.saved if own else (lambda part: [variable.value for variable in part])
        tensors = {name: saved(part) for name, part in variables.items()}
        # The mean gradient norm may overflow; training with clipped gradients survives that.
        self._finite = [variable for name in tensors.keys() - {"sums"} for variable in tensors[name]]
        self._all = [variable for part in tensors.values() for variable in part]
        self._tensors = tf.train.Checkpoint(**tensors)

    def save(self) -> None:
        """Writes a checkpoint, unless there is one of this step, and removes the oldest ones.

        All workers do it together, and all of them raise FloatingPointError.

        Raises:
            FloatingPointError: a tensor holds NaN or infinity, from which no run can continue.
            UserError: the disk is full, for instance. Older checkpoints are kept.
        """
        if self._own:
            self._own.collect()
        if not all(_is_finite(variable) for variable in self._finite):
            raise FloatingPointError("a weight is not a finite number")
        if not self._workers.chief:
            return
        progress, folder = self._progress, self._folder
        target = folder.checkpoints / f"step-{progress.step:09d}"
        if target.exists():
            return
        try:
            if not progress.ending:
                self._note_lengths()
            with written_aside(target) as path:
                path.mkdir(parents=True)
                self._tensors.write(str(path / "tensors"))
                progress.save(path / "progress.json")
                sums = [f"{_sha256(file)}  {file.name}\n" for file in sorted(path.iterdir())]
                (path / SUMS).write_text("".join(sums), encoding="utf-8")
        except (OSError, tf.errors.OpError) as error:
            # TensorFlow's message ends with the reason, after the place in the graph and the path.
            reason = str(error).split(" [Op:")[0].rsplit("; ", 1)[-1]
            raise UserError(
                f"{target}: {reason}; the previous checkpoint is kept; make room, then continue with --resume"
            ) from error
        for old in folder.checkpoint_folders()[: -self._keep]:
            shutil.rmtree(old)

    def mark(self) -> None:
        """Remembers where the run stands when an epoch's last batch is done, for `save_marked`."""
        if self._workers.chief:
            self._note_lengths()
        self._marked = dataclasses.replace(self._progress)

    def save_marked(self) -> None:
        """Writes a checkpoint from which the end of an epoch happens again, as if it hadn't begun. Raises as `save`."""
        vars(self._progress).update(vars(self._marked))
        self.save()

    def _note_lengths(self) -> None:
        files = [file for file in self._folder.appended if file.exists()]
        self._progress.lengths = {file.name: _synced_size(file) for file in files}

    def restore(self) -> bool:
        """Restores tensors, progress and files from the newest undamaged checkpoint. Damaged ones are removed.

        All workers do it together, and get what the chief has found.

        Returns:
            Whether there was one.

        Raises:
            UserError: it belongs to another text, or a file that grows with the run has become shorter.
        """
        found = self._workers.of_chief(self._read() if self._workers.chief else None)
        if found:
            vars(self._progress).update(self._workers.of_chief(dataclasses.asdict(self._progress)))
        self.share()
        return found

    def share(self) -> None:
        """Gives all workers the chief's tensors, and each replica its part of them."""
        self._workers.share(self._all)
        if self._own:
            self._own.take()

    def _read(self) -> bool:
        """Restores tensors, progress and files, and returns whether there was a checkpoint. Raises as `restore`."""
        for path in reversed(self._folder.checkpoint_folders()):
            if _is_intact(path):
                saved = Progress.load(path / "progress.json")
                if saved.corpus != self._progress.corpus:
                    raise UserError(
                        f"{self._folder.path}: the text has changed since the run started (it was {saved.corpus}, "
                        f"it is {self._progress.corpus}); restore it, or start another run with it"
                    )
                self._tensors.read(str(path / "tensors")).assert_existing_objects_matched()
                self._progress.restore(path / "progress.json")
                self._cut_files()
                return True
            print(f"{path}: damaged and removed; trying the previous one", file=sys.stderr)
            shutil.rmtree(path)
        self._cut_files()  # without a checkpoint, the run starts again from nothing
        return False

    def _cut_files(self) -> None:
        """Removes what was appended to files after the checkpoint."""
        for file in self._folder.appended:
            length = self._progress.lengths.get(file.name, 0)
            size = file.stat().st_size if file.exists() else 0
            if size < length:
                raise UserError(
                    f"{file}: shorter than when the checkpoint was written ({size} of {length} bytes), "
                    "so the run can't continue; restore the file, or start again with --overwrite"
                )
            if not length:
                file.unlink(missing_ok=True)  # so that its header is written again
            elif size > length:
                with file.open("r+b") as opened:
                    opened.truncate(length)


def _is_finite(variable: tf.Variable) -> bool:
    return not variable.dtype.is_floating or bool(tf.reduce_all(tf.math.is_finite(variable)))


def _synced_size(path: Path) -> int:
    """Returns the size of a file in bytes, once all of it is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return path.stat().st_size


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_intact(path: Path) -> bool:
    """Returns whether every file of a checkpoint is there and unchanged."""
    try:
        lines = (path / SUMS).read_text(encoding="utf-8").splitlines()
        named = dict(reversed(line.split("  ", 1)) for line in lines)
        written = {file.name: _sha256(file) for file in path.iterdir() if file.name != SUMS}
        return bool(named) and named == written
    except (OSError, ValueError):
        return False
