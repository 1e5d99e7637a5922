"""How well a model predicts texts."""

from char_lstm_tf.inference.scoring.bits import bit_logits
from char_lstm_tf.inference.scoring.label_scorer import LabelScorer, label_scorer
from char_lstm_tf.inference.scoring.loop import losses
from char_lstm_tf.inference.scoring.packing import balanced_rows
from char_lstm_tf.inference.scoring.protocol import LEARNING, KnownText, TextScorer, TokenScorer, progress_bar
from char_lstm_tf.inference.scoring.score import Score, perplexity
from char_lstm_tf.inference.scoring.scorer import Scorer

__all__ = [
    "LEARNING",
    "KnownText",
    "LabelScorer",
    "Score",
    "Scorer",
    "TextScorer",
    "TokenScorer",
    "balanced_rows",
    "bit_logits",
    "label_scorer",
    "losses",
    "perplexity",
    "progress_bar",
]
