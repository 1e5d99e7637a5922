"""Vectors of words as text: the format of word2vec and of GloVe.

A line for each word: the word, a blank, and its numbers with blanks between. word2vec writes a line before them with
how many words there are and how many numbers each has; GloVe doesn't.
"""

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines import UserError

BLANK = "\u2423"  # stands for a blank in the file, where a blank ends a word


@dataclass(frozen=True)
class VectorFile:
    """The vectors of some words in a file, and facts about the file.

    Attributes:
        vectors: by word, float32 `[D]` each.
        size: D.
        lines: how many words the file has.
        duplicates: lines whose word an earlier line has. The first one counts.
        broken: lines that aren't a word and D finite numbers in UTF-8, which are left out.
    """

    vectors: dict[str, np.ndarray]
    size: int
    lines: int
    duplicates: int
    broken: int


def read(path: Path, wanted: Iterable[str]) -> VectorFile:
    """Reads the vectors of some words from a file, which may be packed by gzip.

    Memory grows with these vectors and with the words of the file, which are kept to count duplicates.

    Raises:
        UserError: the file can't be read, or has no vectors.
    """
    wanted, vectors, seen = set(wanted), {}, set()
    size = lines = duplicates = broken = 0
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            for number, line in enumerate(file):
                parts = line.rstrip().split(b" ")
                if number == 0 and len(parts) == 2 and all(part.isdigit() for part in parts):
                    size = int(parts[1])
                    continue
                lines += 1
                size = size or len(parts) - 1
                word = _decoded(b" ".join(parts[:-size])) if size and len(parts) > size else None
                if not word:
                    broken += 1
                elif word in seen:
                    duplicates += 1
                elif word in wanted:
                    vector = _numbers(parts[-size:])
                    broken += vector is None
                    if vector is not None:
                        seen.add(word)
                        vectors[word] = vector
                else:
                    seen.add(word)
    except (OSError, EOFError) as error:
        raise UserError(f"--vectors={path}: {getattr(error, 'strerror', None) or error}") from error
    if lines == broken:
        raise UserError(f"--vectors={path}: no vectors; a line is a word and its numbers, with blanks between")
    return VectorFile(vectors, size, lines, duplicates, broken)


def _decoded(word: bytes) -> str | None:
    try:
        return word.decode()
    except UnicodeDecodeError:
        return None


def _numbers(parts: Sequence[bytes]) -> np.ndarray | None:
    try:
        vector = np.array(parts, np.float32)
    except ValueError:
        return None
    return vector if np.isfinite(vector).all() else None


def names_of(token: str) -> tuple[str, ...]:
    """Returns the words to look for in a file instead of a token, the best first.

    Most files have no blanks before words, and few have capital letters.
    Before: `" King"`; after: `"␣King"` (as `written` has it), `"King"`, `"king"`.
    """
    bare = token[1:] if token.startswith(" ") and len(token) > 1 else token
    return tuple(dict.fromkeys((written(token), bare, bare.lower())))


def written(token: str) -> str:
    """Returns a token as a word of a file, with signs or escapes in place of white space."""
    return "".join(BLANK if c == " " else ascii(c)[1:-1] if c.isspace() or c == BLANK else c for c in token)


def write(path: Path, names: Sequence[str], vectors: np.ndarray) -> None:
    """Writes vectors, float32 `[len(names), D]`, in word2vec's text format."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{len(names)} {vectors.shape[1]}\n")
        for name, vector in zip(names, vectors, strict=True):
            file.write(f"{name} {' '.join(f'{value:.6g}' for value in vector.tolist())}\n")


def nearest(vectors: np.ndarray, row: int, *, count: int) -> list[tuple[int, float]]:
    """Returns the rows of `[N, D]` nearest to one of them by cosine, the nearest first, each with its cosine."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosines = unit @ unit[row]
    cosines[row] = -np.inf
    best = np.argsort(-cosines, kind="stable")[: min(count, len(vectors) - 1)]
    return [(int(place), float(cosines[place])) for place in best]


def flattened(vectors: np.ndarray) -> np.ndarray:
    """Returns the two principal components of vectors, float64 `[N, 2]`."""
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return centred @ axes[:2].T
