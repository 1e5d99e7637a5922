"""Documents in a new order each epoch."""

import dataclasses
import os
import threading
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipelines.corpus.documents import DocumentRange
from pipelines.corpus.id_range import IdRange
from pipelines.files import atomic_write

CHUNK = 1 << 16  # documents whose places are in memory at a time


class ShuffledDocuments:
    """The documents of a part of a text, in a new order for each epoch, with end symbols between them.

    The order of an epoch is written to a file, which is then read like a running text. So a batch depends only on its
    number, memory doesn't grow with the documents, and a stream may cut a long document into rows. Writing takes some
    3 µs per document. The folder keeps the files of two epochs: batches are read ahead, so the next epoch begins while
    the one before is in use.
    """

    def __init__(self, documents: DocumentRange, *, seed: int, folder: Path) -> None:
        self._documents, self._seed, self._folder = documents, seed, folder
        self.dtype, self.labels_dtype = documents.ids.dtype, documents.ids.labels_dtype
        self._lock = threading.Lock()  # batches are read by several threads

    def __len__(self) -> int:
        """The number of ids."""
        return len(self._documents.ids)

    def of_epoch(self, epoch: int) -> IdRange:
        """Returns the ids of all documents in the order of an epoch."""
        ids = self._documents.ids
        written = self._shuffled(epoch, "epoch", ids)
        if ids.labels is None:
            return written
        return dataclasses.replace(written, labels=self._shuffled(epoch, "labels", ids.labels))

    def _shuffled(self, epoch: int, kind: str, values: IdRange) -> IdRange:
        path = self._folder / f"{kind}-{epoch}.bin"
        with self._lock:
            if not path.exists():
                self._folder.mkdir(exist_ok=True)
                with atomic_write(path) as aside:
                    self._write(epoch, values, aside)
                for old in self._folder.glob(f"{kind}-*.bin"):
                    if old.name not in (path.name, f"{kind}-{epoch - 1}.bin"):
                        old.unlink()
        return IdRange(path, values.dtype, 0, len(values))

    def _write(self, epoch: int, values: IdRange, path: Path) -> None:
        """Writes the values of each document, in the order of an epoch."""
        import tensorflow as tf  # takes seconds, and texts are prepared without it

        count, size = len(self._documents), np.dtype(values.dtype).itemsize
        with path.open("wb") as out, values.path.open("rb", buffering=0) as file:
            out.write(values[:1].tobytes())  # of the end symbol before the first document
            starts = range(0, count, CHUNK)
            for start in tqdm(starts, "shuffling", unit=f" × {CHUNK:,} documents", delay=2, leave=False, disable=None):
                places = tf.range(start, min(start + CHUNK, count), dtype=tf.int64)
                chosen = tf.random.experimental.index_shuffle(places, [self._seed, epoch], max_index=count - 1).numpy()
                edges = self._documents.ends.windows(chosen, length=2) + values.begin + 1
                for begin, end in edges.tolist():
                    out.write(os.pread(file.fileno(), (end - begin) * size, begin * size))
            written = out.tell()
        values.require(written == len(values) * size)
