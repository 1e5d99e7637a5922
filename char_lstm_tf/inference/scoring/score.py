"""The score of texts: the sum of their losses, and how many characters and words they have."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipelines.vocabulary import Vocabulary

QUANTILES = (50, 75, 90, 95, 99, 99.9)  # percent


def perplexity(nats: float) -> float | None:
    """Returns e to the power of a loss; None if that is too large for a float."""
    return math.exp(nats) if nats < 700 else None  # e^710 overflows


@dataclass(frozen=True)
class Score:
    """The loss of texts, in nats.

    The first character of a running text has nothing before it and isn't scored; where words are tokens, this is the
    first token. In a document, all characters are scored, and its end too. The loss is that of one way to cut the text
    into tokens; the probability of the text itself is a little higher.

    Attributes:
        characters: how many were scored. The end of a document counts as one.
        nats: the sum of their losses.
        words: separated by white space.
        unknown_characters: characters that the vocabulary lacks.
        documents: how many; 0 for running text.
        quantiles: of the losses of several documents: `nats_per_char_99%`, which 99% of them don't exceed, and others.
    """

    characters: int
    nats: float
    words: int
    unknown_characters: int
    documents: int = 0
    quantiles: dict[str, float] = field(default_factory=dict)

    @property
    def nats_per_char(self) -> float:
        """The mean loss in nats; 0 if no character is scored."""
        return self.nats / max(self.characters, 1)

    @property
    def bits_per_char(self) -> float:
        """The mean loss in bits."""
        return self.nats_per_char / math.log(2)

    @classmethod
    def of(cls, text: str, ids: np.ndarray, losses: np.ndarray, *, lengths: np.ndarray, documents: int = 0) -> "Score":
        """Returns the score of a text from its ids, the losses of all but the first, and the length of each token."""
        nats, characters = float(losses.sum(dtype=np.float64)), int(lengths[ids[1:]].sum())
        return cls(characters, nats, len(text.split()), int(np.count_nonzero(ids == 0)), documents)

    def __add__(self, other: "Score") -> "Score":
        """Returns the score of both texts together."""
        return Score(
            self.characters + other.characters,
            self.nats + other.nats,
            self.words + other.words,
            self.unknown_characters + other.unknown_characters,
            self.documents + other.documents,
        )

    def of_documents(self, nats_per_char: Sequence[float]) -> "Score":
        """Returns the score with the quantiles of the losses of its documents, at least one."""
        found = np.percentile(nats_per_char, QUANTILES).tolist()
        named = {f"nats_per_char_{percent:g}%": loss for percent, loss in zip(QUANTILES, found, strict=True)}
        return dataclasses.replace(self, quantiles=named)

    def logs(self) -> dict[str, float]:
        """Returns its entries in the logs of an epoch."""
        return {"loss": self.nats_per_char}

    def report(self) -> dict[str, float | None]:
        """Returns the measures under the names that `evaluate --json` prints; None for one that is infinite."""
        measures: dict[str, float | None]
        if self.documents:  # words are no unit for names or lines of a log
            measures = {"documents": self.documents, "nats_per_document": self.nats / self.documents}
            measures |= self.quantiles
        else:
            nats_per_word = self.nats / self.words if self.words else math.inf
            measures = {"words": self.words, "perplexity_per_word": perplexity(nats_per_word)}
        return {
            "characters": self.characters,
            "nats_per_char": self.nats_per_char,
            "bits_per_char": self.bits_per_char,
            "perplexity_per_char": perplexity(self.nats_per_char),
            **measures,
            "unknown_characters": self.unknown_characters,
        }


class Words:
    """Counts words, which white space and end symbols separate."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        tokens = [token or " " for token in vocabulary.tokens]
        self._first = np.array([token[0].isspace() for token in tokens])  # whether the first character is a gap
        self._last = np.array([token[-1].isspace() for token in tokens])
        self._inside = self._first & ~self._last  # such a token begins one by itself: a blank, and letters after it

    def count(self, ids: np.ndarray) -> int:
        """Returns how many a text has."""
        return int(not self._first[ids[0]]) + int(self._inside[ids[0]]) + self.count_after_first(ids)

    def count_after_first(self, ids: np.ndarray) -> int:
        """Returns how many begin after the first token."""
        begins = self._last[ids[:-1]] & ~self._first[ids[1:]]
        return int(np.count_nonzero(begins)) + int(np.count_nonzero(self._inside[ids[1:]]))
