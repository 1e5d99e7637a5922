"""Documents → training, validation and test, by a hash of each text.

So the same text is never in two parts, and the part of a document doesn't depend on other documents or their order.
"""

import dataclasses
import hashlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from pipelines.corpus import spool
from pipelines.corpus.id_range import IdRange
from pipelines.corpus.spool import ProvisionalIds
from pipelines.sources import Document
from pipelines.vocabulary import END, UNKNOWN


def text_hash(text: str) -> int:
    """Returns 64 bits of BLAKE2b of a text."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def part_of(text_hash: int, split: Sequence[float]) -> int:
    """Returns which part a document belongs to, as an index of `split`, the shares of the parts."""
    share = text_hash / 2**64
    within = [part for part, edge in enumerate(accumulate(split)) if share < edge]
    if within:
        return within[0]
    return max(part for part, size in enumerate(split) if size)  # the shares may add up to a little less than 1


class SpooledPart:
    """The documents of a part, spooled as `END, document, END, document, … END`.

    Attributes:
        ids: provisional ids of all documents. This and what follows is set by `close`.
        is_first: for each document, whether no earlier one has the same text, bool.
        labels: the label of each document, as a place in the list of all labels.
        kept: for each document, whether it wasn't taken away, bool.
    """

    def __init__(self, path: Path, ids: ProvisionalIds) -> None:
        self._path, self._provisional = path, ids
        self._texts: list[str] = [""]  # so that the first document has an end symbol before it
        self._hashes: list[int] = []
        self._labels, self._lengths = array("I"), array("I")
        self._taken: list[int] = []
        self._waiting = 0
        self._file, self._hash_file = path.open("wb"), path.with_suffix(".hashes").open("wb")

    def add(self, text: str, text_hash: int, label: int) -> int:
        """Adds a document, and returns its number."""
        self._texts.append(text)
        self._hashes.append(text_hash)
        self._labels.append(label)
        self._lengths.append(len(text))
        self._waiting += len(text)
        if self._waiting >= spool.CHUNK:
            self._flush()
        return len(self._labels) - 1

    def facts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the hash of each document so far, its label, and its number of characters."""
        self._flush()
        hashes = np.fromfile(self._hash_file.name, np.uint64)
        return hashes, np.array(self._labels, np.int64), np.array(self._lengths, np.int64)

    def take(self, number: int) -> tuple[str, int]:
        """Takes a document away, and returns its text and its label."""
        self._flush()
        begin = 1 + number + sum(self._lengths[:number])
        ids = np.fromfile(self._path, np.uint32, self._lengths[number], offset=4 * begin)
        self._taken.append(number)
        return self._provisional.text_of(ids), self._labels[number]

    def _flush(self) -> None:
        self._provisional.write("".join(text + END for text in self._texts), self._file)
        self._hash_file.write(np.array(self._hashes, np.uint64).tobytes())
        self._texts, self._hashes, self._waiting = [], [], 0
        self._file.flush()
        self._hash_file.flush()

    def close(self) -> None:
        """Finishes the files."""
        self._flush()
        self._file.close()
        self._hash_file.close()
        self.ids = IdRange(self._path, "uint32", 0, self._path.stat().st_size // 4)
        self.labels = np.array(self._labels, np.int64)
        self.is_first = first_of_each(IdRange(Path(self._hash_file.name), "uint64", 0, len(self.labels)))
        self.kept = np.ones(len(self.labels), bool)
        self.kept[self._taken] = False


@dataclass
class Spooled:
    """All documents, spooled in three parts. `Corpus` explains the counts.

    `labels` are those that occur, in the order of their first document; [""] if there are none.
    """

    parts: list[SpooledPart]
    labels: list[str] = dataclasses.field(default_factory=list)
    empty: int = 0
    unlabelled: int = 0
    moved: dict[str, int] = dataclasses.field(default_factory=dict)
    cut: dict[str, int] = dataclasses.field(default_factory=dict)

    def close(self) -> None:
        """Finishes the parts."""
        for part in self.parts:
            part.close()


def spool_documents(
    documents: Iterable[Document], split: Sequence[float], folder: Path, ids: ProvisionalIds, *, labelled: bool = False
) -> Spooled:
    """Writes all documents to files in a folder, and returns their parts, which are still open.

    With `labelled`, documents without a label are left out. Otherwise labels are ignored.
    """
    parts = [SpooledPart(folder / f"part-{number}", ids) for number in range(len(split))]
    spooled = Spooled(parts)
    places: dict[str, int] = {}
    for document in documents:
        text, label = document.text, document.label if labelled else ""
        if not text or text.isspace():
            spooled.empty += 1
            continue
        if labelled and not label:
            spooled.unlabelled += 1
            continue
        if END in text:
            text = text.replace(END, UNKNOWN)
        hashed = text_hash(text)
        place = places.setdefault(label, len(places))
        parts[part_of(hashed, split)].add(text, hashed, place)
    spooled.labels = list(places)
    return spooled


def first_of_each(values: IdRange) -> np.ndarray:
    """Returns which values don't occur earlier, bool `[len(values)]`. It sorts a million of them at a time.

    Before: `7 8 7 7`; after: `True True False False`.
    """
    first = np.zeros(len(values), bool)
    buckets = 1 + len(values) // spool.CHUNK
    for bucket in range(buckets):
        places, found = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
        for number, chunk in enumerate(values.pieces(spool.CHUNK)):
            inside = np.flatnonzero(chunk % np.uint64(buckets) == bucket)
            places.append(inside + number * spool.CHUNK)
            found.append(chunk[inside])
        _, earliest = np.unique(np.concatenate(found), return_index=True)
        first[np.concatenate(places)[earliest]] = True
    return first
