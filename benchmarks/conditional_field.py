"""Fits the weights of `pipelines.gutenberg.cleaning.judging`: a linear-chain conditional random field.

The weights have the greatest likelihood of the labels, less half the sum of their squares (Lafferty, McCallum and
Pereira, 2001). A paragraph of the book that is taken for the volunteers' costs `_COST` (softmax margin; Gimpel and
Smith, 2010), as losing text is worse than keeping a note.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from pipelines.gutenberg.cleaning import judging, weights

_COST = 3.0
_GAPS = judging.MOST_LINES - 1
_Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Row:
    """The paragraphs of one end of a text, and whether the volunteers wrote them."""

    paragraphs: list[judging.Paragraph]
    labels: list[bool]


@dataclasses.dataclass(frozen=True)
class Fitted:
    """Weights of signs by name, and of changes by the end of the text and the lines between paragraphs."""

    signs: dict[str, float]
    enter: np.ndarray
    leave: np.ndarray
    start: np.ndarray

    def use(self) -> None:
        """Makes the cleaner use these weights."""
        weights.WEIGHTS = self.signs
        weights.ENTER, weights.LEAVE = self.enter.tolist(), self.leave.tolist()
        weights.START = self.start.tolist()


class Field:
    """The likelihood of rows of about the same length, with all paths through each added up (forward-backward).

    Arrays are [B, T] for B rows of at most T paragraphs: `signs` [B, T, F], `labels`, `lines` and `is_there`.
    """

    def __init__(self, rows: Sequence[Row], names: dict[str, int]) -> None:
        longest = max(len(row.paragraphs) for row in rows)
        shape = len(rows), longest
        self.signs = np.zeros((*shape, len(names)), np.float32)
        self.labels, self.is_there = np.zeros(shape), np.zeros(shape, bool)
        self.lines = np.zeros(shape, int)
        self.tail = np.zeros(shape, int)
        for number, row in enumerate(rows):
            for place, (paragraph, label) in enumerate(zip(row.paragraphs, row.labels, strict=True)):
                for name, strength in paragraph.signs.items():
                    self.signs[number, place, names[name]] = strength
                self.labels[number, place], self.lines[number, place] = label, paragraph.lines - 2
                self.tail[number, place] = paragraph.tail
                self.is_there[number, place] = True
        self.cost = np.where(self.labels == 0, _COST, 0.0)

    def loss(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        """Returns the negative log-likelihood in nats and its gradient, for weights as `_unpacked` takes them apart."""
        weights, (enter, leave), start = _unpacked(values)
        ours, there = self.signs @ weights, self.is_there
        entering, leaving = enter[self.tail, self.lines], leave[self.tail, self.lines]
        initial = start[self.tail[:, 0]]
        score = ours + self.cost
        before, after, total = self._passes(score, entering, leaving, initial)
        share = np.where(there, np.exp(before[1] + after[1] - total[:, None]), 0.0)
        steps = there[:, 1:]
        entered = self.labels[:, 1:] * (1 - self.labels[:, :-1]) * steps
        left = (1 - self.labels[:, 1:]) * self.labels[:, :-1] * steps
        entering, leaving = entering[:, 1:], leaving[:, 1:]
        with np.errstate(over="ignore"):
            enters = np.exp(before[0][:, :-1] + entering + score[:, 1:] + after[1][:, 1:] - total[:, None]) * steps
            leaves = np.exp(before[1][:, :-1] + leaving + after[0][:, 1:] - total[:, None]) * steps
        right = (ours * self.labels).sum() + (self.labels[:, 0] * initial).sum()
        right += (entered * entering + left * leaving).sum()
        gradient = np.concatenate(
            [
                np.einsum("bt,btf->f", share - self.labels, self.signs),
                self._by_change(enters - entered),
                self._by_change(leaves - left),
                np.bincount(self.tail[:, 0], share[:, 0] - self.labels[:, 0], minlength=2),
            ]
        )
        return float(total.sum() - right), gradient

    def _passes(
        self, score: np.ndarray, entering: np.ndarray, leaving: np.ndarray, initial: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the logarithms of the sums over all ways to each state and from it on, and of all ways."""
        shape = self.labels.shape
        before, after = np.zeros((2, *shape)), np.zeros((2, *shape))
        before[1, :, 0] = initial + score[:, 0]
        for t in range(1, shape[1]):
            theirs, ours = before[:, :, t - 1]
            new = np.logaddexp(theirs, ours + leaving[:, t]), np.logaddexp(theirs + entering[:, t], ours) + score[:, t]
            before[:, :, t] = np.where(self.is_there[:, t], new, before[:, :, t - 1])
        for t in range(shape[1] - 2, -1, -1):
            theirs, ours = after[0, :, t + 1], after[1, :, t + 1] + score[:, t + 1]
            new = np.logaddexp(theirs, ours + entering[:, t + 1]), np.logaddexp(theirs + leaving[:, t + 1], ours)
            after[:, :, t] = np.where(self.is_there[:, t + 1], new, after[:, :, t + 1])
        return before, after, np.logaddexp(before[0, :, -1], before[1, :, -1])

    def _by_change(self, counts: np.ndarray) -> np.ndarray:
        """Returns the sums of `counts` [B, T - 1] for each end of the text and number of lines."""
        kinds = (self.tail * _GAPS + self.lines)[:, 1:]
        return np.bincount(kinds.ravel(), counts.ravel(), minlength=2 * _GAPS)


def fit(rows: Sequence[Row]) -> Fitted:
    """Returns the weights with the greatest likelihood, found by L-BFGS (Nocedal, 1980)."""
    names = {
        name: number for number, name in enumerate(sorted({n for r in rows for p in r.paragraphs for n in p.signs}))
    }
    by_length = sorted((row for row in rows if row.paragraphs), key=lambda row: len(row.paragraphs))
    fields = [Field(by_length[start : start + 120], names) for start in range(0, len(by_length), 120)]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        losses, gradients = zip(*(field.loss(values) for field in fields), strict=True)
        return sum(losses) + values @ values / 2, sum(gradients) + values

    values = _minimized(loss, np.zeros(len(names) + 4 * _GAPS + 2))
    weights, changes, start = _unpacked(values.round(2))
    return Fitted(dict(zip(names, weights.tolist(), strict=True)), changes[0], changes[1], start)


def _unpacked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns weights of signs [F], of changes [enter or leave, head or tail, lines], of the first paragraph [2]."""
    signs = len(values) - 4 * _GAPS - 2
    return values[:signs], values[signs:-2].reshape(2, 2, _GAPS), values[-2:]


def _minimized(function: _Loss, values: np.ndarray) -> np.ndarray:
    """Returns where a convex function with a gradient is least."""
    steps: list[tuple[np.ndarray, np.ndarray]] = []
    loss, gradient = function(values)
    for _ in range(300):
        direction, shares = gradient.copy(), []
        for step, change in reversed(steps):
            shares.append(step @ direction / (step @ change))
            direction -= shares[-1] * change
        direction *= (
            steps[-1][0] @ steps[-1][1] / (steps[-1][1] @ steps[-1][1]) if steps else 1 / np.abs(gradient).sum()
        )
        for (step, change), share in zip(steps, reversed(shares), strict=True):
            direction += step * (share - change @ direction / (step @ change))
        size = 1.0
        while (new := function(values - size * direction))[0] > loss - 1e-4 * size * (gradient @ direction):
            size /= 2
            if size < 1e-6:
                return values
        steps = [*steps[-9:], (-size * direction, new[1] - gradient)]
        is_done = loss - new[0] < 1e-5 * loss
        values, (loss, gradient) = values - size * direction, new
        if is_done:
            break
    return values
