"""How likely a document is by the counts of all the others: Kneser-Ney smoothing without one document.

A document that was counted is likely by its own counts, whoever wrote it. What its label is worth shows only without
them. Counting again for each document would take as many times as long; taking a document's n-grams off the counts is
quick, since few numbers change: the counts of its n-grams, the sums and discounts of their contexts, and, where an
n-gram occurs nowhere else, the number of different characters that stand before the shorter one.

The discounts stay those of all documents. Letters: n is the order, V the vocabulary size, L labels, P passages.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from char_lstm_tf.models.ngrams.kneser_ney import Level, ngram_numbers, without_first


@dataclass(frozen=True)
class Sums:
    """Numbers for pairs of a document and a place in a table.

    Attributes:
        keys: document × size of the table + place, int64 `[K]`, sorted.
        values: `[K]`, one array for each kind of number.
        size: of the table.
    """

    keys: np.ndarray
    values: tuple[np.ndarray, ...]
    size: int

    def of(self, documents: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the numbers of each pair, `[Q]` each; 0 for those that aren't there."""
        wanted = documents * self.size + places
        if not len(self.keys):
            return tuple(np.zeros(len(wanted), values.dtype) for values in self.values)
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        found = self.keys[at] == wanted
        return tuple(np.where(found, values[at], 0) for values in self.values)


@dataclass(frozen=True)
class Removed:
    """What documents add to the counts of a level.

    Attributes:
        ngrams: the counts of n-grams.
        contexts: the sums of counts, and of discounts, of contexts.
    """

    ngrams: Sums
    contexts: Sums


def removed(tree: Sequence[Level], numbers: np.ndarray, documents: np.ndarray, vocabulary_size: int) -> list[Removed]:
    """Returns what documents add to the counts of each level of a tree, the longest n-grams first.

    Args:
        tree: the levels of all documents, these among them.
        numbers: all n-grams of the documents, int64 `[N]`.
        documents: the document of each, int64 `[N]`.
        vocabulary_size: V.
    """
    found = []
    for level in tree:
        size = len(level.numbers)
        keys, counts = np.unique(documents * size + np.searchsorted(level.numbers, numbers), return_counts=True)
        documents, places = keys // size, keys % size
        left = level.counts[places] - counts
        taken = level.discounts[np.minimum(level.counts[places], 3)] - level.discounts[np.minimum(left, 3)]
        contexts = np.searchsorted(level.contexts, level.numbers[places] // vocabulary_size)
        context_keys, first = np.unique(documents * len(level.contexts) + contexts, return_index=True)
        of_contexts = tuple(np.add.reduceat(values, first) if len(first) else values for values in (counts, taken))
        found.append(Removed(Sums(keys, (counts,), size), Sums(context_keys, of_contexts, len(level.contexts))))
        gone = left == 0
        numbers, documents = without_first(level.numbers[places[gone]], vocabulary_size), documents[gone]
    return found


def probabilities(
    tree: Sequence[Level],
    without: Sequence[Removed],
    numbers: np.ndarray,
    documents: np.ndarray,
    vocabulary_size: int,
) -> np.ndarray:
    """Returns p(w | c) of n-grams by the counts without those of a document, float64 `[Q]`.

    Args:
        tree: the levels of all documents.
        without: what to take off, from `removed`; documents that it doesn't know have nothing taken off.
        numbers: the n-grams c w, int64 `[Q]`.
        documents: the document that is taken off for each, int64 `[Q]`.
        vocabulary_size: V.
    """
    steps = []
    for level, off in zip(tree, without, strict=True):
        places = np.minimum(np.searchsorted(level.numbers, numbers), len(level.numbers) - 1)
        seen = level.numbers[places] == numbers
        counts = np.where(seen, level.counts[places] - off.ngrams.of(documents, places)[0], 0)
        wanted = numbers // vocabulary_size
        places = np.minimum(np.searchsorted(level.contexts, wanted), len(level.contexts) - 1)
        less, less_taken = off.contexts.of(documents, places)
        totals = np.where(level.contexts[places] == wanted, level.totals[places] - less, 0)
        known, divisor = totals > 0, np.maximum(totals, 1)
        share = np.where(known, (counts - level.discounts[np.minimum(counts, 3)]) / divisor, 0.0)
        steps.append((share, np.where(known, (level.taken[places] - less_taken) / divisor, 1.0)))
        numbers = without_first(numbers, vocabulary_size)
    found = np.full(len(numbers), 1 / vocabulary_size)
    for share, rest in reversed(steps):
        found = share + rest * found
    return found


class LeaveOneOut:
    """The losses of counted texts under each label, by the counts of all labels' other texts.

    Args:
        trees: the levels of all documents, then those of each label, L + 1 in all.
        order: n.
        vocabulary_size: V.
        end: id of the end symbol.
    """

    def __init__(self, trees: Sequence[Sequence[Level]], *, order: int, vocabulary_size: int, end: int) -> None:
        self._all, *self._own = trees
        self._order, self._size, self._end = order, vocabulary_size, end

    def nats(
        self,
        ids: np.ndarray,
        units: np.ndarray,
        labels: np.ndarray,
        passages: Sequence[range],
        *,
        shares: Sequence[Sequence[float]],
    ) -> np.ndarray:
        """Returns the loss of each passage under each label, float64 `[C, P, L]`.

        A passage is read like a document of its own, after an end symbol, and the counts are without its unit.

        Args:
            ids: documents, `end, document, end … end`, all of them counted, `[N]`.
            units: what is left out together with each id, such as the number of its document, int64 `[N]`.
            labels: of the document of each id, `[N]`.
            passages: places in `ids`; each lies within a unit.
            shares: weights of the own counts of each label, as in `counted.counted_model`, C ways to choose them.
        """
        read = [self._ngrams(np.append(self._end, ids[passage.start : passage.stop])) for passage in passages]
        lengths = [len(numbers) for numbers in read]
        numbers, without = np.concatenate(read), np.repeat([units[passage.start] for passage in passages], lengths)
        chosen = np.isin(units, without)[1:]
        counted, owners, of_label = self._ngrams(ids)[chosen], units[1:][chosen], labels[1:][chosen]
        shared = self._probabilities(self._all, counted, owners, numbers, without)
        firsts = np.cumsum([0, *lengths[:-1]])
        found = []
        for label, tree in enumerate(self._own):
            its = of_label == label
            own = self._probabilities(tree, counted[its], owners[its], numbers, without)
            mixed = (shared + choice[label] * (own - shared) for choice in shares)
            found.append([np.add.reduceat(-np.log(probabilities), firsts) for probabilities in mixed])
        return np.moveaxis(np.array(found), 0, -1)

    def _ngrams(self, ids: np.ndarray) -> np.ndarray:
        """Returns the n-grams that end with each id but the first."""
        padded = np.pad(ids.astype(np.int64), (self._order - 2, 0))
        return ngram_numbers(padded, self._order, self._size, self._end)

    def _probabilities(
        self,
        tree: Sequence[Level],
        counted: np.ndarray,
        owners: np.ndarray,
        numbers: np.ndarray,
        without: np.ndarray,
    ) -> np.ndarray:
        if not len(tree[0].numbers):
            return np.full(len(numbers), 1 / self._size)
        return probabilities(tree, removed(tree, counted, owners, self._size), numbers, without, self._size)
