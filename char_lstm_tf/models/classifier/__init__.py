"""The network that reads a document and predicts its label."""

from char_lstm_tf.models.classifier.network import Classifier, losses_per_label
from char_lstm_tf.models.classifier.pieces_and_pairs import PIECES

__all__ = ["PIECES", "Classifier", "losses_per_label"]
