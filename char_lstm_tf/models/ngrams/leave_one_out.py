"""The loss of a document by the counts of all the others: Kneser-Ney smoothing without one document.

A document is likely by its own counts, whatever its label, so they must be left out. Counting again without
each document would take as many times as long. Subtracting a document's n-grams from the counts is quick, since few
numbers change: the counts of its n-grams, the sums and discounts of their contexts, and, if an n-gram occurs nowhere
else, the number of different characters before the shorter one.

The discounts stay those of all documents. Letters: n is the order, V the vocabulary size, L labels, P passages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from char_lstm_tf.models.ngrams.kneser_ney import Level, ngram_numbers, without_first


class Ngrams(NamedTuple):
    """N-grams, and the document of each, int64 `[N]` both."""

    numbers: np.ndarray
    documents: np.ndarray


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


def probabilities(tree: Sequence[Level], removed: Ngrams, wanted: Ngrams, vocabulary_size: int) -> np.ndarray:
    """Returns p(w | c) of n-grams by the counts without those of a document, float64 `[Q]`.

    Args:
        tree: the levels of all documents, the longest n-grams first; if nothing was counted, all w are equally likely.
        removed: all n-grams of the documents that are left out.
        wanted: the n-grams c w, with the document that is left out for each; none is, if it isn't in `removed`.
        vocabulary_size: V.
    """
    found = np.full(len(wanted.numbers), 1 / vocabulary_size)
    if not len(tree[0].numbers):
        return found
    (numbers, documents), steps = wanted, []
    for level in tree:
        ngrams, contexts, removed = _removed_from(level, removed, vocabulary_size)
        places = np.minimum(np.searchsorted(level.numbers, numbers), len(level.numbers) - 1)
        counts = np.where(level.numbers[places] == numbers, level.counts[places] - ngrams.of(documents, places)[0], 0)
        context = numbers // vocabulary_size
        places = np.minimum(np.searchsorted(level.contexts, context), len(level.contexts) - 1)
        less, less_taken = contexts.of(documents, places)
        totals = np.where(level.contexts[places] == context, level.totals[places] - less, 0)
        known, divisor = totals > 0, np.maximum(totals, 1)
        share = np.where(known, (counts - level.discounts[np.minimum(counts, 3)]) / divisor, 0.0)
        steps.append((share, np.where(known, (level.taken[places] - less_taken) / divisor, 1.0)))
        numbers = without_first(numbers, vocabulary_size)
    for share, rest in reversed(steps):
        found = share + rest * found
    return found


def _removed_from(level: Level, removed: Ngrams, vocabulary_size: int) -> tuple[Sums, Sums, Ngrams]:
    """Returns what documents add to a level, and their n-grams on the next one.

    These are the counts of n-grams, and the sums of counts, and of discounts, of contexts.
    """
    size = len(level.numbers)
    places = np.searchsorted(level.numbers, removed.numbers)
    keys, counts = np.unique(removed.documents * size + places, return_counts=True)
    documents, places = keys // size, keys % size
    left = level.counts[places] - counts
    taken = level.discounts[np.minimum(level.counts[places], 3)] - level.discounts[np.minimum(left, 3)]
    contexts = np.searchsorted(level.contexts, level.numbers[places] // vocabulary_size)
    context_keys, first = np.unique(documents * len(level.contexts) + contexts, return_index=True)
    of_contexts = tuple(np.add.reduceat(values, first) if len(first) else values for values in (counts, taken))
    gone = left == 0
    shorter = Ngrams(without_first(level.numbers[places[gone]], vocabulary_size), documents[gone])
    return Sums(keys, (counts,), size), Sums(context_keys, of_contexts, len(level.contexts)), shorter


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
        without = np.repeat([units[passage.start] for passage in passages], lengths)
        wanted, chosen = Ngrams(np.concatenate(read), without), np.isin(units, without)[1:]
        counted, of_label = Ngrams(self._ngrams(ids)[chosen], units[1:][chosen]), labels[1:][chosen]
        shared = probabilities(self._all, counted, wanted, self._size)
        firsts = np.cumsum([0, *lengths[:-1]])
        found = []
        for label, tree in enumerate(self._own):
            its = Ngrams(*(values[of_label == label] for values in counted))
            own = probabilities(tree, its, wanted, self._size)
            mixed = (shared + choice[label] * (own - shared) for choice in shares)
            found.append([np.add.reduceat(-np.log(chances), firsts) for chances in mixed])
        return np.moveaxis(np.array(found), 0, -1)

    def _ngrams(self, ids: np.ndarray) -> np.ndarray:
        """Returns the n-grams that end with each id but the first."""
        padded = np.pad(ids.astype(np.int64), (self._order - 2, 0))
        return ngram_numbers(padded, self._order, self._size, self._end)
