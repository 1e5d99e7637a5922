"""Counted n-grams in backoff form, as ARPA files have it. The probabilities are those of `kneser_ney.Tables`, exactly.

Letters as in `kneser_ney`: n is the order, V the vocabulary size, w a token, c its context, c' the context without its
first token. The tables interpolate:

    p(w | c) = share(c, w) + rest(c) p(w | c'),   share(c, w) = 0 for what wasn't seen after c.

Backoff form has a probability for each n-gram, and looks at a shorter context only for what isn't listed:

    p(w | c) = p(c w) if c w is listed, else backoff(c) p(w | c').

Both are the same if p(c w) is the interpolated probability and backoff(c) = rest(c). (Chen and Goodman, "An Empirical
Study of Smoothing Techniques for Language Modeling" (1999), section 2.8, compare both forms.)

Here an n-gram is a number whose digits of base V are its tokens, from first to last. Its prefix is what is left without
its last token, and its suffix without its first.
"""

from dataclasses import dataclass

import numpy as np

from char_lstm_tf.models.ngrams.kneser_ney import Tables


@dataclass(frozen=True)
class Listed:
    """The n-grams of one length that are listed.

    Attributes:
        numbers: int64 `[G]`, sorted.
        probabilities: of the last token after the others, float64 `[G]`.
        backoffs: of the n-gram as a context, float64 `[G]`.
    """

    numbers: np.ndarray
    probabilities: np.ndarray
    backoffs: np.ndarray


@dataclass(frozen=True)
class _Level:
    """What the tables hold of contexts of one length, and of the tokens after them. Both are sorted by number."""

    contexts: np.ndarray
    rests: np.ndarray
    numbers: np.ndarray
    shares: np.ndarray


def backoff_form(tables: Tables, *, order: int, vocabulary_size: int, end: int | None = None) -> list[Listed]:
    """Returns the n-grams of each length that must be listed, the shortest first.

    These are the ones that were seen, all single tokens, and the prefixes and suffixes of others, which programs that
    read ARPA files expect. (At the beginning of a text, a prefix of a long n-gram wasn't counted as a short one.)

    Args:
        tables: what was counted.
        order: n.
        vocabulary_size: V.
        end: id of the end symbol, of documents. In the tables, id 0 fills up the contexts in front of it. Here nothing
            stands before it, and a context that begins with it has the probabilities of the one that is filled up.
    """
    levels = _levels(tables, order, vocabulary_size, end)
    needed = [np.arange(vocabulary_size)]
    longer = np.zeros(0, np.int64)
    for length in range(order, 1, -1):
        parts = [levels[length - 1].numbers, longer // vocabulary_size, longer % vocabulary_size**length]
        longer = np.unique(np.concatenate(parts))
        needed.insert(1, longer)
    found: list[Listed] = []
    shorter = np.full(1, 1 / vocabulary_size)
    for length, numbers in enumerate(needed, start=1):
        level = levels[length - 1]
        rests = _looked_up(level.contexts, level.rests, numbers // vocabulary_size, default=1.0)
        if found:
            suffixes = np.searchsorted(found[-1].numbers, numbers % vocabulary_size ** (length - 1))
            shorter = found[-1].probabilities[suffixes]
        probabilities = _looked_up(level.numbers, level.shares, numbers, default=0.0) + rests * shorter
        longest = length == order
        backoffs = (
            np.ones(len(numbers))
            if longest
            else _looked_up(levels[length].contexts, levels[length].rests, numbers, default=1.0)
        )
        found.append(Listed(numbers, probabilities, backoffs))
    return found


def _looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray, *, default: float) -> np.ndarray:
    """Returns the value of each wanted number, float64, or the default where it isn't among the sorted keys."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], default)


def _levels(tables: Tables, order: int, vocabulary_size: int, end: int | None) -> list[_Level]:
    """Returns the contexts of 0 to n - 1 tokens in the tables, without those that id 0 fills up."""
    shares, rests = tables.share.astype(np.float64), tables.rest.astype(np.float64)
    rows, contexts = np.zeros(1, np.int64), np.zeros(1, np.int64)
    filled = has_end = np.zeros(1, bool)  # by id 0; what stands before an end symbol is
    found = [(rows, contexts, filled, has_end)]
    for length in range(1, order):
        counts = np.diff(tables.children)[rows]
        rows = tables.children[rows[0]] + np.arange(counts.sum())
        left = tables.left[rows].astype(np.int64)
        contexts = left * vocabulary_size ** (length - 1) + np.repeat(contexts, counts)
        filled = np.repeat(has_end, counts)
        has_end = filled | (left == end)
        found.append((rows, contexts, filled, has_end))
    for rows, _, _, has_end in reversed(found[:-1]):
        _take_over(tables, shares, rests, rows[has_end])
    return [
        _level(tables, shares, rests, rows[~filled], contexts[~filled], vocabulary_size)
        for rows, contexts, filled, _ in found
    ]


def _take_over(tables: Tables, shares: np.ndarray, rests: np.ndarray, rows: np.ndarray) -> None:
    """Gives contexts the shares and rests of the ones with id 0 in front, so that they needn't be looked up.

    With s, r of a context and S, R of the longer one, S + R (s + r p) is the same as (S + R s) + (R r) p.
    """
    longer = tables.children[rows]
    (own, _), (others, of_longer) = _entries(tables, rows), _entries(tables, longer)
    if len(own) != len(others) or not np.array_equal(tables.seen[own], tables.seen[others]):
        raise ValueError("what stands before an end symbol isn't filled up with id 0")
    shares[own] = shares[others] + rests[longer][of_longer] * shares[own]
    rests[rows] *= rests[longer]


def _entries(tables: Tables, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of the entries of some rows, and for each which of these rows it belongs to."""
    begins, counts = tables.entries[rows].astype(np.int64), np.diff(tables.entries)[rows]
    owners = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    return begins[owners] + within, owners


def _level(
    tables: Tables, shares: np.ndarray, rests: np.ndarray, rows: np.ndarray, contexts: np.ndarray, vocabulary_size: int
) -> _Level:
    """Returns rows with their entries, sorted by number."""
    by_number = np.argsort(contexts)
    rows, contexts = rows[by_number], contexts[by_number]
    entries, owners = _entries(tables, rows)
    numbers = contexts[owners] * vocabulary_size + tables.seen[entries]
    return _Level(contexts, rests[rows], numbers, shares[entries])
