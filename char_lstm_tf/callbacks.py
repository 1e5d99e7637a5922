"""Callbacks for Keras models of one's own.

model.fit(…, callbacks=[SampleText(text.vocabulary, prompt="The ")])
"""

from pipelines.process_state import require_tensorflow_backend

require_tensorflow_backend()

from char_lstm_tf.training.callbacks.samples import SampleText  # noqa: E402

__all__ = ["SampleText"]
