"""Models that learn from a text while it is scored, always after they have predicted."""

from collections.abc import Callable
from typing import Any

from char_lstm_tf.inference.adaptive.counts import AdaptiveCounts
from char_lstm_tf.inference.adaptive.network import Adaptation, AdaptiveScorer
from char_lstm_tf.inference.adaptive.weights import LEARNING, LearntWeights
from char_lstm_tf.inference.scoring import TokenScorer
from char_lstm_tf.models.ngrams.counted import Counted
from char_lstm_tf.models.stack import Recurrent
from pipelines.vocabulary import Vocabulary

__all__ = ["LEARNERS", "LEARNING", "Adaptation", "AdaptiveCounts", "AdaptiveScorer", "LearntWeights"]

# What makes a scorer that learns, by the kind of network. The others don't learn.
LEARNERS: dict[type, Callable[[Any, Vocabulary, Adaptation], TokenScorer]] = {
    Recurrent: AdaptiveScorer,
    Counted: lambda network, vocabulary, _: AdaptiveCounts(network, vocabulary),
}
