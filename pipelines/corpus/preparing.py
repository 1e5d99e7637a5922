"""Sources → a text as ids on disk, with its vocabulary and its split, written once and shared by runs."""

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pipelines import UserError
from pipelines.corpus.parts import DocumentParts, Parts
from pipelines.corpus.stored import SPLITS, Corpus, crc32
from pipelines.files import remove, synced_file
from pipelines.sources import Source, in_short
from pipelines.vocabulary import Vocabulary, code_points, words

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
    """Returns the corpus of `sources`. It is encoded unless an earlier run did so.

    The name of its folder is a hash of the sources' bytes and the settings. It is written atomically, even if two runs
    start at once.

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
            fewer than two labels, or two that differ only in case.
    """
    start = known or Vocabulary.fit("")
    read: Callable[..., Parts] = Parts.read
    fingerprints = [source.fingerprint() for source in sources]
    settings: list[Any] = [FORMAT, list(split), max_vocabulary, fingerprints]
    kind: dict[str, Any] = {}
    if documents:
        start = start.with_end()
        read = partial(DocumentParts, labelled=labelled, known=start.labels, deduplicate=deduplicate)
        kind = {"documents": True, "deduplicate": deduplicate, "balanced": True}
        kind |= {"labelled": start.labels} if labelled else {}
    if known:
        settings.append(start.tokens if start.words else start.characters)
        if 0 < max_vocabulary < len(start.characters):
            raise UserError(
                f"--max_vocabulary={max_vocabulary}: fewer than the {len(start.characters)} ids of --init_from, which "
                "stay; give more, or 0 for no limit"
            )
    if max_words > len(start.words):
        settings.append({"max_words": max_words})
    settings += [kind] if kind else []
    prepared = folder / hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:20]
    if prepared.is_dir():
        try:
            return Corpus.load(prepared)
        except UserError as error:
            print(f"{error}; encoding the text again", file=sys.stderr)
            remove(prepared)

    def write(aside: Path) -> None:
        parts = read(sources, split, aside.parent)
        vocabulary = _vocabulary(parts, start, max_vocabulary=max_vocabulary, max_words=max_words)
        facts = _write(parts, vocabulary, aside) | {"fingerprints": fingerprints}
        (aside / "corpus.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

    _publish(prepared, write)
    return Corpus.load(prepared)


def _publish(prepared: Path, write: Callable[[Path], None]) -> None:
    """Calls `write` with a new folder, and moves that into place. `write` may put temporary files beside it."""
    try:
        prepared.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="preparing-", dir=prepared.parent) as folder:
            aside = Path(folder, "corpus")
            aside.mkdir()
            write(aside)
            try:
                aside.rename(prepared)
            except OSError:
                if not prepared.is_dir():  # otherwise another run was faster and wrote the same
                    raise
    except OSError as error:
        raise UserError(f"--data_dir: {error.strerror or error} ({error.filename or prepared.parent})") from error


def _vocabulary(parts: Parts, known: Vocabulary, *, max_vocabulary: int, max_words: int) -> Vocabulary:
    """Returns a vocabulary, extended by the most frequent characters and words of the training part, and by labels."""
    counts = np.zeros(len(parts.seen), np.int64)
    for chunk in parts.chunks(0):
        counts += np.bincount(chunk, minlength=len(parts.seen))
    order = [parts.seen[place] for place in np.argsort(-counts, kind="stable") if counts[place]]
    taken = set(known.characters)
    new = [character for character in order if character not in taken]
    vocabulary = known.extended(new[: max_vocabulary - len(taken) if max_vocabulary else None])
    if max_words > len(known.words):
        found = words.frequent(_texts(parts, 0, "counting words"), characters=vocabulary.characters, count=max_words)
        new = [word for word in found if word not in known.words][: max_words - len(known.words)]
        vocabulary = Vocabulary((*vocabulary.tokens, *new), vocabulary.labels)
    return vocabulary.with_labels(parts.labels)


def _write(parts: Parts, vocabulary: Vocabulary, folder: Path) -> dict[str, Any]:
    """Writes a corpus without its `corpus.json`, and returns the contents of that."""
    lengths, spelled, unknown = ([0] * len(SPLITS) for _ in range(3))
    with synced_file(folder / "ids.bin") as file:
        for part in range(len(SPLITS)):
            for ids in _encoded(parts, part, vocabulary):
                lengths[part] += ids.size
                spelled[part] += vocabulary.count_characters(ids)
                unknown[part] += ids.size - int(np.count_nonzero(ids))
                file.write(ids.tobytes())
    vocabulary.save(folder / "vocabulary.json")
    return {
        "characters": sum(lengths),
        "bounds": [lengths[0], lengths[0] + lengths[1]],
        "unknown": unknown,
        "spelled": spelled,
        "sources": list(map(str, parts.lines)),
        "in_short": in_short(parts.lines),
        "crc32": crc32(folder / "ids.bin"),
        **parts.finish(vocabulary, lengths, folder),
    }


def _encoded(parts: Parts, part: int, vocabulary: Vocabulary) -> Iterator[np.ndarray]:
    """Yields the provisional ids of a part as ids of the vocabulary, some at a time."""
    if vocabulary.words:
        for pieces in words.cut(_texts(parts, part, "encoding words"), vocabulary.piece):
            yield vocabulary.encode_pieces(pieces)
        return
    translation = vocabulary.encode(parts.seen)
    if parts.end is not None:
        translation[parts.end] = vocabulary.end
    for chunk in parts.chunks(part):
        yield translation[chunk]


def _texts(parts: Parts, part: int, what: str) -> Iterator[str]:
    """Yields the text of a part in pieces, none of them empty, and shows a progress bar."""
    characters, total = code_points(parts.seen), len(parts.ids[part])
    with tqdm(total=total, desc=what, unit=" chars", unit_scale=True, delay=2, leave=False, disable=None) as bar:
        for chunk in parts.chunks(part):
            if chunk.size:
                yield characters[chunk].tobytes().decode("utf-32-le")
            bar.update(chunk.size)
