"""Layers for Keras models of one's own.

    from char_lstm_tf.layers import LSTM

Importing this registers them, so that `keras.models.load_model` finds them in a file.
"""

from pipelines.process_state import require_tensorflow_backend

require_tensorflow_backend()

from char_lstm_tf.models.recurrent import LSTM  # noqa: E402

__all__ = ["LSTM"]
