"""A prepared text on disk."""

import dataclasses
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from pipelines import UserError
from pipelines.corpus.documents import DocumentRange
from pipelines.corpus.id_range import IdRange
from pipelines.corpus.shuffling import ShuffledDocuments
from pipelines.sources import Document
from pipelines.vocabulary import Vocabulary

SPLITS = ("train", "validation", "test")
_READ = 1 << 24  # bytes


@dataclass(frozen=True)
class Corpus:
    """A text as ids on disk: a folder with `ids.bin`, `vocabulary.json` and `corpus.json`.

    A corpus of documents also has `ends.bin`, and `labels.bin` if they have labels: the label of each id's document.

    Attributes:
        folder: where it is.
        vocabulary: its characters.
        characters: how many ids it has, fewer than characters if words are tokens. Each part of a corpus of documents
            has an end symbol before its first document and one after each.
        bounds: where training and validation end.
        sources: a line about each source.
        in_short: the same, or if there are many, a line about all; () in corpora of older versions.
        spelled: how many characters the ids of training, validation and test stand for.
        unknown: characters of training, validation and test that the vocabulary lacks.
        fingerprints: hashes of what it was made from.
        documents: how many documents training, validation and test have; () for running text.
        duplicates: documents with the same text as an earlier one.
        empty: documents of white space alone, which are left out.
        unlabelled: documents that were left out for lack of a label.
        labelled: how many documents of training, validation and test each label has, `[labels][3]`.
        moved: by label, how many documents `balancing` moved to another part.
        cut: by label, how many passages `balancing` cut out of documents, to measure on.
    """

    folder: Path
    vocabulary: Vocabulary
    characters: int
    bounds: tuple[int, int]
    spelled: tuple[int, ...]
    sources: tuple[str, ...] = ()
    in_short: tuple[str, ...] = ()
    unknown: tuple[int, ...] = (0, 0, 0)
    fingerprints: tuple[str, ...] = ()
    documents: tuple[int, ...] = ()
    duplicates: int = 0
    empty: int = 0
    unlabelled: int = 0
    labelled: tuple[tuple[int, int, int], ...] = ()
    moved: dict[str, int] = dataclasses.field(default_factory=dict)
    cut: dict[str, int] = dataclasses.field(default_factory=dict)

    def split(self, name: str) -> IdRange:
        """Returns the ids of `train`, `validation` or `test`, which follow each other in the file."""
        edges = (0, *self.bounds, self.characters)
        part = SPLITS.index(name)
        begin, end = edges[part], edges[part + 1]
        labels = None
        if self.vocabulary.labels:
            labels = IdRange(self.folder / "labels.bin", label_dtype(len(self.vocabulary.labels)), begin, end)
        return IdRange(self.folder / "ids.bin", self.vocabulary.dtype, begin, end, labels)

    @property
    def _files(self) -> tuple[str, ...]:
        """The files besides `ids.bin`, whose checksums are in `corpus.json`."""
        return ()

    @property
    def chars_per_id(self) -> float:
        """The mean number of characters per token in the training part; 1 unless words are tokens."""
        return self.spelled[0] / max(self.bounds[0], 1)

    def document_split(self, name: str) -> DocumentRange:
        """Returns the documents of `train`, `validation` or `test`."""
        part = SPLITS.index(name)
        edges = [0, *accumulate(count + 1 for count in self.documents)]
        return DocumentRange(self.split(name), IdRange(self.folder / "ends.bin", "int64", edges[part], edges[part + 1]))

    def held_out(self) -> Mapping[str, IdRange | DocumentRange]:
        """Returns the parts to measure on: `validation` and `test`, unless they are empty.

        Raises:
            UserError: a part has a single character.
        """
        parts = {name: self.split(name) for name in SPLITS[1:]}
        for name, ids in parts.items():
            if len(ids) == 1:
                raise UserError(
                    f"--split: the {name} split has 1 character, and the first isn't scored; give it more or 0"
                )
        return {name: ids for name, ids in parts.items() if len(ids)}

    def texts(self, name: str, label: str = "") -> Iterator[Document]:
        """Yields a split as text: all of a running text, or each document.

        Args:
            name: `train`, `validation` or `test`.
            label: leave out documents with other labels; "": none.
        """
        yield Document(self.vocabulary.decode(self.split(name)[:]), file=name)

    def epochs(self, *, seed: int, folder: Path) -> IdRange | ShuffledDocuments:
        """Returns the ids for training, epoch after epoch. Documents are shuffled: see `ShuffledDocuments`."""
        return self.split("train")

    @classmethod
    def load(cls, folder: Path) -> "Corpus":
        """Reads what `prepare` wrote. Raises UserError if a file is missing or damaged."""
        vocabulary, ids = Vocabulary.load(folder / "vocabulary.json"), folder / "ids.bin"
        try:
            facts = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
            names = {field.name for field in dataclasses.fields(cls)} - {"folder", "vocabulary", "characters", "bounds"}
            known = {name: facts[name] for name in names if name in facts}  # older ones lack some
            known = {name: _frozen(value) for name, value in known.items()}
            validation, test = facts["bounds"]
            known.setdefault("spelled", (validation, test - validation, facts["characters"] - test))
            kind = cls if vocabulary.end is None else DocumentCorpus
            found = kind(folder, vocabulary, facts["characters"], tuple(facts["bounds"]), **known)
            whole = ids.stat().st_size == found.characters * np.dtype(vocabulary.dtype).itemsize
            whole &= "crc32" not in facts or facts["crc32"] == crc32(ids)  # older ones have no sum
            for name in found._files:
                whole &= facts[f"{name}_crc32"] == crc32(folder / f"{name}.bin")
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UserError(f"{folder}: damaged ({error})") from error
        if not whole:
            raise UserError(f"{folder}: damaged (ids.bin, ends.bin or labels.bin has changed)")
        return found


class DocumentCorpus(Corpus):
    """Documents as ids on disk."""

    @property
    def _files(self) -> tuple[str, ...]:
        return ("ends", "labels") if self.vocabulary.labels else ("ends",)

    def held_out(self) -> Mapping[str, DocumentRange]:
        """Returns the parts to measure on: `validation` and `test`, unless they are empty."""
        parts = {name: self.document_split(name) for name in SPLITS[1:]}
        return {name: part for name, part in parts.items() if len(part)}

    def texts(self, name: str, label: str = "") -> Iterator[Document]:
        """Yields the documents of a split, see `Corpus.texts`."""
        wanted, number = self.vocabulary.label_id(label) if label else None, 0
        for group in self.document_split(name).groups():
            for place, ids in enumerate(group.each()):
                number += 1
                if wanted is None or (group.labels is not None and group.labels[place] == wanted):
                    yield Document(self.vocabulary.decode(ids[1:-1]), file=name, line=number, label=label)

    def epochs(self, *, seed: int, folder: Path) -> ShuffledDocuments:
        """Returns the documents for training, in a new order for each epoch."""
        return ShuffledDocuments(self.document_split("train"), seed=seed, folder=folder)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def label_dtype(labels: int) -> str:
    """Returns the smallest numpy type that holds the ids of `labels` labels."""
    return "uint8" if labels <= 256 else "uint16" if labels <= 65536 else "int32"


def crc32(file: Path) -> int:
    """Returns the checksum of a file, at some GB per second."""
    checksum = 0
    with file.open("rb") as opened:
        while chunk := opened.read(_READ):
            checksum = zlib.crc32(chunk, checksum)
    return checksum
