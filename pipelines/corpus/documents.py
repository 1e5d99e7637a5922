"""The documents of one part of a text, on disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipelines.corpus.id_range import IdRange

CHUNK = 1 << 16  # documents whose places are in memory at a time


class DocumentGroup(NamedTuple):
    """Documents one after the other: `end, document, end, document, … end`.

    Attributes:
        ids: `[N]`.
        places: where the end symbols are, int64 `[documents + 1]`.
        labels: of each document, int64 `[documents]`; None: they have none.
    """

    ids: np.ndarray
    places: np.ndarray
    labels: np.ndarray | None = None

    def each(self) -> list[np.ndarray]:
        """Returns the ids of each document with the end symbols around it."""
        return [self.ids[start : end + 1] for start, end in zip(self.places[:-1], self.places[1:], strict=True)]


@dataclass(frozen=True)
class DocumentRange:
    """Documents one after the other, with an end symbol before the first and after each.

    `ends` are the places of the end symbols in `ids`, int64: one more than there are documents.
    """

    ids: IdRange
    ends: IdRange

    def __len__(self) -> int:
        """The number of documents."""
        return max(len(self.ends) - 1, 0)

    @property
    def end(self) -> int:
        """The id of the end symbol."""
        return int(self.ids[:1][0])

    def groups(self, *, size: int = 1 << 20) -> Iterator[DocumentGroup]:
        """Yields groups of documents of about `size` ids; a longer document is a group of its own."""
        for first in range(0, len(self), CHUNK):
            places = self.ends[first : first + CHUNK + 1]
            start = 0
            while start < len(places) - 1:
                stop = int(np.searchsorted(places, places[start] + size, side="right")) - 1
                stop = max(stop, start + 1)
                part = slice(places[start], places[stop] + 1)
                ends = places[start : stop + 1] - places[start]
                labels = self.ids.labels[part][ends[1:]].astype(np.int64) if self.ids.labels else None
                yield DocumentGroup(self.ids[part], ends, labels)
                start = stop
