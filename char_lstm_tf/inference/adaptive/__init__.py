"""Models that learn from a text while it is scored, always after they have predicted."""

from char_lstm_tf.inference.adaptive.counts import AdaptiveCounts
from char_lstm_tf.inference.adaptive.network import Adaptation, AdaptiveScorer
from char_lstm_tf.inference.adaptive.weights import LearntWeights

__all__ = ["Adaptation", "AdaptiveCounts", "AdaptiveScorer", "LearntWeights"]
