"""What a run learns: to predict text, or to answer the label of a document."""

import math
from pathlib import Path
from typing import Any, Protocol

from char_lstm_tf.config import Config
from char_lstm_tf.inference.answers import LabelScorer
from char_lstm_tf.inference.scoring import Scorer, perplexity
from char_lstm_tf.inference.writing import Writer
from char_lstm_tf.models.classifier import Classifier
from char_lstm_tf.models.network import Network
from pipelines.batches import Batches, Form, Shuffled, Stream, WholeDocuments
from pipelines.corpus import Corpus
from pipelines.shuffling import ShuffledDocuments


class HeldOutScorer(Protocol):
    """What measures a model on a held-out part."""

    def score(self, ids: Any, /) -> Any:
        """Returns the score of a part."""


class Objective(Protocol):
    """What a run learns, from which batches, and what its losses mean.

    Attributes:
        batches: of the training part.
        chars_per_loss: by what a loss in nats per target is divided in the logs.
        sparse: whether targets are ids instead of one-hot vectors.
        rows: what a batch has rows of, to show.
    """

    batches: Batches
    chars_per_loss: float
    sparse: bool
    rows: str

    def scorer(self, network: Any) -> HeldOutScorer:
        """Returns what measures a model on the held-out parts."""

    def writer(self, network: Any) -> Writer | None:
        """Returns what writes samples; None if there are none."""

    def measures(self, loss: float, prefix: str = "") -> dict[str, float]:
        """Returns what follows from a loss, for the logs, with a prefix before the names."""

    def describe(self, logs: dict[str, float], prefix: str = "") -> str:
        """Returns a loss of the logs as the progress line shows it."""


class PredictText:
    """Predicts the next token of a text. Losses are nats per character.

    Args:
        config: the sizes.
        text: to learn.
        shuffled: folder for the documents of an epoch in their order.
        rows: which rows of each batch to read; None: all.

    Raises:
        UserError: the text is too short for the sizes.
    """

    def __init__(self, config: Config, text: Corpus, *, shuffled: Path, rows: range | None = None) -> None:
        vocabulary, self._vocabulary = text.vocabulary, text.vocabulary
        self._writes = config.sample_chars > 0
        self.chars_per_loss, self.sparse = text.chars_per_id, bool(vocabulary.words)
        form = Form(config.input_encoding, config.target, len(vocabulary), sparse=self.sparse, end=vocabulary.end)
        ids, window = text.split("train"), config.window
        self.batches: Batches
        if config.batch_order == "shuffled":
            self.batches = Shuffled(
                ids,
                form,
                batch_size=config.batch_size,
                window=window,
                rows=rows,
                chars_per_id=text.chars_per_id,
                stride=config.window_stride,
                seed=config.seed,
            )
        else:
            self.batches = Stream(
                ids
                if vocabulary.end is None
                else ShuffledDocuments(text.document_split("train"), seed=config.seed, folder=shuffled),
                form,
                batch_size=config.batch_size,
                window=window,
                rows=rows,
                chars_per_id=text.chars_per_id,
            )
        self.rows = f"windows of {window} {'tokens' if config.tokens == 'words' else 'characters'}"

    def scorer(self, network: Network) -> Scorer:
        """Returns what measures a model on the held-out parts."""
        return Scorer(network, self._vocabulary)

    def writer(self, network: Network) -> Writer | None:
        """Returns what writes samples; None if --sample_chars is 0."""
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


class AnswerLabels:
    """Answers the label of a document. Losses are nats per document. Arguments as for `PredictText`."""

    chars_per_loss, sparse, rows = 1.0, True, "documents"

    def __init__(self, config: Config, text: Corpus, *, shuffled: Path, rows: range | None = None) -> None:
        self._vocabulary, end = text.vocabulary, text.vocabulary.end
        assert end is not None  # documents have one
        self.batches: Batches = WholeDocuments(
            text.document_split("train"),
            end=end,
            batch_size=config.batch_size,
            longest=config.longest_part,
            seed=config.seed,
            rows=rows,
            chars_per_id=text.chars_per_id,
        )

    def scorer(self, network: Classifier) -> LabelScorer:
        """Returns what measures a model on the held-out parts."""
        return LabelScorer(network, self._vocabulary)

    def writer(self, network: Classifier) -> None:
        """Returns None: it writes nothing."""

    @staticmethod
    def measures(loss: float, prefix: str = "") -> dict[str, float]:
        """Returns nothing: the accuracy says more than a loss in other units."""
        return {}

    @staticmethod
    def describe(logs: dict[str, float], prefix: str = "") -> str:
        """Returns a loss and the accuracy."""
        return f"loss {logs[f'{prefix}loss']:.4f} ({logs[f'{prefix}accuracy']:.1%} right)"
