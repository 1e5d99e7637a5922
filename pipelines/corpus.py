"""Documents → one file of ids, its vocabulary and its split, written once and shared by runs."""

import hashlib
import itertools
import json
import os
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipelines import UserError
from pipelines.files import remove
from pipelines.id_range import IdRange
from pipelines.sources import Document, Source, SourceLine, joined
from pipelines.vocabulary import UNICODE_SIZE, Vocabulary, code_points

FORMAT = 1  # part of a corpus's key: raise it when the files change their meaning
CHUNK = 1 << 20  # characters in memory at a time, besides one document
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Corpus:
    """A text as ids on disk, `ids.bin`, in a folder with `vocabulary.json` and `corpus.json`.

    Attributes:
        folder: where it lies.
        vocabulary: its characters.
        characters: how many it has.
        bounds: where training and validation end.
        sources: a line about each source.
        unknown: characters of training, validation and test that the vocabulary lacks.
        fingerprints: hashes of what it was made from.
    """

    folder: Path
    vocabulary: Vocabulary
    characters: int
    bounds: tuple[int, int]
    sources: tuple[str, ...] = ()
    unknown: tuple[int, ...] = (0, 0, 0)
    fingerprints: tuple[str, ...] = ()

    def split(self, name: str) -> IdRange:
        """Returns the ids of `train`, `validation` or `test`, which follow each other in the text."""
        edges = (0, *self.bounds, self.characters)
        part = SPLITS.index(name)
        return IdRange(self.folder / "ids.bin", self.vocabulary.dtype, edges[part], edges[part + 1])

    def held_out(self) -> dict[str, IdRange]:
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

    @classmethod
    def load(cls, folder: Path) -> "Corpus":
        """Reads what `prepare` wrote.

        Raises:
            UserError: a file is missing or damaged.
        """
        vocabulary, ids = Vocabulary.load(folder / "vocabulary.json"), folder / "ids.bin"
        try:
            facts = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
            known = tuple(
                tuple(facts[name]) for name in ("sources", "unknown", "fingerprints") if name in facts
            )  # older ones lack it
            found = cls(folder, vocabulary, facts["characters"], tuple(facts["bounds"]), *known)
            whole = ids.stat().st_size == found.characters * np.dtype(vocabulary.dtype).itemsize
            whole &= "crc32" not in facts or facts["crc32"] == _crc32(ids)  # older ones have no sum
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UserError(f"{folder}: damaged ({error})") from error
        if not whole:
            raise UserError(f"{folder}: damaged (ids.bin has changed)")
        return found


def prepare(
    sources: Sequence[Source],
    *,
    split: Sequence[float],
    folder: Path,
    max_vocabulary: int = 0,
    known: Vocabulary | None = None,
) -> Corpus:
    """Returns the corpus of `sources`, which is encoded first unless an earlier run did so.

    The folder's name is a hash of the sources' bytes and the settings. It is written beside its place and renamed, so
    it is whole or absent, even if two runs start at once.

    Args:
        sources: their texts follow each other, each on a new line.
        split: shares of training, validation and test.
        folder: where prepared corpora are kept.
        max_vocabulary: largest number of ids; rarer characters become unknown. 0: no limit.
        known: a vocabulary to extend. Its characters keep their ids, whether they occur in the text or not.

    Raises:
        UserError: there is no text, the folder can't be written, or `known` is larger than `max_vocabulary`.
    """
    if known and 0 < max_vocabulary < len(known):
        raise UserError(
            f"--max_vocabulary={max_vocabulary}: fewer than the {len(known)} ids of --init_from, which stay; give "
            "more, or 0 for no limit"
        )
    fingerprints = [source.fingerprint() for source in sources]
    settings = [FORMAT, list(split), max_vocabulary, fingerprints]
    if known:
        settings.append(known.characters)
    known = known or Vocabulary.fit("")
    prepared = folder / hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:20]
    if prepared.is_dir():
        try:
            return Corpus.load(prepared)
        except UserError as error:
            print(f"{error}; encoding the text again", file=sys.stderr)
            remove(prepared)
    if not prepared.is_dir():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="preparing-", dir=folder) as aside:
                written = Path(aside, "corpus")
                written.mkdir()
                facts = _write(sources, split, max_vocabulary, known, written, spool=Path(aside, "spool"))
                facts["fingerprints"] = fingerprints
                (written / "corpus.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
                _publish(written, prepared)
        except OSError as error:
            raise UserError(f"--data_dir: {error.strerror or error} ({error.filename or folder})") from error
    return Corpus.load(prepared)


def _publish(written: Path, prepared: Path) -> None:
    try:
        written.rename(prepared)
    except OSError:
        if not prepared.is_dir():  # otherwise another run was faster and wrote the same
            raise


def _write(
    sources: Sequence[Source],
    split: Sequence[float],
    max_vocabulary: int,
    known: Vocabulary,
    folder: Path,
    *,
    spool: Path,
) -> dict:
    """Writes a corpus without its `corpus.json`, and returns what belongs there.

    It takes two passes, because the end of the training split is known only at the end of the text. The first spools
    provisional ids, in the order in which characters occur. The second counts them over the training split and
    translates them to the ids of the vocabulary.
    """
    progress = tqdm(sources, "encoding", unit=" sources", delay=2, leave=False, disable=None)
    lines = [SourceLine(source.name) for source in sources]
    seen = _spool(joined(_watched(progress, lines)), spool)
    characters = spool.stat().st_size // 4  # bytes of a uint32
    provisional = IdRange(spool, "uint32", 0, characters)
    if not characters:
        raise UserError(f"no text in {', '.join(source.name for source in sources)}")
    # The shares may add up to a little more than 1.
    bounds = [min(round(characters * share), characters) for share in (split[0], split[0] + split[1])]
    counts = np.zeros(len(seen), np.int64)
    for start in range(0, bounds[0], CHUNK):
        counts += np.bincount(provisional[start : min(start + CHUNK, bounds[0])], minlength=len(seen))
    likeliest = [seen[place] for place in np.argsort(-counts, kind="stable") if counts[place]]
    new = [character for character in likeliest if character not in known.characters]
    vocabulary = known.extended("".join(new[: max_vocabulary - len(known) if max_vocabulary else None]))
    translation = vocabulary.encode(seen)
    ids, edges = folder / "ids.bin", (0, *bounds, characters)
    unknown = [0] * len(SPLITS)
    with ids.open("wb") as file:
        for part, (begin, end) in enumerate(itertools.pairwise(edges)):
            for start in range(begin, end, CHUNK):
                chunk = translation[provisional[start : min(start + CHUNK, end)]]
                unknown[part] += chunk.size - int(np.count_nonzero(chunk))
                file.write(chunk.tobytes())
        file.flush()
        os.fsync(file.fileno())
    vocabulary.save(folder / "vocabulary.json")
    facts = {"characters": characters, "bounds": bounds, "crc32": _crc32(ids)}
    return facts | {"sources": list(map(str, lines)), "unknown": unknown}


def _watched(sources: Iterable[Source], lines: Sequence[SourceLine]) -> Iterator[Document]:
    """Yields all documents of all sources, counted in the line of each."""
    for source, line in zip(sources, lines, strict=True):
        yield from line.watch(source.documents())


def _crc32(file: Path) -> int:
    """Returns the checksum of a file, at some GB a second."""
    checksum = 0
    with file.open("rb") as opened:
        while chunk := opened.read(16 * CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def _spool(documents: Iterable[str], path: Path) -> str:
    """Writes provisional ids, uint32, and returns the characters they stand for, in order."""
    ids = np.full(UNICODE_SIZE, -1, np.int64)
    seen = ""
    with path.open("wb") as file:
        for document in documents:
            for start in range(0, len(document), CHUNK):
                points = code_points(document[start : start + CHUNK])
                chunk = ids[points]
                if chunk.min() < 0:
                    new = np.unique(points[chunk < 0])
                    ids[new] = np.arange(len(seen), len(seen) + len(new))
                    seen += "".join(map(chr, new))
                    chunk = ids[points]
                file.write(chunk.astype(np.uint32).tobytes())
    return seen
