"""Models and contexts that predict together, and learn from each token after they have predicted it."""

from char_lstm_tf.inference.mixing.mixing import Mixing

__all__ = ["Mixing"]
