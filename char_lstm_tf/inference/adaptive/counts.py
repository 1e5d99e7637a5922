"""Counted n-grams that learn from a text while it is scored."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from char_lstm_tf.inference.mixing import Mixing
from char_lstm_tf.inference.scoring import LEARNING, KnownText, Scorer, TokenScorer
from char_lstm_tf.models.network import Network
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

MOST_KNOWN = 1 << 22  # tokens of the text that was counted; the contexts read some 50,000 per second
AT_ONCE = 1 << 16


def known_text(run: TrainedRun) -> KnownText:
    """Returns the text that a run has counted, or what is left of it and why."""
    try:
        ids = run.load_corpus().split("train")
    except UserError as error:
        return KnownText(note=f"--dynamic: the contexts begin without the training text; {error}")
    tokens = min(len(ids), MOST_KNOWN)
    note = f"--dynamic: the contexts read the last {tokens:,} of {len(ids):,} tokens of the training text"
    places = range(len(ids) - tokens, len(ids), AT_ONCE)
    return KnownText(
        tokens,
        lambda: (ids[start : min(start + AT_ONCE, len(ids))] for start in places),
        note if tokens < len(ids) else "",
    )


class AdaptiveCounts(TokenScorer):
    """Scores texts one after the other by counted n-grams, and by contexts that count what they have read.

    `inference.mixing` says how. Contexts that have read the counted text know all that the n-grams do, which then say
    nothing. What was learnt stays for the texts of later calls, and is for all labels.

    Args:
        network: the counted n-grams, which aren't changed.
        vocabulary: theirs.
        known: what the contexts have read: the text that was counted.
    """

    def __init__(self, network: Network, vocabulary: Vocabulary, known: KnownText) -> None:
        super().__init__(vocabulary)
        self._scorer, self.known, self._primed = Scorer(network, vocabulary), known, known.tokens > 0
        self.learning = {"dynamic_context_tokens": known.tokens}

    @cached_property
    def _mixing(self) -> Mixing:
        return Mixing(self._vocabulary, models=int(not self._primed), known=self.known)

    def _nats(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        given = [] if self._primed else [self._bits(texts, labels, quiet=quiet)]
        with LEARNING:
            return self._mixing.read_all(texts, given, quiet=quiet)

    def _bits(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        """Returns what the n-grams alone say, which learn nothing."""
        return self._scorer.bits_of_each(texts, labels, quiet=quiet)
