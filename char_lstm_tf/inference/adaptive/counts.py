"""Counted n-grams that learn from a text while it is scored."""

from collections.abc import Sequence

import numpy as np

from char_lstm_tf.inference.adaptive.weights import LEARNING, LearntWeights
from char_lstm_tf.inference.scoring import Scorer, TokenScorer, progress_bar
from char_lstm_tf.models.network import Network
from pipelines.vocabulary import Vocabulary

LONGEST = 7  # tokens of a context
DISCOUNT, STRENGTH = 0.8, 1.0  # D and θ below
MOST = 1 << 20  # contexts, so that memory doesn't grow with a text; they take some 450 MB


class Counting:
    """Predicts each token of a text from counts of those before it, and counts it then.

    Of the contexts that end before a token, shortest first, each improves on the one before: with n, the times that the
    token came after it, N, those of all tokens, and T, how many different ones,

        p ← (max(n − D, 0) + (θ + D·T) · p) / (θ + N)

    beginning with p = 1/V. A token that a context has seen isn't counted in the shorter ones. This is interpolated
    Kneser-Ney smoothing as Teh, "A Bayesian Interpretation of Interpolated Kneser-Ney" (2006), derives it, with a table
    for each token. A context is remembered when the one that is a token shorter comes again, so there is at most one
    new context per token, and none after the first `MOST`.

    Args:
        vocabulary_size: V.
    """

    def __init__(self, vocabulary_size: int) -> None:
        self._size = vocabulary_size
        self._counts: dict[str, dict[str, int]] = {}  # context → token → n; "" → N

    def read(self, ids: np.ndarray) -> tuple[np.ndarray, list[int]]:
        """Returns the loss of each token of a text but the first, in nats, and the length of the longest known context.

        Both are `[N - 1]`, and the losses float64.
        """
        text, counts = "".join(map(chr, ids.tolist())), self._counts
        chances, lengths = [], []
        for place, token in enumerate(text):
            chance, length, known = 1 / self._size, -1, []
            for longer in range(min(LONGEST, place) + 1):
                found = counts.get(text[place - longer : place])
                if found is None:
                    break
                n, length = found.get(token, 0), longer
                known.append((found, n))
                kept = (STRENGTH + DISCOUNT * (len(found) - 1)) * chance
                chance = (kept + max(n - DISCOUNT, 0)) / (STRENGTH + found[""])
            chances.append(chance)
            lengths.append(length)
            if length < min(LONGEST, place) and len(counts) < MOST:
                counts[text[place - length - 1 : place]] = {"": 1, token: 1}
            for found, n in reversed(known):
                found[token] = n + 1
                found[""] += 1
                if n:
                    break
        return -np.log(chances[1:]), lengths[1:]


class AdaptiveCounts(TokenScorer):
    """Scores texts one after the other by counted n-grams, and by what it counts in them.

    Both predict together. The weight of what was counted depends on how long a context of it is known. What was learnt
    stays for the texts of later calls.

    Args:
        network: the counted n-grams, which aren't changed.
        vocabulary: theirs.
    """

    def __init__(self, network: Network, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary)
        self._scorer, self._weights = Scorer(network, vocabulary), LearntWeights(2)
        self._counting = Counting(len(vocabulary))

    def _nats(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        # What is counted in the texts is for all labels.
        found: list[np.ndarray] = []
        given = self._scorer.nats_of_each(texts, labels, quiet=quiet)
        with LEARNING, progress_bar(sum(map(len, given)), disable=True if quiet else None) as progress:
            for ids, fixed in zip(texts, given, strict=True):
                learnt, lengths = self._counting.read(ids)
                found.append(self._weights.mixed(np.stack([fixed, learnt], axis=1), lengths).astype(np.float32))
                progress.update(len(fixed))
        return found
