"""Predictors that predict together, with weights that are learnt from what has been predicted."""

import math
import threading
from collections.abc import Sequence

import numpy as np

# Held while a scorer reads texts and learns from them: calls from several threads are one after the other.
LEARNING = threading.RLock()


class LearntWeights:
    """The weights of several predictors: the probability of a token is the weighted mean of theirs.

    The weights begin equal and are learnt from each token after it has been predicted: w ← w + (w·p / Σ w·p − w) / 2√n
    after n tokens. This is Soft-Bayes (Orseau, Lattimore and Legg, 2017), which comes near the best fixed weights. So
    they need no text of their own. Each situation has weights of its own, since who is right may depend on it.

    Args:
        count: of the predictors, M.
    """

    def __init__(self, count: int) -> None:
        self._start = [1 / count] * count
        self._of_situation: dict[int, tuple[list[float], int]] = {}  # and how many tokens they are learnt from

    def __getitem__(self, situation: int) -> list[float]:
        """The weights as they are now."""
        return self._of_situation.get(situation, (self._start, 0))[0]

    def mixed(self, nats: np.ndarray, situations: Sequence[int] | None = None) -> np.ndarray:
        """Returns the loss of each token, float64 `[N]`, in nats, and learns from it.

        Args:
            nats: the loss that each predictor has, `[N, M]`.
            situations: of each token, `[N]`; None: 0.
        """
        nats = nats.astype(np.float64)
        least = nats.min(axis=1)
        chances = np.exp(least[:, None] - nats).tolist()  # of a token, up to a factor that the predictors share
        found = []
        for situation, row in zip(situations or [0] * len(chances), chances, strict=True):
            weights, seen = self._of_situation.get(situation, (self._start, 0))
            shares = [weight * chance for weight, chance in zip(weights, row, strict=True)]
            total = sum(shares)
            found.append(-math.log(total))
            step = 0.5 / math.sqrt(seen + 1)
            weights = [weight + (share / total - weight) * step for weight, share in zip(weights, shares, strict=True)]
            self._of_situation[situation] = weights, seen + 1
        return least + np.array(found)
