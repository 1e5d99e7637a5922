"""A part of a file of ids, read a piece at a time."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class IdRange:
    """A contiguous part of an id file: characters `begin` to `end` of it.

    A slice such as `ids[1000:2000]` reads only these ids, so a text may be longer than memory.

    If documents have labels, `labels` has that of each id's document. An end symbol belongs to the document it ends.
    """

    path: Path
    dtype: str
    begin: int
    end: int
    labels: "IdRange | None" = None

    def __len__(self) -> int:
        return self.end - self.begin

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        count, offset = max(stop - start, 0), (self.begin + start) * np.dtype(self.dtype).itemsize
        ids = np.fromfile(self.path, self.dtype, count, offset=offset)
        self.require(len(ids) == count)
        return ids

    def pieces(self, size: int) -> Iterator[np.ndarray]:
        """Yields all ids, `size` of them at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    @property
    def labels_dtype(self) -> str:
        """The type of the labels; "" if there are none."""
        return self.labels.dtype if self.labels else ""

    def of_epoch(self, epoch: int) -> "IdRange":
        """Returns what an epoch of training reads: always the same, since running text isn't shuffled."""
        return self

    def windows(self, starts: np.ndarray, *, length: int) -> np.ndarray:
        """Returns `length` ids from each of `starts` on, `dtype [len(starts), length]`; starts are int64.

        It reads only these bytes. If the file were mapped, all pages around them would count as memory of the process.
        """
        size = np.dtype(self.dtype).itemsize
        with self.path.open("rb", buffering=0) as file:
            read = [os.pread(file.fileno(), length * size, (self.begin + start) * size) for start in starts.tolist()]
        self.require(all(len(window) == length * size for window in read))
        return np.frombuffer(b"".join(read), self.dtype).reshape(len(starts), length)

    def require(self, is_whole: bool) -> None:
        """Raises OSError unless everything that was asked for could be read."""
        if not is_whole:
            raise OSError(errno.EIO, "shorter than when the run started", str(self.path))
