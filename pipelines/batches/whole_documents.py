"""Whole documents and their labels, in batches of about the same length."""

from functools import lru_cache
from typing import ClassVar

import numpy as np
import tensorflow as tf

from pipelines import UserError
from pipelines.corpus import DocumentRange

POOL = 50  # batches whose documents are sorted by length together
STEP = 8  # the length of a batch is a multiple of this; if it is long, of a higher power of two


class WholeDocuments:
    """The documents of a part of a text with their labels, B at a time, in a new order each epoch (see `Batches`).

    A batch has documents of about the same length, so that little of it is padding. A document of more
    than `longest` tokens is cut into pieces of nearly equal length, each with the document's label.

    Args:
        documents: with labels.
        batch_size: B.
        longest: the most tokens of a row.
        seed: of the orders.
        rows: which rows of each batch to read, for a worker that trains together with others; None: all.
        chars_per_id: mean number of characters of a token.
        edges: where texts begin, and the end of the last one, `[U + 1]`, if they aren't whole documents. Places count
            the ids of all documents, as those of `documents.ends` do.

    Raises:
        UserError: there are no documents.
    """

    carries_state: ClassVar[bool] = False

    def __init__(
        self,
        documents: DocumentRange,
        *,
        batch_size: int,
        longest: int,
        seed: int,
        rows: range | None = None,
        chars_per_id: float = 1.0,
        edges: np.ndarray | None = None,
    ) -> None:
        self._rows, self._chars_per_id = rows, chars_per_id
        self._ids, self._end, self._batch_size, self._seed = documents.ids, documents.end, batch_size, seed
        places = documents.ends[:]
        first, last = (places[:-1] + 1, places[1:]) if edges is None else (edges[:-1], edges[1:])
        lengths = last - first
        pieces = np.maximum(-(-lengths // longest), 1)
        document = np.repeat(np.arange(len(lengths)), pieces)
        number = np.arange(len(document)) - np.repeat(np.cumsum(pieces) - pieces, pieces)  # of a piece in its document
        starts, ends = (first[document] + lengths[document] * (number + shift) // pieces[document] for shift in (0, 1))
        self._starts, self._lengths, self._documents = starts, ends - starts, document
        if not len(starts):
            raise UserError("the training part has no documents; give more, or --split=1,0,0")
        self._order = lru_cache(maxsize=2)(self._order_of)

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has. One of them may be smaller."""
        return -(-len(self._starts) // self._batch_size)

    def characters(self, steps: int) -> int:
        """Returns about how many characters `steps` batches have."""
        return round(round(steps / self.steps_per_epoch * int(self._lengths.sum())) * self._chars_per_id)

    def _order_of(self, epoch: int) -> list[np.ndarray]:
        """Returns the numbers of the pieces in each batch of an epoch."""
        chance = np.random.default_rng([self._seed, epoch])
        order = chance.permutation(len(self._starts))
        pool = POOL * self._batch_size
        parts = [order[start : start + pool] for start in range(0, len(order), pool)]
        order = np.concatenate([part[np.argsort(self._lengths[part], kind="stable")] for part in parts])
        batches = [order[start : start + self._batch_size] for start in range(0, len(order), self._batch_size)]
        return [batches[place] for place in chance.permutation(len(batches))]

    def batch(self, step: int) -> tuple[np.ndarray, ...]:
        """Returns ids, int32 `[B, T]`, padded with end symbols, and labels, int32 `[B]`, see `Batches`."""
        epoch, place = divmod(step, self.steps_per_epoch)
        whole = chosen = self._order(epoch)[place]
        counts: tuple[np.ndarray, ...] = ()
        if self._rows is not None:
            chosen = whole[self._rows.start : self._rows.stop]
            counts = (np.array([len(chosen), len(whole)], np.int32),)
            chosen = chosen if len(chosen) else whole[:1]
        texts, labels = [], []
        ids, of_ids = self._ids, self._ids.labels
        for start, length in zip(self._starts[chosen].tolist(), self._lengths[chosen].tolist(), strict=True):
            texts.append(ids[start : start + length])
            labels.append(int(of_ids[start : start + 1][0]) if of_ids else 0)
        return padded(texts, self._end), np.array(labels, np.int32), *counts

    def documents(self, step: int) -> np.ndarray:
        """Returns the numbers of the documents, or texts, that the rows of a batch come from, int64 `[B]`."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._documents[self._order(epoch)[place]]

    def dataset(self, first: int, last: int) -> tf.data.Dataset:
        """Returns the batches from step `first` to before step `last`, see `Batches`."""
        shapes = [[None, None], [None], *([[2]] if self._rows is not None else [])]
        signature = tuple(tf.TensorSpec(shape, tf.int32) for shape in shapes)
        return tf.data.Dataset.from_generator(
            lambda: map(self.batch, range(first, last)), output_signature=signature
        ).prefetch(2)


def padded(texts: list[np.ndarray], end: int) -> np.ndarray:
    """Returns texts as rows of ids, int32 `[B, T]`, padded with end symbols.

    Layers are compiled for each T, so there are few: at most eight from one power of two to the next.
    """
    longest = max(map(len, texts))
    step = max(STEP, 1 << max(longest.bit_length() - 4, 0))
    rows = np.full((len(texts), max(-(-longest // step), 1) * step), end, np.int32)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = text
    return rows
