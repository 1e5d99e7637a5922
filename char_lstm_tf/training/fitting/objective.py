"""What a run learns: to predict text, or the label of a document."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from char_lstm_tf.config import settings
from char_lstm_tf.inference.scoring import LabelScorer, Scorer, perplexity
from char_lstm_tf.inference.writing import Writer
from char_lstm_tf.models.classifier import Classifier, RecurrentClassifier
from char_lstm_tf.models.network import Network
from char_lstm_tf.training.linear import fit_linear
from pipelines.batches import Batches, Form, Shuffled, Stream, WholeDocuments
from pipelines.corpus import Corpus


class Objective(ABC):
    """What a run learns, from which batches, and what its losses mean.

    Attributes:
        batches: of the training part.
        chars_per_loss: characters per target. The loss in nats per target is divided by it in the logs.
        sparse: whether targets are ids instead of one-hot vectors.
        rows: what the rows of a batch are, to print.
    """

    batches: Batches
    chars_per_loss: float
    sparse: bool
    rows: str

    @abstractmethod
    def scorer(self, network: Any) -> Any:
        """Returns the scorer for the held-out parts: a `Scorer` or a `LabelScorer`."""

    def writer(self, network: Any) -> Writer | None:
        """Returns the writer of samples; None if there are none."""
        return None

    def fit_first(self, network: Any, *, quiet: bool) -> None:  # noqa: B027 (most networks have nothing)
        """Fits what a network has besides the weights that training steps change."""

    @staticmethod
    def measures(loss: float, prefix: str = "") -> dict[str, float]:
        """Returns a loss in other units, for the logs, with a prefix before the names."""
        return {}

    @staticmethod
    @abstractmethod
    def describe(logs: dict[str, float], prefix: str = "") -> str:
        """Returns a loss of the logs as the progress line shows it."""


def objective_of(
    model: settings.Network, text: Corpus, *, seed: int, shuffled: Path, rows: range | None = None
) -> Objective:
    """Returns what a run learns.

    `seed` is for the order of windows or documents, `shuffled` is a folder for the shuffled documents of an epoch, and
    `rows` says which rows of each batch to read; None: all.

    Raises:
        UserError: the text is too short.
    """
    if isinstance(model, settings.TextNetwork):
        return PredictText(model, text, seed=seed, shuffled=shuffled, rows=rows)
    assert isinstance(model, settings.Classifier)  # the other kind of network
    return AnswerLabels(model, text, seed=seed, rows=rows)


class PredictText(Objective):
    """Predicts the next token of a text. Losses are nats per character."""

    def __init__(
        self, model: settings.TextNetwork, text: Corpus, *, seed: int, shuffled: Path, rows: range | None
    ) -> None:
        vocabulary, self._vocabulary = text.vocabulary, text.vocabulary
        self._writes = model.sample_chars > 0
        self.chars_per_loss, self.sparse = text.chars_per_id, bool(vocabulary.words)
        self.rows = f"windows of {model.window} {vocabulary.unit}s"
        form = Form(model.encoding, model.target, len(vocabulary), sparse=self.sparse, end=vocabulary.end)
        if model.batching == "shuffled":
            cut: Callable[..., Batches] = partial(
                Shuffled, text.split("train"), form, stride=model.stride or model.window, seed=seed
            )
        else:
            cut = partial(Stream, text.epochs(seed=seed, folder=shuffled), form)
        self.batches = cut(batch_size=model.batch_size, window=model.window, rows=rows, chars_per_id=text.chars_per_id)

    def scorer(self, network: Network) -> Scorer:
        """Returns the scorer for the held-out parts."""
        return Scorer(network, self._vocabulary)

    def writer(self, network: Network) -> Writer | None:
        """Returns the writer of samples; None if --sample_chars is 0."""
        return Writer(network, self._vocabulary) if self._writes else None

    @staticmethod
    def measures(loss: float, prefix: str = "") -> dict[str, float]:
        """Returns a mean loss in other units. (A mean of perplexities would be another number.)"""
        return {
            f"{prefix}bits_per_char": loss / math.log(2),
            f"{prefix}perplexity_per_char": perplexity(loss) or math.inf,
        }

    @staticmethod
    def describe(logs: dict[str, float], prefix: str = "") -> str:
        """Returns a loss in nats and bits."""
        nats = logs[f"{prefix}loss"]
        return f"loss {nats:.4f} ({nats / math.log(2):.3f} bits/char)"


class AnswerLabels(Objective):
    """Predicts the label of a document. Losses are nats per document."""

    chars_per_loss, sparse, rows = 1.0, True, "documents"

    def __init__(self, model: settings.Classifier, text: Corpus, *, seed: int, rows: range | None) -> None:
        self._vocabulary = text.vocabulary
        batches = partial(
            WholeDocuments,
            text.document_split("train"),
            batch_size=model.batch_size,
            longest=model.longest_part,
            seed=seed,
            chars_per_id=text.chars_per_id,
        )
        self.batches, self._all_rows = batches(rows=rows), batches

    def fit_first(self, network: RecurrentClassifier, *, quiet: bool) -> None:
        """Fits the linear model, if there is one, each worker to all documents."""
        if network.linear is not None:
            fit_linear(network.linear, self._all_rows(), quiet=quiet)

    def scorer(self, network: Classifier) -> LabelScorer:
        """Returns the scorer for the held-out parts."""
        return LabelScorer(network, self._vocabulary)

    @staticmethod
    def describe(logs: dict[str, float], prefix: str = "") -> str:
        """Returns a loss and the accuracy."""
        return f"loss {logs[f'{prefix}loss']:.4f} ({logs[f'{prefix}accuracy']:.1%} right)"
