"""Models of every kind: `Network` is what those that predict text have in common, and `build` makes the right one.

Importing this registers the layers that Keras lacks, so that `keras.models.load_model` reads every run's model.keras.
"""

from char_lstm_tf.models import cells, classifier, outputs
from char_lstm_tf.models.ngrams import counted

__all__ = ["cells", "classifier", "counted", "outputs"]
