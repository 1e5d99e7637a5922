"""Checkpoints that survive a machine that stops at any moment, and a disk that damages some of them.

A checkpoint is a folder, `step-000000120`, with the tensors as `tf.train.Checkpoint` writes them, `progress.json` and
`SHA256SUMS`. It is written atomically. The sums show later damage.
"""

import dataclasses
import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.workers import ALONE, ReplicaVariables, Workers
from pipelines import UserError
from pipelines.files import atomic_write

SUMS = "SHA256SUMS"  # as `sha256sum --check` reads them


@dataclasses.dataclass(frozen=True)
class Changing:
    """All variables that training changes, by their purpose.

    Attributes:
        model: weights of the model in training, and the seeds of its dropout.
        carried: states that it carries from batch to batch.
        training: the variables of the optimizer and the learning rate.
        sums: from which the means in the logs are computed.
        best: the best weights so far.
        teachers: weights of the runs that it learns from. They don't change, but their folders may.
    """

    model: Sequence[keras.Variable]
    carried: Sequence[keras.Variable] = ()
    training: Sequence[keras.Variable] = ()
    sums: Sequence[keras.Variable] = ()
    best: Sequence[keras.Variable] = ()
    teachers: Sequence[keras.Variable] = ()


class Checkpoints:
    """The newest `keep` checkpoints of a run. The chief reads and writes them for all workers.

    A checkpoint holds the variables of `changing`, and the progress of the run. `own` has the variables that each
    replica has for itself; None: there is one replica.
    """

    def __init__(
        self,
        folder: RunFolder,
        changing: Changing,
        *,
        keep: int,
        own: ReplicaVariables | None = None,
        workers: Workers = ALONE,
    ) -> None:
        self.folder, self._keep, self._own, self._workers = folder, keep, own, workers
        saved = own.saved if own else (lambda part: [variable.value for variable in part])
        tensors = {name: saved(part) for name, part in vars(changing).items()}
        # The mean gradient norm may overflow; training with clipped gradients survives that.
        self._finite = [variable for name in tensors.keys() - {"sums"} for variable in tensors[name]]
        self._all = [variable for part in tensors.values() for variable in part]
        self._tensors = tf.train.Checkpoint(**tensors)

    def save(self, progress: Progress) -> None:
        """Writes a checkpoint, unless there is one of this step, and removes the oldest ones.

        All workers must call it. All of them raise FloatingPointError.

        Raises:
            FloatingPointError: a tensor holds NaN or infinity, from which no run can continue.
            UserError: the disk is full, for instance. Older checkpoints are kept.
        """
        if self._own:
            self._own.collect()
        floats = (variable for variable in self._finite if variable.dtype.is_floating)
        if not all(tf.reduce_all(tf.math.is_finite(variable)) for variable in floats):
            raise FloatingPointError("a weight is not a finite number")
        target = self.folder.checkpoints / f"step-{progress.step:09d}"
        if not self._workers.chief or target.exists():
            return
        try:
            lengths = {file.name: _synced_size(file) for file in self.folder.appended if file.exists()}
            with atomic_write(target) as path:
                path.mkdir(parents=True)
                self._tensors.write(str(path / "tensors"))
                dataclasses.replace(progress, lengths=lengths).save(path / "progress.json")
                sums = [f"{_sha256(file)}  {file.name}\n" for file in sorted(path.iterdir())]
                (path / SUMS).write_text("".join(sums), encoding="utf-8")
        except (OSError, tf.errors.OpError) as error:
            # TensorFlow's message ends with the reason, after the place in the graph and the path.
            reason = str(error).split(" [Op:")[0].rsplit("; ", 1)[-1]
            raise UserError(
                f"{target}: {reason}; the previous checkpoint is kept; make room, then continue with "
                f"{self.folder.resume_command}"
            ) from error
        for old in self.folder.checkpoint_folders()[: -self._keep]:
            shutil.rmtree(old)

    def restore(self, corpus: str, *, steps_per_epoch: int = 1) -> Progress | None:
        """Restores tensors and files from the newest undamaged checkpoint. Damaged ones are removed.

        All workers must call it, and get what the chief has found: the progress, or None if there is no checkpoint.
        `corpus` is the key of the text. Checkpoints of the earliest versions lack `steps_per_epoch`.

        Raises:
            UserError: it belongs to another text or was written by another version, or a file that grows with the run
                has become shorter.
        """
        found = self._read(corpus, steps_per_epoch) if self._workers.chief else None
        known = self._workers.of_chief(dataclasses.asdict(found) if found else None)
        self.share()
        return Progress(**known) if known else None

    def share(self) -> None:
        """Gives all workers the chief's tensors, and each replica its part of them."""
        self._workers.share(self._all)
        if self._own:
            self._own.take()

    def _read(self, corpus: str, steps_per_epoch: int) -> Progress | None:
        """Restores tensors and files, and returns the progress. Raises as `restore`."""
        for path in reversed(self.folder.checkpoint_folders()):
            if _is_intact(path):
                saved = Progress.load(path / "progress.json", steps_per_epoch=steps_per_epoch)
                if saved.corpus != corpus:
                    raise UserError(
                        f"{self.folder.path}: the text has changed since the run started (it was {saved.corpus}, "
                        f"it is {corpus}); restore it, or start another run with it"
                    )
                try:
                    self._tensors.read(str(path / "tensors")).assert_existing_objects_matched()
                except (AssertionError, ValueError, tf.errors.OpError) as error:
                    raise UserError(
                        f"{path}: has other variables than this version of char_lstm_tf; resume with the version that "
                        "wrote it, or start again with --overwrite"
                    ) from error
                self._cut_files(saved)
                return saved
            print(f"{path}: damaged and removed; trying the previous one", file=sys.stderr)
            shutil.rmtree(path)
        self._cut_files(Progress(corpus, 0))  # without a checkpoint, the run starts again from nothing
        return None

    def _cut_files(self, saved: Progress) -> None:
        """Removes what was appended to files after the checkpoint."""
        for file in self.folder.appended:
            length = saved.lengths.get(file.name, 0)
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
        named = {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}
        written = {file.name: _sha256(file) for file in path.iterdir() if file.name != SUMS}
        return bool(named) and named == written
    except (OSError, ValueError):
        return False
