"""The interfaces of scorers: of texts, and of ids of tokens."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from tqdm import tqdm

from char_lstm_tf.inference.scoring.score import Score
from pipelines import UserError
from pipelines.vocabulary import Framing, Vocabulary

# Held while a scorer reads texts and learns from them: calls from several threads are one after the other.
LEARNING = threading.RLock()


@dataclass(frozen=True)
class KnownText:
    """A text that contexts have read before they predict.

    Attributes:
        tokens: how many it has.
        pieces: returns the ids of its tokens, some at a time.
        note: what the user should know of it.
    """

    tokens: int = 0
    pieces: Callable[[], Iterator[np.ndarray]] = lambda: iter(())
    note: str = ""


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
        known: what contexts that are to learn with it have read; None: none are.
    """

    per_text = False
    learning: Mapping[str, float] = MappingProxyType({})
    known: KnownText | None = None

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
        return self._in_windows(self._nats, texts, labels, window, quiet)

    def bits_of_each(
        self, texts: Sequence[np.ndarray], labels: Sequence[int] = (), *, window: int = 0, quiet: bool = False
    ) -> list[np.ndarray]:
        """Returns the logits of the bits of each token but the first, float32 `[N - 1, B]`, of several texts.

        A token is the B bits of its rank among all tokens, the highest first, and each is predicted when those before
        it are known. See `scoring.bits`. Arguments and errors as for `nats_of_each`.
        """
        return self._in_windows(self._bits, texts, labels, window, quiet)

    def _in_windows(
        self,
        read: Callable[..., list[np.ndarray]],
        texts: Sequence[np.ndarray],
        labels: Sequence[int],
        window: int,
        quiet: bool,
    ) -> list[np.ndarray]:
        if len(labels) != (len(texts) if self._labels else 0):
            raise ValueError("a model with labels needs one for each text, and a model without labels none")
        if not window:
            return read(texts, labels, quiet=quiet)
        starts = [range(0, max(len(ids) - 1, 1), window) for ids in texts]
        pieces = [
            ids[start : start + window + 1] for ids, begins in zip(texts, starts, strict=True) for start in begins
        ]
        each = [label for label, begins in zip(labels, starts, strict=False) for _ in begins]
        found = iter(read(pieces, each, quiet=quiet))
        return [np.concatenate([next(found) for _ in begins]) for begins in starts]

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

    def adopt(self) -> None:
        """Gives the model what was learnt.

        Raises:
            UserError: the scorer hasn't learnt anything that the model could have.
        """
        raise UserError("only a recurrent network that learns while it scores has new weights to keep")

    @abstractmethod
    def _nats(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        """Returns what `nats_of_each` does without a window. Texts may be pieces, without end symbols around them."""

    @abstractmethod
    def _bits(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        """Returns what `bits_of_each` does without a window. A scorer that learns does so here too."""


def progress_bar(tokens: int, *, disable: bool | None = None, leave: bool = True) -> tqdm:
    """Returns a bar that appears after two seconds, only on a terminal unless `disable` says otherwise."""
    return tqdm(total=tokens, desc="scoring", unit=" tokens", delay=2, disable=disable, leave=leave)
