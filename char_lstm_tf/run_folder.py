"""A run's folder, saved_models/NAME: what lies where, and how it is written and read."""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from char_lstm_tf import command_line
from char_lstm_tf.config import Config
from pipelines import UserError
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

    @classmethod
    def reserve(cls, config: Config) -> "RunFolder":
        """Returns the folder of a new run, not made yet.

        Raises:
            UserError: it exists and may not be replaced.
        """
        name, output_dir = config.training.name, Path(config.training.output_dir)
        folder = cls(output_dir / name)
        if folder.path.exists():
            if not config.training.overwrite:
                raise UserError(
                    f"--name={name}: {folder.path} exists; choose another name, or replace it "
                    "with --overwrite"
                )
            if not folder.flags.is_file():
                raise UserError(
                    f"--overwrite: {folder.path} isn't a run (it has no flags.txt), so it stays; "
                    "choose another --name"
                )
        return folder

    def create(self, config: Config, vocabulary: Vocabulary) -> None:
        """Makes the folder, with what the run was asked to do, in place of an older one."""
        try:
            if self.path.exists():
                shutil.rmtree(self.path)
            self.path.mkdir(parents=True)
        except OSError as error:
            raise UserError(
                f"--output_dir={self.path.parent}: {error.strerror} ({error.filename})"
            ) from error
        vocabulary.save(self.vocabulary)
        self.flags.write_text(command_line.flag_lines(config), encoding="utf-8")

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
        versions = [int(entry.name) for entry in self.path.iterdir() if entry.name.isdecimal()]
        version = self.path / str(max(versions, default=0) + 1)
        with written_aside(version) as path:
            export(path)
        return version

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

    def load(self) -> tuple["keras.Model", Vocabulary]:
        """Returns the run's best model, rebuilt from its flags, and its vocabulary.

        The file of the model gives weights alone, so nothing that it holds is run.

        Raises:
            UserError: files of the folder don't fit each other.
        """
        from char_lstm_tf import training  # imports TensorFlow: not before the flags are parsed

        vocabulary = Vocabulary.load(self.vocabulary)
        config = command_line.config_from_lines(self.flags.read_text(encoding="utf-8"))
        model = training.build(config, len(vocabulary))
        try:
            model.load_weights(self.model)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"{self.model}: not the weights of this run ({reason})") from error
        return model, vocabulary


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write a file or folder to, then syncs it and renames it into place."""
    aside = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")  # the same ending: Keras looks at it
    try:
        yield aside
        for written in [aside, *aside.rglob("*")]:
            descriptor = os.open(written, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        aside.rename(path) if aside.is_dir() else aside.replace(path)
    finally:
        if aside.is_dir():
            shutil.rmtree(aside)
        else:
            aside.unlink(missing_ok=True)
