"""A run's folder, saved_models/NAME: what lies where, and how it is written and read."""

import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from char_lstm_tf import command_line
from char_lstm_tf.config import Config, TrainingConfig
from pipelines import UserError
from pipelines.files import ASIDE, remove, written_aside
from pipelines.vocabulary import Vocabulary

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run. Files appear whole or not at all: written aside, synced, renamed."""

    path: Path

    model = property(lambda self: self.path / "model.keras")
    vocabulary = property(lambda self: self.path / "vocabulary.json")
    flags = property(lambda self: self.path / "flags.txt")
    training_log = property(lambda self: self.path / "training.csv")
    gradients = property(lambda self: self.path / "gradients.csv")
    gradients_picture = property(lambda self: self.path / "gradients.png")
    samples = property(lambda self: self.path / "samples.txt")
    metrics = property(lambda self: self.path / "metrics.json")
    logs = property(lambda self: self.path / "logs")
    speed_log = property(lambda self: self.path / "speed.csv")
    curves = property(lambda self: self.path / "curves.png")
    checkpoints = property(lambda self: self.path / "checkpoints")
    diverged = property(lambda self: self.path / "diverged.txt")
    growing = property(lambda self: (self.training_log, self.speed_log, self.samples))

    @classmethod
    def reserve(cls, config: TrainingConfig) -> "RunFolder":
        """Returns the folder of a run, neither made nor changed yet.

        Raises:
            UserError: it exists and may not be replaced, or another process trains it.
        """
        folder = cls(Path(config.output_dir) / config.name)
        if folder.path.is_dir():
            with folder._locked():
                folder._check_free(config)
        return folder

    def _check_free(self, config: TrainingConfig) -> None:
        if not any(self.path.iterdir()):
            return
        if not (config.overwrite or config.resume):
            raise UserError(
                f"--name={config.name}: {self.path} exists; choose another name, replace it "
                "with --overwrite, or go on with it with --resume"
            )
        if not self.flags.is_file():
            raise UserError(
                f"--name={config.name}: {self.path} isn't a run (it has no flags.txt), so it stays; "
                "choose another --name"
            )

    @property
    def config(self) -> Config:
        """What the run began with."""
        return command_line.config_from_lines(self.flags.read_text(encoding="utf-8"))

    @property
    def begun(self) -> bool:
        """Whether a run has begun here, so that --resume has something to go on with."""
        return self.flags.is_file()

    @property
    def state(self) -> str:
        """What has become of the run: `running`, `finished`, `diverged` or `interrupted`."""
        try:
            with self._locked():
                pass
        except UserError:
            return "running"
        if self.metrics.is_file():
            return "finished"
        return "diverged" if self.diverged.is_file() else "interrupted"

    @contextmanager
    def taken(self, config: Config, vocabulary: Vocabulary) -> Iterator[None]:
        """Makes the folder, in place of an older one unless that is resumed, and keeps other processes out of it.

        Raises:
            UserError: it can't be written, or another process trains there.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with self._locked():
                self._check_free(config.training)  # again: preparing a text takes its time
                if config.training.resume and self.metrics.is_file():
                    raise UserError(f"--name={self.path.name}: another process has finished {self.path}")
                if config.training.resume and self.begun:
                    for aside in [*self.path.glob(ASIDE), *self.checkpoints.glob(ASIDE)]:
                        remove(aside)  # what a killed process had begun to write
                    self.diverged.unlink(missing_ok=True)
                else:
                    # flags.txt goes last: with it, what is left is a run that --overwrite takes. And it comes
                    # last: with it, --resume has all that it needs.
                    for entry in sorted(self.path.iterdir(), key=lambda entry: entry == self.flags):
                        remove(entry)
                    with written_aside(self.vocabulary) as path:
                        vocabulary.save(path)
                    with written_aside(self.flags) as path:
                        path.write_text(command_line.flag_lines(config), encoding="utf-8")
                yield
        except OSError as error:
            if self.begun and error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise UserError(
                f"--output_dir={self.path.parent}: {error.strerror} ({error.filename or self.path})"
                + ("; make room, then go on with --resume" if self.begun else "")
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds a lock on the folder, which the system takes back when the process ends, however it ends."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"--name={self.path.name}: another process trains {self.path}; choose another name, "
                    "or wait for it"
                ) from None
            yield
        finally:
            os.close(descriptor)

    def checkpoint_folders(self) -> list[Path]:
        """Returns the checkpoints, the newest last."""
        return sorted(self.checkpoints.glob("step-*"))

    def newest_progress(self) -> Path | None:
        """Returns the `progress.json` of the newest checkpoint."""
        written = [path / "progress.json" for path in self.checkpoint_folders()]
        return next((path for path in reversed(written) if path.is_file()), None)

    def save_model(self, model: "keras.Model") -> None:
        """Writes `model.keras`."""
        with written_aside(self.model) as path:
            model.save(path)

    def save_metrics(self, metrics: dict) -> None:
        """Writes `metrics.json`."""
        with written_aside(self.metrics) as path:
            path.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")

    def publish(self, export: Callable[[Path], None]) -> Path:
        """Returns the folder of a new SavedModel version, written by `export`: the highest so far plus one."""
        version = self.path / str(max((int(path.name) for path in self.versions()), default=0) + 1)
        with written_aside(version) as path:
            export(path)
        return version

    def versions(self) -> list[Path]:
        """Returns the folders of the SavedModel's versions, the newest last."""
        numbered = (entry for entry in self.path.iterdir() if entry.name.isdecimal())
        return sorted(numbered, key=lambda path: int(path.name))

    @classmethod
    def find(cls, path: str, *, flag: str = "model") -> "RunFolder":
        """Returns the run that `--model`, or another flag, means.

        Raises:
            UserError: there is none, with what to give instead.
        """
        folder = cls(Path(path))
        if not folder.path.is_dir():
            raise UserError(
                f"--{flag}={path}: no such folder; give a run's folder, such as saved_models/quickstart"
            )
        if (folder.path / "saved_model.pb").is_file():
            raise UserError(
                f"--{flag}={path}: a SavedModel for serving; give the run's folder, {folder.path.parent}"
            )
        for file in (folder.flags, folder.vocabulary, folder.model):
            if not file.is_file():
                raise UserError(f"--{flag}={path}: no trained run, it has no {file.name}")
        return folder
