"""A prepared text on disk."""

import json
import zlib
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from pipelines import UserError
from pipelines.corpus.documents import DocumentRange
from pipelines.corpus.id_range import IdRange
from pipelines.vocabulary import Vocabulary

SPLITS = ("train", "validation", "test")
_READ = 1 << 24  # bytes


@dataclass(frozen=True)
class Corpus:
    """A text as ids on disk: a folder with `ids.bin`, `vocabulary.json`, `corpus.json` and, of documents, `ends.bin`.

    Attributes:
        folder: where it lies.
        vocabulary: its characters.
        characters: how many ids it has. Of documents, each part has an end symbol before its first document and one
            after each.
        bounds: where training and validation end.
        sources: a line about each source.
        unknown: characters of training, validation and test that the vocabulary lacks.
        fingerprints: hashes of what it was made from.
        documents: how many documents training, validation and test have; zeros for running text.
        duplicates: documents with the same text as an earlier one.
        empty: documents without anything but white space, which are left out.
    """

    folder: Path
    vocabulary: Vocabulary
    characters: int
    bounds: tuple[int, int]
    sources: tuple[str, ...] = ()
    unknown: tuple[int, ...] = (0, 0, 0)
    fingerprints: tuple[str, ...] = ()
    documents: tuple[int, ...] = (0, 0, 0)
    duplicates: int = 0
    empty: int = 0

    def split(self, name: str) -> IdRange:
        """Returns the ids of `train`, `validation` or `test`, which follow each other in the file."""
        edges = (0, *self.bounds, self.characters)
        part = SPLITS.index(name)
        return IdRange(self.folder / "ids.bin", self.vocabulary.dtype, edges[part], edges[part + 1])

    def document_split(self, name: str) -> DocumentRange:
        """Returns the documents of `train`, `validation` or `test`."""
        part = SPLITS.index(name)
        edges = [0, *accumulate(count + 1 for count in self.documents)]
        return DocumentRange(self.split(name), IdRange(self.folder / "ends.bin", "int64", *edges[part : part + 2]))

    def held_out(self) -> dict[str, IdRange | DocumentRange]:
        """Returns the parts to measure on: `validation` and `test`, unless they are empty.

        Raises:
            UserError: a part has a single character.
        """
        if self.vocabulary.end is not None:
            documents = {name: self.document_split(name) for name in SPLITS[1:]}
            return {name: part for name, part in documents.items() if len(part)}
        parts = {name: self.split(name) for name in SPLITS[1:]}
        for name, ids in parts.items():
            if len(ids) == 1:
                raise UserError(
                    f"--split: the {name} split has 1 character, and the first isn't scored; give it more or 0"
                )
        return {name: ids for name, ids in parts.items() if len(ids)}

    @classmethod
    def load(cls, folder: Path) -> "Corpus":
        """Reads what `prepare` wrote.

        Raises:
            UserError: a file is missing or damaged.
        """
        vocabulary, ids = Vocabulary.load(folder / "vocabulary.json"), folder / "ids.bin"
        try:
            facts = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
            names = ("sources", "unknown", "fingerprints", "documents", "duplicates", "empty")
            known = {name: facts[name] for name in names if name in facts}  # older ones lack some
            known = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
            found = cls(folder, vocabulary, facts["characters"], tuple(facts["bounds"]), **known)
            whole = ids.stat().st_size == found.characters * np.dtype(vocabulary.dtype).itemsize
            whole &= "crc32" not in facts or facts["crc32"] == crc32(ids)  # older ones have no sum
            if vocabulary.end is not None:
                whole &= facts["ends_crc32"] == crc32(folder / "ends.bin")
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UserError(f"{folder}: damaged ({error})") from error
        if not whole:
            raise UserError(f"{folder}: damaged (ids.bin or ends.bin has changed)")
        return found


def crc32(file: Path) -> int:
    """Returns the checksum of a file, at some GB a second."""
    checksum = 0
    with file.open("rb") as opened:
        while chunk := opened.read(_READ):
            checksum = zlib.crc32(chunk, checksum)
    return checksum
