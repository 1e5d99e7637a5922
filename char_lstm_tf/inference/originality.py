"""How much of a model's text is new, and how much is copied from its training text."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pipelines.corpus import Corpus

CHUNK = 1 << 20  # characters of the training text in memory at a time
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd; of the polynomial that hashes a run of characters, modulo 2^64


def originality(texts: Sequence[str], corpus: Corpus) -> dict[str, Any]:
    """Returns how much of texts is new, compared with the training split of a corpus.

    Returns:
        `samples`; `distinct`: how many differ; `new`: how many are no training document, or don't occur in a running
        text; `share_distinct` and `share_new`; `longest_copied_run`: the length of the longest part of a sample that
        occurs in the training text, and `copied`, that part; `mean_length`, `shortest` and `longest` for the samples,
        and the same for the training documents.
    """
    count, distinct, lengths = len(texts), set(texts), list(map(len, texts))
    run = longest_copied_run(sorted(distinct), corpus)
    find = _among_documents if any(corpus.documents) else _in_running_text
    known, facts = find(corpus, distinct, longest=len(run))
    new = sum(text not in known for text in texts)
    return {
        "samples": count,
        "distinct": len(distinct),
        "share_distinct": len(distinct) / count,
        "new": new,
        "share_new": new / count,
        "longest_copied_run": len(run),
        "copied": run,
        "mean_length": sum(lengths) / count,
        "shortest": min(lengths),
        "longest": max(lengths),
        **facts,
    }


def _in_running_text(corpus: Corpus, texts: set[str], *, longest: int) -> tuple[set[str], dict[str, Any]]:
    """Returns which texts occur in the training text. None that is longer than `longest` characters does."""
    encoded = {text: corpus.vocabulary.encode(text) for text in texts if len(text) <= longest}
    return {text for text, ids in encoded.items() if _common([ids], corpus, len(ids)) is not None}, {}


def _among_documents(corpus: Corpus, texts: set[str], *, longest: int) -> tuple[set[str], dict[str, Any]]:
    """Returns which texts are training documents, and the lengths of all training documents."""
    encoded = {corpus.vocabulary.encode(text).tobytes(): text for text in texts}
    known, sizes, lengths = set(), {len(key) for key in encoded}, []
    for part in corpus.document_split("train").groups():
        characters = np.cumsum(corpus.vocabulary.lengths[part.ids])[part.places]
        lengths.append(np.diff(characters) - 1)  # without the end symbol
        for ids in part.each():
            inside = ids[1:-1]
            if inside.nbytes in sizes and (key := inside.tobytes()) in encoded:
                known.add(encoded[key])
    every = np.concatenate(lengths)
    return known, {
        "training_documents": len(every),
        "training_mean_length": float(every.mean()),
        "training_shortest": int(every.min()),
        "training_longest": int(every.max()),
    }


def longest_copied_run(texts: Sequence[str], corpus: Corpus) -> str:
    """Returns the longest part of any of the texts that occurs in the training split, "" if no token does.

    If a part of some length occurs, shorter ones do. So the length is doubled until no part of it occurs, and then
    found by bisection. Runs of a length are compared by a hash of 64 bits, and a hash that occurs is checked.
    """
    ids = [corpus.vocabulary.encode(text) for text in texts]
    longest = max(map(len, ids), default=0)
    best = np.zeros(0, corpus.vocabulary.dtype)
    while len(best) < longest and (found := _common(ids, corpus, min(2 * len(best) or 1, longest))) is not None:
        best = found
    low, high = len(best), min(2 * len(best), longest)
    while low + 1 < high:
        length = (low + high) // 2
        found = _common(ids, corpus, length)
        if found is None:
            high = length
        else:
            best, low = found, length
    return corpus.vocabulary.decode(best)


def _common(texts: Sequence[np.ndarray], corpus: Corpus, length: int) -> np.ndarray | None:
    """Returns `length` consecutive ids that a text and the training split have in common; None if there are none."""
    long_enough = [ids for ids in texts if len(ids) >= length]
    own: dict[int, np.ndarray] = {}
    for ids in long_enough:
        for place, hashed in enumerate(_hashes(ids, length).tolist()):
            if ids[place : place + length].all():  # the unknown character is no copy
                own.setdefault(hashed, ids[place : place + length])
    wanted = np.array(sorted(own), np.uint64)
    for chunk in _chunks(corpus, length):
        hashes = _hashes(chunk, length)
        for place in np.flatnonzero(np.isin(hashes, wanted)).tolist():
            part = chunk[place : place + length]
            if np.array_equal(part, own[int(hashes[place])]):
                return part
    return None


def _chunks(corpus: Corpus, length: int) -> Iterator[np.ndarray]:
    ids = corpus.split("train")
    for start in range(0, max(len(ids) - length + 1, 0), CHUNK):
        yield ids[start : start + CHUNK + length - 1]


def _hashes(ids: np.ndarray, length: int) -> np.ndarray:
    """Returns a hash of each run of `length` ids, uint64 `[len(ids) - length + 1]`: a polynomial modulo 2^64."""
    sums = np.zeros(len(ids) - length + 1, np.uint64)
    for place in range(length):
        sums = sums * _BASE + ids[place : place + len(sums)].astype(np.uint64) + np.uint64(1)
    return sums
