"""How a network writes text: token by token, drawn or the likeliest, or by beam search."""

from char_lstm_tf.inference.writing.sampling import Sampling
from char_lstm_tf.inference.writing.writer import Writer

__all__ = ["Sampling", "Writer"]
