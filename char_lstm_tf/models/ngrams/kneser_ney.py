"""Counts of n-grams, and their probabilities by interpolated Kneser-Ney smoothing.

Letters: n is the order, V the vocabulary size, w a character, c the context before it, of 0 to n - 1 characters. An
n-gram is a number: the characters of its context from the last to the first, then w, as digits of base V. So n-grams
with the same context are neighbours when they are sorted, and so are contexts with the same end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from tqdm import tqdm

from pipelines import UserError
from pipelines.corpus import IdRange

CHUNK = 1 << 20  # characters in memory at a time
MAX_NGRAMS = 10_000_000  # different n-grams of the highest order; counting them takes up to 1.2 GB


@dataclass(frozen=True)
class Tables:
    """A tree of contexts, and the shares of the characters that were seen after each.

    Row 0 is the empty context. The children of a row are the contexts with one more character at their start. Rows are
    ordered by level, and the children of a row are neighbours. The last row, R, stands for every context that wasn't
    seen: it has no children, no entries, and rest 1.

    Attributes:
        children: the first child of each row, int32 `[R + 2]`. The children of row r end before `children[r + 1]`.
        left: the first character of each context, int32 `[R + 1]`.
        rest: the probability that each context leaves to the next shorter one, float32 `[R + 1]`.
        entries: the first entry of each row in `seen` and `share`, int32 `[R + 2]`.
        seen: characters seen, int32 `[E]`, sorted within a row.
        share: their probability after discounting, float32 `[E]`.
    """

    children: np.ndarray
    left: np.ndarray
    rest: np.ndarray
    entries: np.ndarray
    seen: np.ndarray
    share: np.ndarray


def count(
    ids: IdRange | np.ndarray, *, order: int, vocabulary_size: int, end: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the different n-grams of a text, int64, sorted, and how often each occurs, int64.

    It reads a chunk at a time and keeps the n-grams found so far in memory.

    Args:
        ids: the text.
        order: n.
        vocabulary_size: V.
        end: id of the end symbol, of documents. What stands before it counts as id 0, in the contexts after it.

    Raises:
        UserError: the text is shorter than n, there are too many n-grams, or their numbers exceed 63 bits.
    """
    # So that the beginning of the first document counts too.
    before = order - 2 if len(ids) and ids[:1][0] == end else 0
    if before + len(ids) < order:
        raise UserError(f"--order={order}: the training split has {len(ids):,} characters; lower it")
    if vocabulary_size**order >= 2**63:
        fits = int(63 / np.log2(vocabulary_size))
        raise UserError(f"--order={order}: at most {fits} with a vocabulary of {vocabulary_size:,}")
    found, fresh = (np.zeros(0, np.int64), np.zeros(0, np.int64)), []
    starts = range(0, max(len(ids) - order + 1, 1), CHUNK)
    for start in tqdm(starts, "counting", unit=" MB", delay=2, leave=False, disable=None):
        chunk = ids[start : start + CHUNK + order - 1].astype(np.int64)
        if start == 0:
            chunk = np.pad(chunk, (before, 0))
        fresh.append(np.unique(ngram_numbers(chunk, order, vocabulary_size, end), return_counts=True))
        if start == starts[-1] or sum(len(numbers) for numbers, _ in fresh) > len(found[0]):
            found, fresh = _merged([found, *fresh]), []  # twice as many each time, so there are few merges
            if len(found[0]) > MAX_NGRAMS:
                raise UserError(
                    f"--order={order}: more than {MAX_NGRAMS:,} different sequences of {order} characters; lower it"
                )
    return found


def ngram_numbers(ids: np.ndarray, order: int, vocabulary_size: int, end: int | None) -> np.ndarray:
    """Before: ids 1 2 3 of n = 3, V = 10; after: 213, which is 3 after the context 1 2. With end = 2: 203."""
    numbers = np.zeros(len(ids) - order + 1, np.int64)
    inside = np.ones(len(numbers), bool)  # whether the context so far belongs to the document of its last character
    for place in range(order - 2, -1, -1):
        context = ids[place : place + len(numbers)]
        numbers = numbers * vocabulary_size + context * inside
        inside &= context != end
    return numbers * vocabulary_size + ids[order - 1 :]


def _merged(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the n-grams of several parts with the sums of their counts."""
    numbers, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(numbers, kind="stable")
    numbers, first = np.unique(numbers[order], return_index=True)
    return numbers, np.add.reduceat(counts[order], first)


def discounts(counts: np.ndarray) -> np.ndarray:
    """Returns the discounts of n-grams that were counted 0, 1, 2 and at least 3 times, float64 `[4]`.

    Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1999), section 2.7: "modified"
    Kneser-Ney. If the counts of a small text don't allow that formula: 1/2, 1 and 3/2.
    """
    once, twice, thrice, four = np.bincount(np.minimum(counts, 5), minlength=5)[1:5].astype(float)
    if min(once, twice, thrice):
        share = once / (once + 2 * twice)
        found = 1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * four / thrice
        if all(0 < discount < times for discount, times in zip(found, (1, 2, 3), strict=True)):
            return np.array([0, *found])
    return np.array([0, 0.5, 1, 1.5])


@dataclass(frozen=True)
class Level:
    """The n-grams of one length with what Kneser-Ney smoothing needs of them. G n-grams have C different contexts.

    Attributes:
        numbers: int64 `[G]`, sorted.
        counts: int64 `[G]`: of the longest n-grams how often each occurs, of shorter ones how many different characters
            stand before each.
        discounts: of counts of 0, 1, 2 and at least 3, float64 `[4]`.
        contexts: numbers of the contexts, int64 `[C]`, sorted.
        first: the first n-gram with each context, int64 `[C]`.
        totals: the sum of the counts of each context, int64 `[C]`.
        taken: the sum of the discounts of each context, float64 `[C]`.
    """

    numbers: np.ndarray
    counts: np.ndarray
    discounts: np.ndarray
    contexts: np.ndarray
    first: np.ndarray
    totals: np.ndarray
    taken: np.ndarray


def levels(numbers: np.ndarray, counts: np.ndarray, *, order: int, vocabulary_size: int) -> list[Level]:
    """Returns the n-grams of each length, the longest first. Arguments as for `smooth`."""
    found = []
    for _ in range(order):
        discounted = discounts(counts)
        taken = discounted[np.minimum(counts, 3)]
        contexts, first = np.unique(numbers // vocabulary_size, return_index=True)
        sums = np.add.reduceat(counts, first), np.add.reduceat(taken, first)
        found.append(Level(numbers, counts, discounted, contexts, first, *sums))
        numbers, counts = np.unique(without_first(numbers, vocabulary_size), return_counts=True)
    return found


def without_first(numbers: np.ndarray, vocabulary_size: int) -> np.ndarray:
    """Returns n-grams without their first character. Before: 213 (1 2 3) of V = 10; after: 23 (2 3)."""
    return numbers // vocabulary_size**2 * vocabulary_size + numbers % vocabulary_size


def smooth(numbers: np.ndarray, counts: np.ndarray, *, order: int, vocabulary_size: int) -> Tables:
    """Returns the tables of counted n-grams: shares and rests such that, with c' the context c without its beginning,

        p(w | c) = share(c, w) + rest(c) p(w | c'),   p(w | c') = 1 / V when c was empty.

    Interpolated Kneser-Ney: share(c, w) = (a(c, w) - D(a(c, w))) / Σ a(c, ·), where a is the count
    for the highest order, and the number of different characters seen before c w for lower orders.

    Args:
        numbers: n-grams, as `count` returns them.
        counts: their counts, as `count` returns them.
        order: n.
        vocabulary_size: V.
    """
    return tables_of(levels(numbers, counts, order=order, vocabulary_size=vocabulary_size), vocabulary_size)


def tables_of(found: Sequence[Level], vocabulary_size: int) -> Tables:
    """Returns the tables of n-grams of each length, the longest first."""
    shortest_first = found[::-1]
    contexts = [level.contexts for level in shortest_first]
    shares = [
        (level.counts - level.discounts[np.minimum(level.counts, 3)])
        / np.repeat(level.totals, np.diff([*level.first, len(level.counts)]))
        for level in shortest_first
    ]
    begins = np.cumsum([0, *(len(level.numbers) for level in shortest_first)])  # of each level's entries
    entries = [level.first + begin for level, begin in zip(shortest_first, begins, strict=False)]
    return Tables(
        _first_children(contexts, vocabulary_size),
        np.concatenate([*(level % vocabulary_size for level in contexts), [0]]).astype(np.int32),
        np.concatenate([*(level.taken / level.totals for level in shortest_first), [1]]).astype(np.float32),
        np.concatenate([*entries, begins[-1:], begins[-1:]]).astype(np.int32),
        np.concatenate([level.numbers % vocabulary_size for level in shortest_first]).astype(np.int32),
        np.concatenate(shares).astype(np.float32),
    )


def forest(trees: Sequence[Tables]) -> tuple[Tables, list[int]]:
    """Returns several trees of contexts as one set of tables, and the row of the empty context of each.

    They share the last row, which stands for every context that wasn't seen. The children of a tree's last row seem to
    reach into the next tree, which makes no difference: children of the longest contexts are never looked up.
    """
    roots = np.cumsum([0, *(len(tree.left) - 1 for tree in trees)])
    entries = np.cumsum([0, *(len(tree.seen) for tree in trees)])
    joined = Tables(
        np.concatenate(
            [*(tree.children[:-2] + root for tree, root in zip(trees, roots, strict=False)), [roots[-1]] * 2]
        ).astype(np.int32),
        np.concatenate([*(tree.left[:-1] for tree in trees), [0]]).astype(np.int32),
        np.concatenate([*(tree.rest[:-1] for tree in trees), [1]]).astype(np.float32),
        np.concatenate(
            [*(tree.entries[:-2] + first for tree, first in zip(trees, entries, strict=False)), [entries[-1]] * 2]
        ).astype(np.int32),
        np.concatenate([tree.seen for tree in trees]),
        np.concatenate([tree.share for tree in trees]),
    )
    return joined, roots[:-1].tolist()


def _first_children(contexts: Sequence[np.ndarray], vocabulary_size: int) -> np.ndarray:
    """Returns `Tables.children` for the contexts of each length, the empty one first."""
    begin, children = 1, []
    for level, longer in pairwise(contexts):
        children.append(begin + np.searchsorted(longer // vocabulary_size, level))
        begin += len(longer)
    return np.concatenate([*children, np.full(len(contexts[-1]) + 2, begin)]).astype(np.int32)
