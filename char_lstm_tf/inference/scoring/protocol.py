"""The interfaces of scorers: of texts, and of ids of tokens."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import numpy as np
from tqdm import tqdm

from char_lstm_tf.inference.scoring.score import Score
from pipelines import UserError
from pipelines.vocabulary import Framing, Vocabulary


class TextScorer(Protocol):
    """Scores texts: a language model, which may learn from them, or a mixture of several."""

    @property
    def framing(self) -> Framing:
        """What stands around a text."""

    @property
    def learning(self) -> Mapping[str, float]:
        """How it learns from texts, by name; empty if there is nothing to report."""

    def predicted(self, text: str) -> list[str]:
        """Returns the tokens of a text that have a loss: see `Framing.predicted`."""

    def losses(self, texts: Sequence[str], *, window: int = 0, label: str = "") -> list[tuple[Score, np.ndarray]]:
        """Returns the score of each text and the losses of its tokens, in nats, as `LanguageModel.losses` does."""


class TokenScorer(ABC):
    """Gives the loss of each token of texts. Some scorers learn from a text after they have scored it.

    Args:
        vocabulary: whose ids the texts are.

    Attributes:
        per_text: whether it gives one answer for a whole text instead, see `Calibration.per_text`.
        learning: see `TextScorer`.
    """

    per_text = False
    learning: Mapping[str, float] = MappingProxyType({})

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary, self._end, self._labels = vocabulary, vocabulary.framing.end, len(vocabulary.labels)

    def label_ids(self, label: str) -> list[int]:
        """Returns the id of a label in a list; an empty list if there is no label and the model has none.

        Raises:
            UserError: the label isn't known or is missing, or the model can't write or score texts.
        """
        if not label and self._vocabulary.labels:
            known = ", ".join(self._vocabulary.labels)
            raise UserError(f"--label: the model was trained with labels, so give one of them: {known}")
        return [self._vocabulary.label_id(label)] if label else []

    def nats_of_each(
        self, texts: Sequence[np.ndarray], labels: Sequence[int] = (), *, window: int = 0, quiet: bool = False
    ) -> list[np.ndarray]:
        """Returns the loss of each token but the first, in nats, float32 `[N - 1]`, of several texts.

        Args:
            texts: ids, `[N]` each. Each text is read from a fresh state.
            labels: the label of each, if the model has labels.
            window: reset the state after this many tokens; 0: never. What a scorer has learnt stays.
            quiet: show no progress.

        Raises:
            ValueError: the model has labels, and there isn't one for each text.
        """
        if len(labels) != (len(texts) if self._labels else 0):
            raise ValueError("a model with labels needs one for each text, and a model without labels none")
        if not window:
            return self._nats(texts, labels, quiet=quiet)
        starts = [range(0, max(len(ids) - 1, 0), window) for ids in texts]
        pieces = [
            ids[start : start + window + 1] for ids, begins in zip(texts, starts, strict=True) for start in begins
        ]
        each = [label for label, begins in zip(labels, starts, strict=False) for _ in begins]
        nats = iter(self._nats(pieces, each, quiet=quiet))
        return [np.concatenate([np.empty(0, np.float32), *(next(nats) for _ in begins)]) for begins in starts]

    def sums_per_label(self, texts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the loss of each text under each label, in nats, float64 `[D, L]`, and its characters, `[D]`.

        Raises:
            UserError: the model has no labels.
        """
        if not self._labels:
            raise UserError("the model has no labels; train it with --labels=folder, file or field")
        losses = self.losses_per_label(texts)
        return (
            np.array([nats.sum(axis=0, dtype=np.float64) for nats in losses]).reshape(len(texts), -1),
            np.array([int(self._vocabulary.lengths[ids[1:]].sum()) for ids in texts]),
        )

    def losses_per_label(self, texts: Sequence[np.ndarray], *, quiet: bool = False) -> list[np.ndarray]:
        """Returns what `nats_of_each` does under each label, float32 `[N - 1, L]`, or of answers `[1, L]`."""
        raise NotImplementedError(type(self).__name__)

    @abstractmethod
    def _nats(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        """Returns what `nats_of_each` does without a window. Texts may be pieces, without end symbols around them."""


def progress_bar(tokens: int, *, disable: bool | None = None, leave: bool = True) -> tqdm:
    """Returns a bar that appears after two seconds, only on a terminal unless `disable` says otherwise."""
    return tqdm(total=tokens, desc="scoring", unit=" tokens", delay=2, disable=disable, leave=leave)
