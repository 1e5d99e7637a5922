"""Texts of different lengths → rows that are read in parallel."""

import heapq
from collections.abc import Sequence

import numpy as np


def balanced_rows(lengths: Sequence[int], *, rows: int) -> list[list[int]]:
    """Returns which texts to read in each row, so that all rows have about the same length.

    The longest text comes first, and each goes to the row that is shortest so far.

    Before: lengths 3 9 2 4, two rows; after: `[[1], [3, 0, 2]]`.
    """
    chosen: list[list[int]] = [[] for _ in range(rows)]
    filled = [(0, row) for row in range(rows)]
    for number in np.argsort(-np.asarray(lengths, np.int64), kind="stable").tolist():
        length, row = heapq.heappop(filled)
        chosen[row].append(number)
        heapq.heappush(filled, (length + lengths[number], row))
    return chosen


def row_of_texts(labelled: Sequence[tuple[np.ndarray, int]]) -> tuple[np.ndarray, ...]:
    """Returns several texts as one row: the inputs, the targets, where each text begins, and the labels.

    These are int32, int32, bool and int32. Before: ids `1 4 1` with label 0 and `1 5 6 1` with label 3; after:
    `1 4 1 5 6`, `4 1 5 6 1`, True at the first and the third place, and `0 0 3 3 3`.
    """
    kept = [(ids, label) for ids, label in labelled if len(ids) > 1]
    texts = [ids for ids, _ in kept]
    ids = np.concatenate([np.zeros(0, np.int32), *texts]).astype(np.int32)
    lengths = np.array(list(map(len, texts)), np.int64)
    last = np.cumsum(lengths) - 1
    first = last - lengths + 1
    begins = np.zeros(len(ids) - len(texts), bool)
    begins[first - np.arange(len(texts))] = True
    labels = np.repeat(np.array([label for _, label in kept], np.int32), lengths - 1)
    return np.delete(ids, last), np.delete(ids, first), begins, labels


def rectangle(rows: Sequence[np.ndarray], start: int, size: int) -> np.ndarray:
    """Returns `size` values of each row from `start` on, `[len(rows), size]`; 0 where a row has ended."""
    parts = [row[start : start + size] for row in rows]
    kind = bool if parts[0].dtype == bool else np.int32
    return np.stack([np.pad(part.astype(kind), (0, size - len(part))) for part in parts])
