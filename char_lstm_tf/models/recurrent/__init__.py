"""`LSTM`, a layer like `keras.layers.LSTM` with faster training steps on a CPU."""

from char_lstm_tf.models.recurrent.layer import LSTM, worth_compiling
from char_lstm_tf.models.recurrent.loops import time_first

__all__ = ["LSTM", "time_first", "worth_compiling"]
