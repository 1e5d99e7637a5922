"""A run's folder, saved_models/NAME: which files it has, and how they are written and read."""

import errno
import fcntl
import os
import shlex
import time
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from char_lstm_tf.config import Config, OutputConfig
from char_lstm_tf.runs.metrics import Metrics
from pipelines import UserError
from pipelines.command_line import given_flags, python_command
from pipelines.files import ASIDE, atomic_write, path_of, remove
from pipelines.options import format_flag
from pipelines.vocabulary import Vocabulary

if typing.TYPE_CHECKING:
    import keras


class RunFolder:
    """The paths of a run. Writes are atomic: each file is written under another name, synced, and renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model.keras"
        self.vocabulary = path / "vocabulary.json"
        self.flags = path / "flags.txt"
        self.metrics = path / "metrics.json"
        self.training_log = path / "training.csv"
        self.steps_log = path / "steps.csv"
        self.speed_log = path / "speed.csv"
        self.samples = path / "samples.txt"
        self.curves = path / "curves.png"
        self.gradients = path / "gradients.csv"
        self.gradients_picture = path / "gradients.png"
        self.diverged = path / "diverged.txt"
        self.logs = path / "logs"
        self.checkpoints = path / "checkpoints"
        self.exports = path / "exports"
        self.card = path / "README.md"
        self.shuffled = path / ".aside-epochs"  # documents in the order of an epoch, while a run trains
        self.appended = (self.training_log, self.steps_log, self.speed_log, self.samples)  # files that grow

    @classmethod
    def named(cls, config: OutputConfig) -> "RunFolder":
        """Returns the folder of a run, without any check."""
        return cls(path_of(config.output_dir) / config.name)

    @classmethod
    def reserve(cls, config: OutputConfig) -> "RunFolder":
        """Checks that a run may use its folder, and returns it. The folder isn't created or changed yet.

        Raises:
            UserError: it exists and must not be replaced, or another process trains in it.
        """
        folder = cls.named(config)
        if folder.path.is_dir():
            with folder._locked():
                folder._check_free(config)
        return folder

    def _check_free(self, config: OutputConfig) -> None:
        if not any(self.path.iterdir()):
            return
        if not (config.overwrite or config.resume):
            raise UserError(
                f"--name={config.name}: {self.path} exists; choose another name, replace it with --overwrite, or "
                "continue it with --resume"
            )
        # A run that was killed before it had its flags.txt may have left some files.
        left = (entry == self.vocabulary or entry.match(ASIDE) for entry in self.path.iterdir())
        if not (self.started or all(left)):
            raise UserError(
                f"--name={config.name}: {self.path} isn't a run (it has no flags.txt), so it is left alone; choose "
                "another --name"
            )

    @property
    def config(self) -> Config:
        """The configuration that the run started with."""
        return config_from_lines(self.flags.read_text(encoding="utf-8", errors="surrogateescape"))

    @property
    def resume_command(self) -> str:
        """The command that continues the run."""
        words = [python_command(), "-m", "char_lstm_tf.train", "--resume", f"--name={self.path.name}"]
        elsewhere = self.path.parent != Path(OutputConfig.output_dir)
        return shlex.join([*words, f"--output_dir={self.path.parent}"] if elsewhere else words)

    @property
    def started(self) -> bool:
        """Whether a run has started here, so that --resume has something to continue."""
        return self.flags.is_file()

    @property
    def state(self) -> str:
        """The state of the run: `running`, `finished`, `diverged` or `interrupted`."""
        try:
            with self._locked(only_to_look=True):
                pass
        except UserError:
            return "running"
        if self.metrics.is_file():
            return "finished"
        return "diverged" if self.diverged.is_file() else "interrupted"

    @contextmanager
    def opened(self, config: Config, vocabulary: Vocabulary) -> Iterator[None]:
        """Creates and locks the folder. An older run in it is replaced unless it is resumed.

        Raises:
            UserError: the folder can't be written, or another process trains in it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with self._locked():
                self._check_free(config)  # again, because preparing a text takes time
                if config.resume and self.metrics.is_file():
                    raise UserError(f"--name={self.path.name}: another process has finished {self.path}")
                if config.resume and self.started:
                    for aside in [*self.path.glob(ASIDE), *self.checkpoints.glob(ASIDE)]:
                        remove(aside)  # what a killed process was writing
                    self.diverged.unlink(missing_ok=True)
                else:
                    self._start(config, vocabulary)
                try:
                    yield
                finally:
                    remove(self.shuffled)
        except OSError as error:
            if self.started and error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise UserError(
                f"--output_dir={self.path.parent}: {error.strerror} ({error.filename or self.path})"
                + (f"; make room, then continue with {self.resume_command}" if self.started else "")
            ) from error

    def _start(self, config: Config, vocabulary: Vocabulary) -> None:
        """Empties the folder and writes what --resume needs.

        flags.txt is removed last, so that --overwrite accepts a folder that is half empty. It is written last, so that
        --resume finds everything it needs.
        """
        for entry in sorted(self.path.iterdir(), key=lambda entry: entry == self.flags):
            remove(entry)
        with atomic_write(self.vocabulary) as path:
            vocabulary.save(path)
        with atomic_write(self.flags) as path:
            path.write_text(flag_lines(config), encoding="utf-8", errors="surrogateescape")  # of paths

    @contextmanager
    def _locked(self, *, only_to_look: bool = False) -> Iterator[None]:
        """Holds a lock on the folder. The system releases it when the process ends.

        To look at the state, a process takes a shared lock for a moment. So two of them don't take each other for a
        run, and a run that starts waits for them.
        """
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            try:
                _lock(descriptor, shared=only_to_look)
            except BlockingIOError:
                raise UserError(
                    f"--name={self.path.name}: another process trains {self.path}; choose another name, or wait for it"
                ) from None
            yield
        finally:
            os.close(descriptor)

    def checkpoint_folders(self) -> list[Path]:
        """Returns the checkpoints, newest last."""
        return sorted(self.checkpoints.glob("step-*"))

    def newest_progress(self) -> Path | None:
        """Returns the `progress.json` of the newest checkpoint."""
        written = [path / "progress.json" for path in self.checkpoint_folders()]
        return next((path for path in reversed(written) if path.is_file()), None)

    def load_metrics(self) -> Metrics | None:
        """Returns the contents of `metrics.json`; None if the run isn't finished.

        Raises:
            UserError: the file is damaged.
        """
        return Metrics.load(self.metrics) if self.metrics.is_file() else None

    def write_model(self, model: "keras.Model") -> None:
        """Writes `model.keras`."""
        with atomic_write(self.model) as path:
            model.save(path)

    def publish(self, export: Callable[[Path], None]) -> Path:
        """Returns the folder of a new SavedModel version, one above the highest so far, written by `export`."""
        version = self.path / str(max((int(path.name) for path in self.versions()), default=0) + 1)
        with atomic_write(version) as path:
            export(path)
        return version

    def versions(self) -> list[Path]:
        """Returns the folders of the SavedModel's versions, newest last."""
        numbered = (entry for entry in self.path.iterdir() if entry.name.isdecimal())
        return sorted(numbered, key=lambda path: int(path.name))


def runs_in(folder: Path) -> str:
    """Returns a sentence that lists the runs in a folder, such as `saved_models has book, names`."""
    there = sorted(path.name for path in folder.glob("*") if RunFolder(path).started)
    return f"{folder} has {', '.join(there) or 'no runs'}"


def _lock(descriptor: int, *, shared: bool) -> None:
    """Locks a folder. Raises BlockingIOError if another process holds the lock; for an exclusive one, after 1 s."""
    for attempts_left in range(0 if shared else 10, -1, -1):
        try:
            return fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            if not attempts_left:
                raise
            time.sleep(0.1)


def flag_lines(config: Config) -> str:
    """Returns a flagfile that repeats a run: one flag per line, defaults included.

    Before: `Config(name="x", split=(0.9, 0.1, 0.0), …)`; after: `…\\n--split=0.9,0.1,0.0\\n--clean=true\\n…`.
    """
    lines = []
    for name, value in config.resolved().items():
        if name in ("overwrite", "resume") or value is None:
            continue  # repeating a run neither replaces nor resumes it
        values = value if typing.get_type_hints(Config)[name] == tuple[str, ...] else [value]
        lines += [f"--{name}={format_flag(item)}" for item in values]
    return "\n".join(lines) + "\n"


def config_from_lines(text: str) -> Config:
    """Returns the configuration in a flags.txt. Flags without effect, which older versions wrote, are left out.

    Raises:
        UserError: a line is no flag of this version.
    """
    lines = text.rstrip("\n").split("\n")
    if any(line.lstrip("-").startswith("flagfile") for line in lines):
        raise UserError("flags.txt: a run's own flags must not read another file; remove the line with --flagfile")
    try:
        return Config.with_defaults(given_flags(Config, lines))
    except UserError as error:
        raise UserError(f"flags.txt: {error}; it is damaged, or of a newer version") from None
