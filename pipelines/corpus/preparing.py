"""Sources → a text as ids on disk, with its vocabulary and its split, written once and shared by runs."""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pipelines import UserError
from pipelines.corpus import spool
from pipelines.corpus.parts import Parts
from pipelines.corpus.stored import SPLITS, Corpus, crc32, label_dtype
from pipelines.files import remove
from pipelines.sources import Source
from pipelines.vocabulary import END, Vocabulary, code_points, words

LABELS_AT_ONCE = 1 << 12  # documents whose labels are written at a time
FORMAT = 1  # part of a corpus's key: raise it when the files change their meaning


def prepare(
    sources: Sequence[Source],
    *,
    split: Sequence[float],
    folder: Path,
    documents: bool = False,
    labelled: bool = False,
    deduplicate: bool = False,
    max_vocabulary: int = 0,
    max_words: int = 0,
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
        labelled: whether each document has a label. Those without one are left out and counted.
        deduplicate: whether to leave out documents with the same text as an earlier one.
        max_vocabulary: largest number of characters; rarer ones become unknown. 0: no limit.
        max_words: how many words are tokens: those of `known`, and the most frequent of the training part. 0: no more
            than `known` has.
        known: a vocabulary to extend. Its tokens and labels keep their ids, whether they occur or not.

    Raises:
        UserError: there is no text, the folder can't be written, or `known` is larger than `max_vocabulary`. There are
            fewer than two labels, or two that differ in nothing but case.
    """
    known = known.with_end() if known and documents else known
    if known and 0 < max_vocabulary < len(known.characters):
        raise UserError(
            f"--max_vocabulary={max_vocabulary}: fewer than the {len(known.characters)} ids of --init_from, which "
            "stay; give more, or 0 for no limit"
        )
    fingerprints = [source.fingerprint() for source in sources]
    settings = [FORMAT, list(split), max_vocabulary, fingerprints]
    if known:
        settings.append(known.tokens if known.words else known.characters)
    if max_words > len(known.words if known else ()):
        settings.append({"max_words": max_words})
    if documents:
        kind: dict[str, Any] = {"documents": True, "deduplicate": deduplicate, "balanced": True}
        settings.append(kind | ({"labelled": known.labels if known else ()} if labelled else {}))
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
                if documents:
                    parts = Parts.of_documents(sources, split, Path(aside), labelled=labelled, known=known.labels)
                else:
                    parts = Parts.of_running_text(sources, split, Path(aside))
                limits = {"max_vocabulary": max_vocabulary, "max_words": max_words}
                facts = _write(parts, known, deduplicate, written, **limits)
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
    parts: Parts, known: Vocabulary, deduplicate: bool, folder: Path, *, max_vocabulary: int, max_words: int
) -> dict:
    """Writes a corpus without its `corpus.json`, and returns what belongs there.

    Provisional ids are counted over the training split, and translated to the ids of the vocabulary.
    """
    kept = [kept & first if deduplicate else kept for kept, first in zip(parts.kept, parts.is_first, strict=True)]
    end = parts.seen.find(END) if known.end is not None else -1

    def chunks(part: int) -> Iterable[np.ndarray]:
        ids = (parts.ids[part][start : start + spool.CHUNK] for start in range(0, len(parts.ids[part]), spool.CHUNK))
        return _without(ids, end, ~kept[part]) if kept and not kept[part].all() else ids

    vocabulary = known.extended(_likeliest(chunks(0), parts.seen, known, max_vocabulary))
    if max_words > len(known.words):
        texts = _progress(_texts(chunks(0), parts.seen), len(parts.ids[0]), "counting words")
        found = words.frequent(texts, characters=vocabulary.characters, count=max_words)
        new = [word for word in found if word not in known.words][: max_words - len(known.words)]
        vocabulary = Vocabulary((*vocabulary.tokens, *new), vocabulary.labels)
    if parts.names:
        vocabulary = vocabulary.with_labels(parts.names)
    lengths, spelled, unknown = ([0] * len(SPLITS) for _ in range(3))
    with (folder / "ids.bin").open("wb") as file, (folder / "ends.bin").open("wb") as ends:
        for part in range(len(SPLITS)):
            for ids in _encoded(chunks(part), parts.seen, vocabulary, len(parts.ids[part])):
                if end >= 0:
                    ends.write((np.flatnonzero(ids == vocabulary.end) + lengths[part]).astype(np.int64).tobytes())
                lengths[part] += ids.size
                spelled[part] += int(vocabulary.lengths[ids].sum()) if vocabulary.words else ids.size
                unknown[part] += ids.size - int(np.count_nonzero(ids))
                file.write(ids.tobytes())
        for written in (file, ends):
            written.flush()
            os.fsync(written.fileno())
    vocabulary.save(folder / "vocabulary.json")
    facts = {"characters": sum(lengths), "bounds": [lengths[0], lengths[0] + lengths[1]], "unknown": unknown}
    facts |= {"sources": list(map(str, parts.lines)), "crc32": crc32(folder / "ids.bin"), "spelled": spelled}
    if known.end is None:
        (folder / "ends.bin").unlink()
        return facts
    facts |= {"documents": [int(part.sum()) for part in kept], "ends_crc32": crc32(folder / "ends.bin")}
    repeated = (kept & ~first for kept, first in zip(parts.kept, parts.is_first, strict=True))
    facts |= {"duplicates": sum(int(part.sum()) for part in repeated), **parts.facts}
    if parts.names:
        facts |= _write_labels(parts, kept, vocabulary, folder)
    return facts


def _likeliest(chunks: Iterable[np.ndarray], seen: str, known: Vocabulary, max_vocabulary: int) -> list[str]:
    """Returns the characters of the training part that get ids: the most frequent ones, as many as may have some."""
    counts = np.zeros(len(seen), np.int64)
    for chunk in chunks:
        counts += np.bincount(chunk, minlength=len(seen))
    order = [seen[place] for place in np.argsort(-counts, kind="stable") if counts[place]]
    taken = set(known.characters)
    new = [character for character in order if character not in taken]
    return new[: max_vocabulary - len(known.characters) if max_vocabulary else None]


def _encoded(chunks: Iterable[np.ndarray], seen: str, vocabulary: Vocabulary, characters: int) -> Iterator[np.ndarray]:
    """Yields the ids of the vocabulary for provisional ones, a part at a time."""
    if vocabulary.words:
        texts = _progress(_texts(chunks, seen), characters, "encoding words")
        yield from (vocabulary.encode_pieces(pieces) for pieces in words.cut(texts, vocabulary.piece))
        return
    translation = vocabulary.encode(seen)
    if vocabulary.end is not None and END in seen:
        translation[seen.index(END)] = vocabulary.end
    yield from (translation[chunk] for chunk in chunks)


def _texts(chunks: Iterable[np.ndarray], seen: str) -> Iterator[str]:
    """Yields the text of provisional ids, a part at a time, none of them empty."""
    characters = code_points(seen)
    for chunk in chunks:
        if chunk.size:
            yield characters[chunk].tobytes().decode("utf-32-le")


def _progress(texts: Iterable[str], characters: int, what: str) -> Iterator[str]:
    """Yields texts, and shows how far they are."""
    with tqdm(total=characters, desc=what, unit=" chars", unit_scale=True, delay=2, leave=False, disable=None) as bar:
        for text in texts:
            yield text
            bar.update(len(text))


def _write_labels(parts: Parts, kept: Sequence[np.ndarray], vocabulary: Vocabulary, folder: Path) -> dict:
    """Writes `labels.bin`, and returns what `corpus.json` has of it.

    Each id has the label of its document there, and the end symbol before the first document of a part that of the
    first.
    """
    ids = np.array([vocabulary.labels.index(name) if name in vocabulary.labels else 0 for name in parts.names])
    ends = np.fromfile(folder / "ends.bin", np.int64)
    counts, first = [], 0
    with (folder / "labels.bin").open("wb") as file:
        for part, chosen in enumerate(kept):
            labels = ids[parts.labels[part]][chosen].astype(label_dtype(len(vocabulary.labels)))
            counts.append(np.bincount(labels, minlength=len(vocabulary.labels)).tolist())
            lengths = np.diff(ends[first : first + len(labels) + 1])
            first += len(labels) + 1
            for start in range(0, len(labels), LABELS_AT_ONCE):
                some = slice(start, start + LABELS_AT_ONCE)
                before_first = labels[:1] if start == 0 else labels[:0]
                file.write(before_first.tobytes() + np.repeat(labels[some], lengths[some]).tobytes())
            if not len(labels):  # an empty part has an end symbol too
                file.write(np.zeros(1, label_dtype(len(vocabulary.labels))).tobytes())
        file.flush()
        os.fsync(file.fileno())
    return {"labelled": np.transpose(counts).tolist(), "labels_crc32": crc32(folder / "labels.bin")}


def _without(chunks: Iterable[np.ndarray], end: int, left_out: np.ndarray) -> Iterator[np.ndarray]:
    """Yields `END, document, END …` without some of the documents; `left_out` is bool, one for each."""
    left_out = np.append(left_out, False)  # of the first END, which no document has before it
    number = -1
    for chunk in chunks:
        ends = chunk == end
        numbers = number + np.cumsum(ends) - ends  # a document's END belongs to it
        number += int(np.count_nonzero(ends))
        yield chunk[~left_out[numbers]]
