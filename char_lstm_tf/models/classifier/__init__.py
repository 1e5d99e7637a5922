"""The models that read a document and predict its label: a network, or a linear model."""

from char_lstm_tf.models.classifier.classifier import Classifier, losses_per_label
from char_lstm_tf.models.classifier.linear import LinearClassifier
from char_lstm_tf.models.classifier.network import RecurrentClassifier
from char_lstm_tf.models.classifier.pieces_and_pairs import PIECES

__all__ = ["PIECES", "Classifier", "LinearClassifier", "RecurrentClassifier", "losses_per_label"]
