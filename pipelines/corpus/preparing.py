"""Sources → a text as ids on disk, with its vocabulary and its split, written once and shared by runs."""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipelines import UserError
from pipelines.corpus import spool
from pipelines.corpus.id_range import IdRange
from pipelines.corpus.splitting import spool_documents
from pipelines.corpus.spool import ProvisionalIds
from pipelines.corpus.stored import SPLITS, Corpus, crc32
from pipelines.files import remove
from pipelines.sources import Document, Source, SourceLine, joined
from pipelines.vocabulary import END, Vocabulary

FORMAT = 1  # part of a corpus's key: raise it when the files change their meaning


def prepare(
    sources: Sequence[Source],
    *,
    split: Sequence[float],
    folder: Path,
    documents: bool = False,
    deduplicate: bool = False,
    max_vocabulary: int = 0,
    known: Vocabulary | None = None,
) -> Corpus:
    """Returns the corpus of `sources`, which is encoded first unless an earlier run did so.

    The folder's name is a hash of the sources' bytes and the settings. It is written beside its place and renamed, so
    it is whole or absent, even if two runs start at once.

    Args:
        sources: running text: their texts follow each other, each on a new line.
        split: shares of training, validation and test. Running text is split by place, documents by `splitting`.
        folder: where prepared corpora are kept.
        documents: whether each text is a document with a beginning and an end.
        deduplicate: whether to leave out documents with the same text as an earlier one.
        max_vocabulary: largest number of ids; rarer characters become unknown. 0: no limit.
        known: a vocabulary to extend. Its characters keep their ids, whether they occur in the text or not.

    Raises:
        UserError: there is no text, the folder can't be written, or `known` is larger than `max_vocabulary`.
    """
    known = known.with_end() if known and documents else known
    if known and 0 < max_vocabulary < len(known):
        raise UserError(
            f"--max_vocabulary={max_vocabulary}: fewer than the {len(known)} ids of --init_from, which stay; give "
            "more, or 0 for no limit"
        )
    fingerprints = [source.fingerprint() for source in sources]
    settings = [FORMAT, list(split), max_vocabulary, fingerprints]
    if known:
        settings.append(known.characters)
    if documents:
        settings.append({"documents": True, "deduplicate": deduplicate})
    if not known:
        known = Vocabulary.fit("").with_end() if documents else Vocabulary.fit("")
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
                parts = _Parts.of_documents if documents else _Parts.of_running_text
                facts = _write(parts(sources, split, Path(aside)), known, max_vocabulary, deduplicate, written)
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


@dataclass
class _Parts:
    """Training, validation and test as provisional ids.

    Attributes:
        ids: of each part.
        seen: the characters that they stand for, in order.
        lines: about each source.
        is_first: of each part, which documents no earlier one equals; [] for running text.
        empty: documents that were left out because they are empty.
    """

    ids: list[IdRange]
    seen: str
    lines: list[SourceLine]
    is_first: list[np.ndarray]
    empty: int = 0

    @classmethod
    def of_running_text(cls, sources: Sequence[Source], split: Sequence[float], folder: Path) -> "_Parts":
        """Reads all sources as one text, which is split by place."""
        lines, ids = [SourceLine(source.name) for source in sources], ProvisionalIds()
        path = folder / "spool"
        progress = tqdm(sources, "encoding", unit=" sources", delay=2, leave=False, disable=None)
        characters = len(spool.spool(joined(_watched(progress, lines)), path, ids))
        if not characters:
            raise UserError(f"no text in {', '.join(source.name for source in sources)}")
        # The shares may add up to a little more than 1.
        edges = [min(round(characters * share), characters) for share in (split[0], split[0] + split[1])]
        edges = [0, *edges, characters]
        parts = [IdRange(path, "uint32", *edges[part : part + 2]) for part in range(len(SPLITS))]
        return cls(parts, ids.seen, lines, [])

    @classmethod
    def of_documents(cls, sources: Sequence[Source], split: Sequence[float], folder: Path) -> "_Parts":
        """Reads all documents, which are split by what they say."""
        lines, ids = [SourceLine(source.name, documents=True) for source in sources], ProvisionalIds()
        progress = tqdm(
            _watched(sources, lines), "encoding", unit=" documents", unit_scale=True, delay=2, leave=False, disable=None
        )
        parts, empty = spool_documents(progress, split, folder, ids)
        counts = [len(part.is_first) for part in parts]
        names = ", ".join(source.name for source in sources)
        if not sum(counts):
            raise UserError(f"no text in {names}" + (f", {empty:,} empty documents" if empty else ""))
        if not counts[0]:
            raise UserError(
                f"no document for training: {sum(counts):,} of {names} fall into validation and test (a hash of a "
                "document's text decides); give more documents, or --split=1,0,0"
            )
        return cls([part.ids for part in parts], ids.seen, lines, [part.is_first for part in parts], empty)


def _watched(sources: Iterable[Source], lines: Sequence[SourceLine]) -> Iterator[Document]:
    """Yields all documents of all sources, counted in the line of each."""
    for source, line in zip(sources, lines, strict=True):
        yield from line.watch(source.documents())


def _write(parts: _Parts, known: Vocabulary, max_vocabulary: int, deduplicate: bool, folder: Path) -> dict:
    """Writes a corpus without its `corpus.json`, and returns what belongs there.

    Provisional ids are counted over the training split, and translated to the ids of the vocabulary.
    """
    end = parts.seen.find(END) if known.end is not None else -1
    kept = parts.is_first if deduplicate else [np.ones(len(part), bool) for part in parts.is_first]

    def chunks(part: int) -> Iterable[np.ndarray]:
        ids = (parts.ids[part][start : start + spool.CHUNK] for start in range(0, len(parts.ids[part]), spool.CHUNK))
        return _without(ids, end, ~kept[part]) if deduplicate else ids

    counts = np.zeros(len(parts.seen), np.int64)
    for chunk in chunks(0):
        counts += np.bincount(chunk, minlength=len(parts.seen))
    likeliest = [parts.seen[place] for place in np.argsort(-counts, kind="stable") if counts[place] and place != end]
    new = [character for character in likeliest if character not in known.characters]
    vocabulary = known.extended("".join(new[: max_vocabulary - len(known) if max_vocabulary else None]))
    translation = vocabulary.encode(parts.seen)
    if end >= 0:
        translation[end] = vocabulary.end
    lengths, unknown = [0] * len(SPLITS), [0] * len(SPLITS)
    with (folder / "ids.bin").open("wb") as ids, (folder / "ends.bin").open("wb") as ends:
        for part in range(len(SPLITS)):
            for chunk in chunks(part):
                if end >= 0:
                    ends.write((np.flatnonzero(chunk == end) + lengths[part]).astype(np.int64).tobytes())
                translated = translation[chunk]
                lengths[part] += chunk.size
                unknown[part] += chunk.size - int(np.count_nonzero(translated))
                ids.write(translated.tobytes())
        for file in (ids, ends):
            file.flush()
            os.fsync(file.fileno())
    vocabulary.save(folder / "vocabulary.json")
    facts = {"characters": sum(lengths), "bounds": [lengths[0], lengths[0] + lengths[1]], "unknown": unknown}
    facts |= {"sources": list(map(str, parts.lines)), "crc32": crc32(folder / "ids.bin")}
    if known.end is None:
        (folder / "ends.bin").unlink()
        return facts
    documents = {"documents": [int(part.sum()) for part in kept], "ends_crc32": crc32(folder / "ends.bin")}
    return facts | documents | {"duplicates": sum(int((~part).sum()) for part in parts.is_first), "empty": parts.empty}


def _without(chunks: Iterable[np.ndarray], end: int, left_out: np.ndarray) -> Iterator[np.ndarray]:
    """Yields `END, document, END …` without some of the documents; `left_out` is bool, one for each."""
    left_out = np.append(left_out, False)  # of the first END, which no document has before it
    number = -1
    for chunk in chunks:
        ends = chunk == end
        numbers = number + np.cumsum(ends) - ends  # a document's END belongs to it
        number += int(np.count_nonzero(ends))
        yield chunk[~left_out[numbers]]
