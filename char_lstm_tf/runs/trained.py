"""A trained run, opened once: its flags, vocabulary and metrics."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from char_lstm_tf.config import Config, OutputConfig
from char_lstm_tf.runs.folder import RunFolder, runs_in
from char_lstm_tf.runs.metrics import Metrics
from pipelines import UserError
from pipelines.corpus import Corpus
from pipelines.files import path_of
from pipelines.vocabulary import Vocabulary


@dataclass(frozen=True)
class TrainedRun:
    """A run that has a model. Its metrics are None until it is finished."""

    folder: RunFolder
    config: Config
    vocabulary: Vocabulary
    metrics: Metrics | None

    @classmethod
    def open(cls, path: str | Path, *, flag: str = "model") -> Self:
        """Returns the run in the folder that a flag names.

        Raises:
            UserError: there is none, no epoch is finished, or a file is damaged.
        """
        if not str(path):
            raise UserError(f"--{flag}=: names no run; give the folder of one, such as saved_models/quickstart")
        folder = RunFolder(path_of(path))
        if not folder.path.is_dir():
            runs = path_of(OutputConfig.output_dir)
            if RunFolder(runs / path).started:
                raise UserError(f"--{flag}={path}: no such folder; did you mean --{flag}={runs / path}?")
            remedy = "give a run's folder, such as saved_models/quickstart"
            raise UserError(f"--{flag}={path}: no such folder; {remedy}; {runs_in(runs)}")
        if (folder.path / "saved_model.pb").is_file():
            raise UserError(f"--{flag}={path}: a SavedModel for serving; give the run's folder, {folder.path.parent}")
        for file in (folder.flags, folder.vocabulary):
            if not file.is_file():
                raise UserError(f"--{flag}={path}: not a trained run, it has no {file.name}")
        if not folder.model.is_file():
            raise UserError(f"--{flag}={path}: no epoch is finished, so there is no model yet; {_remedy(folder)}")
        return cls(folder, folder.config, Vocabulary.load(folder.vocabulary), folder.load_metrics())

    def require(self, kind: type, purpose: str, *, flag: str = "model") -> None:
        """Raises UserError unless the model is of a kind of `config.settings`, with why it must be."""
        model = self.config.settings.model
        if not isinstance(model, kind):
            raise UserError(f"--{flag}={self.folder.path}: {model.reason} ({model.chosen_by}); {purpose}")

    def fingerprint(self) -> str:
        """Returns a hash of the run: its flags, vocabulary, metrics and weights.

        For the weights, it takes the checksums in the file, which costs no time.
        """
        folder, digest = self.folder, hashlib.sha256()
        for file in (folder.flags, folder.vocabulary, folder.metrics):
            digest.update(file.read_bytes() if file.is_file() else b"-")
        with zipfile.ZipFile(folder.model) as archive:
            digest.update(repr([(info.filename, info.CRC) for info in archive.infolist()]).encode())
        return digest.hexdigest()

    def loss_at(self, share: str) -> float:
        """Returns the nats per character that a share of the held-out documents, such as `99%`, doesn't exceed.

        Raises:
            UserError: the run has no such loss in its metrics.
        """
        held_out = self.metrics.held_out if self.metrics else {}
        measured = held_out.get("test") or held_out.get("validation") or {}
        known = {name.removeprefix("nats_per_char_"): value for name, value in measured.items() if name.endswith("%")}
        if share in known:
            return float(known[share])
        remedy = "older runs and those of running text have none; give a number"
        if known:
            remedy = f"it has those of {', '.join(known)}; give one of them, or a number"
        raise UserError(f"--threshold={share}: no such loss of documents in {self.folder.metrics}; {remedy}")

    def load_corpus(self) -> Corpus:
        """Returns the encoded text that the run was trained on.

        Raises:
            UserError: the run isn't finished, or the text isn't in its --data_dir any more.
        """
        name = Path(self.metrics.corpus).name if self.metrics else ""
        folder = path_of(self.config.data_dir) / "corpora"
        if not name:
            raise UserError(f"{self.folder.path}: not a finished run, so its text isn't known")
        if not (folder / name).is_dir():
            raise UserError(
                f"{self.folder.path}: the text that it was trained on isn't in {folder} any more (--data_dir); "
                "training on it again, under another --name, puts it there"
            )
        return Corpus.load(folder / name)


def _remedy(folder: RunFolder) -> str:
    """Returns what the user can do about a run without a model."""
    if folder.state == "running":
        return "wait for it"
    return f"resume it with {folder.resume_command}"
