"""Scores the answers of a classifier."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from char_lstm_tf.inference.scoring.protocol import TokenScorer
from char_lstm_tf.inference.scoring.scorer import Scorer
from char_lstm_tf.models import classifier
from char_lstm_tf.models.network import Network
from pipelines import UserError
from pipelines.batches.whole_documents import padded
from pipelines.corpus import DocumentRange
from pipelines.vocabulary import Vocabulary

PLACES = 1 << 14  # tokens in a batch, padding included


@dataclass(frozen=True)
class LabelScore:
    """The score of answers.

    Attributes:
        documents: how many.
        nats: the sum of -ln p of the true labels.
        right: how many times the true label was the likeliest.
    """

    documents: int
    nats: float
    right: int

    def logs(self) -> dict[str, float]:
        """Returns its entries in the logs of an epoch."""
        return {"loss": self.nats / self.documents, "accuracy": self.right / self.documents}

    def report(self) -> dict[str, float]:
        """Returns the measures under the names that metrics.json has."""
        return {
            "documents": self.documents,
            "nats_per_document": self.nats / self.documents,
            "accuracy": self.right / self.documents,
        }


class LabelScorer(TokenScorer):
    """Scores the labels of texts, with the weights that the network has at the time of the call.

    A text is read as a whole, however long.

    Args:
        network: the network.
        vocabulary: its vocabulary.
        shares: of each label in training; by default, all are equal.
    """

    per_text = True

    def __init__(self, network: classifier.Classifier, vocabulary: Vocabulary, shares: Sequence[float] = ()) -> None:
        super().__init__(vocabulary)
        shares = shares or [1 / self._labels] * self._labels

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)], autograph=False)
        def nats(ids: tf.Tensor) -> tf.Tensor:
            return classifier.losses_per_label(network.answer(ids), shares)

        self._answer, self._log_shares = nats, np.log(shares)

    def label_ids(self, label: str) -> list[int]:
        """Raises UserError: the model can't write or score texts."""
        raise UserError("the model answers labels (--target=label): it classifies texts, and can't write or score them")

    def _nats(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        raise NotImplementedError  # see `label_ids`

    _bits = _nats

    def losses_per_label(self, texts: Sequence[np.ndarray], *, quiet: bool = False) -> list[np.ndarray]:
        """Returns `classifier.losses_per_label` of each text, float32 `[1, L]`: there is one answer per text.

        Args:
            texts: ids, with or without the end symbols around them.
            quiet: show no progress.
        """
        inside = [ids[ids != self._end] for ids in texts]
        order = sorted(range(len(texts)), key=lambda number: len(inside[number]))
        found: list[np.ndarray] = [np.empty((1, len(self._log_shares)), np.float32)] * len(texts)
        with tqdm(
            total=len(texts), desc="reading", unit=" texts", delay=2, disable=True if quiet else None
        ) as progress:
            while order:
                rows = max(PLACES // max(len(inside[order[-1]]), 1), 1)
                batch, order = order[-rows:], order[:-rows]
                nats = self._answer(padded([inside[number] for number in batch], self._end)).numpy()
                for number, row in zip(batch, nats, strict=True):
                    found[number] = row[None]
                progress.update(len(batch))
        return found

    def score(self, documents: DocumentRange) -> LabelScore:
        """Returns the score of the answers for documents with labels."""
        nats, right, count = 0.0, 0, 0
        for part in documents.groups():
            losses = np.concatenate(self.losses_per_label(part.each(), quiet=True)) - self._log_shares
            nats += float(losses[np.arange(len(losses)), part.labels].sum(dtype=np.float64))
            right += int(np.count_nonzero(losses.argmin(axis=1) == part.labels))
            count += len(losses)
        return LabelScore(count, nats, right)


def label_scorer(
    network: Network | classifier.Classifier, vocabulary: Vocabulary, shares: Sequence[float] = ()
) -> Scorer | LabelScorer:
    """Returns the scorer that gives the losses under each label. Arguments as for `LabelScorer`."""
    if isinstance(network, classifier.Classifier):
        return LabelScorer(network, vocabulary, shares)
    return Scorer(network, vocabulary)
