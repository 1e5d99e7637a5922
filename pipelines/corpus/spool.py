"""Text as provisional ids on disk, because the vocabulary is known only at the end of the text."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pipelines.corpus.id_range import IdRange
from pipelines.vocabulary import UNICODE_SIZE, code_points

CHUNK = 1 << 20  # characters in memory at a time, besides one document


class ProvisionalIds:
    """Gives each character the next number when it first occurs. `seen` are the characters in the order of numbers."""

    def __init__(self) -> None:
        self.seen = ""
        self._ids = np.full(UNICODE_SIZE, -1, np.int64)

    def of(self, text: str) -> np.ndarray:
        """Returns the numbers of a text's characters, uint32."""
        points = code_points(text)
        ids = self._ids[points]
        if len(ids) and ids.min() < 0:
            new = np.unique(points[ids < 0])
            self._ids[new] = np.arange(len(self.seen), len(self.seen) + len(new))
            self.seen += "".join(map(chr, new))
            ids = self._ids[points]
        return ids.astype(np.uint32)

    def text_of(self, ids: np.ndarray) -> str:
        """Returns the text of numbers that `of` gave."""
        return code_points(self.seen)[ids].tobytes().decode("utf-32-le", "surrogatepass")

    def write(self, text: str, file: BinaryIO) -> None:
        """Writes the numbers of a text's characters, some at a time."""
        for start in range(0, len(text), CHUNK):
            file.write(self.of(text[start : start + CHUNK]).tobytes())


def spool(texts: Iterable[str], path: Path, ids: ProvisionalIds) -> IdRange:
    """Writes texts one after the other, and returns them as provisional ids."""
    with path.open("wb") as file:
        for text in texts:
            ids.write(text, file)
    return IdRange(path, "uint32", 0, path.stat().st_size // 4)
