"""What stands around a text: end symbols around a document, nothing around running text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Framing:
    """What stands around a text.

    A document stands between two end symbols, so all of its tokens are predicted, and its end too. Nothing stands
    before running text, so its first token isn't predicted.

    Attributes:
        end: id of the end symbol; -1, which no token has, for running text.
        marks: end symbols on each side of a text: 1 or 0.
        default_chars: characters to write by default. A document usually ends before.
        cut: characters after which a document is cut if the model doesn't end it; -1 for running text.
        note: what isn't scored if such a model reads documents.
    """

    end: int = -1
    marks: int = 0
    default_chars: int = 500
    cut: int = -1
    note: str = ""

    def prompt(self, ids: np.ndarray) -> np.ndarray:
        """Returns what a model reads before it continues a text. With the end symbol 1: `[4, 3]` → `[1, 4, 3]`."""
        return np.concatenate([np.array([self.end] * self.marks, ids.dtype), ids])

    def whole(self, ids: np.ndarray) -> np.ndarray:
        """Returns what a model reads and predicts of a whole text: `[4, 3]` → `[1, 4, 3, 1]`."""
        return np.concatenate([self.prompt(ids), np.array([self.end] * self.marks, ids.dtype)])

    def predicted(self, tokens: Sequence[str]) -> list[str]:
        """Returns the tokens of a text that are predicted. The end of a document is ""."""
        return [*tokens, *[""] * self.marks][1 - self.marks :]


RUNNING = Framing(
    note="this model was trained on running text: the first character of a document and its end aren't scored"
)
LONGEST = 100_000  # characters of a document


def of_documents(end: int) -> Framing:
    """Returns the framing of documents."""
    return Framing(end, marks=1, default_chars=LONGEST, cut=LONGEST)
