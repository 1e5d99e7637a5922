"""How well a model predicts a text: one pass over all of it, the state carried from its first character to its last."""

import math
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from char_lstm_tf import models
from pipelines.vocabulary import Vocabulary


@dataclass(frozen=True)
class Score:
    """What a pass over a text found. The first character has nothing before it and isn't scored."""

    characters: int
    nats: float
    words: int
    unknown_characters: int

    def report(self) -> dict[str, float | None]:
        """Returns the measures by the names that `evaluate --json` prints; None where a number has no end."""
        nats = self.nats / self.characters
        nats_per_word = self.nats / self.words if self.words else math.inf
        return {
            "characters": self.characters,
            "nats_per_char": nats,
            "bits_per_char": nats / math.log(2),
            "perplexity_per_char": math.exp(nats),
            "words": self.words,
            "perplexity_per_word": math.exp(nats_per_word)
            if nats_per_word < 700
            else None,  # e^710 overflows
            "unknown_characters": self.unknown_characters,
        }


class Scorer:
    """Scores texts with the weights that `model` has at the time of the call, and leaves no trace in it.

    Args:
        model: of `models.BUILD`.
        vocabulary: its vocabulary.
        chunk: characters of a call of the compiled loop; the result doesn't depend on it.
    """

    def __init__(self, model: keras.Model, vocabulary: Vocabulary, *, chunk: int = 1000) -> None:
        self._model, self._chunk = model, chunk
        self._spaces = np.array([character.isspace() for character in vocabulary.characters])
        # XLA makes this loop ten times faster at one row, where nearly all of it is overhead.
        self._nats = tf.function(self._nats_of_chunk, jit_compile=True)

    def _nats_of_chunk(
        self, ids: tf.Tensor, targets: tf.Tensor, states: list[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        def read(position: tf.Tensor, nats: tf.TensorArray, *states: tf.Tensor) -> tuple:
            logits, new_states = models.step(self._model, ids[:, position], states)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(targets[:, position], logits)
            return position + 1, nats.write(position, loss), *new_states

        length = ids.shape[1]
        _, nats, *states = tf.while_loop(
            lambda position, *_: position < length,
            read,
            (0, tf.TensorArray(tf.float32, length, element_shape=[ids.shape[0]]), *states),
        )
        return tf.transpose(nats.stack()), states

    def nats(self, ids: np.ndarray) -> np.ndarray:
        """Returns the loss of each character but the first, in nats, float32 `[len(ids) - 1]`."""
        states = models.zero_states(self._model, 1)
        parts = []
        progress = tqdm(
            total=len(ids) - 1, desc="scoring", unit=" characters", delay=2, leave=False, disable=None
        )
        for start in range(0, len(ids) - 1, self._chunk):
            chunk = ids[start : start + self._chunk + 1].astype(np.int32)
            count = len(chunk) - 1
            padded = np.zeros(
                self._chunk + 1, np.int32
            )  # one length, one compilation; the padding comes last
            padded[: len(chunk)] = chunk
            nats, states = self._nats(tf.constant(padded[None, :-1]), tf.constant(padded[None, 1:]), states)
            parts.append(nats.numpy()[0, :count])
            progress.update(count)
        progress.close()
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def score(self, ids: np.ndarray) -> Score:
        """Returns the sum over a text of at least two characters."""
        spaces = self._spaces[ids]
        begins_word = ~spaces & np.concatenate([[True], spaces[:-1]])
        return Score(
            len(ids) - 1,
            float(self.nats(ids).sum(dtype=np.float64)),
            int(begins_word.sum()),
            int((ids == 0).sum()),
        )
