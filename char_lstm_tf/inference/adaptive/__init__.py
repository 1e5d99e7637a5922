"""Models that learn from a text while it is scored, always after they have predicted."""

from collections.abc import Callable
from typing import Any

from char_lstm_tf.inference.adaptive.counts import AdaptiveCounts, known_text
from char_lstm_tf.inference.adaptive.network import Adaptation, AdaptiveScorer
from char_lstm_tf.inference.scoring import KnownText, TokenScorer
from char_lstm_tf.models.ngrams.counted import Counted
from char_lstm_tf.models.stack import Recurrent
from pipelines.vocabulary import Vocabulary

__all__ = ["LEARNERS", "Adaptation", "AdaptiveCounts", "AdaptiveScorer", "known_text"]

# What makes a scorer that learns, by the kind of network. The others don't learn.
LEARNERS: dict[type, Callable[[Any, Vocabulary, Adaptation, KnownText], TokenScorer]] = {
    Recurrent: lambda network, vocabulary, adaptation, _: AdaptiveScorer(network, vocabulary, adaptation),
    Counted: lambda network, vocabulary, _, known: AdaptiveCounts(network, vocabulary, known),
}
