"""How well a model predicts a text: one pass over all of it, the state carried from its first character to its last."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from char_lstm_tf.inference.sampling import Step
from char_lstm_tf.models import stepping, windows
from pipelines.corpus import IdRange
from pipelines.vocabulary import Vocabulary

ROWS = 16  # texts read side by side: with 2×128 units on two cores 75,000 characters a second, of one text 46,000


def perplexity(nats: float) -> float | None:
    """Returns e to the power of a loss; None where that is no number a float can hold."""
    return math.exp(nats) if nats < 700 else None  # e^710 overflows


@dataclass(frozen=True)
class Score:
    """What a pass over a text found. The first character has nothing before it and isn't scored."""

    characters: int
    nats: float
    words: int
    unknown_characters: int

    @classmethod
    def of(cls, text: str, ids: np.ndarray, losses: np.ndarray) -> "Score":
        """Returns the score of a text whose losses are known, its words being those between blanks of any kind."""
        nats = float(losses.sum(dtype=np.float64))
        return cls(len(losses), nats, len(text.split()), int(np.count_nonzero(ids == 0)))

    def __add__(self, other: "Score") -> "Score":
        """Returns the score of both texts, each read from a fresh state."""
        return Score(
            self.characters + other.characters,
            self.nats + other.nats,
            self.words + other.words,
            self.unknown_characters + other.unknown_characters,
        )

    def report(self) -> dict[str, float | None]:
        """Returns the measures by the names that `evaluate --json` prints; None where a number has no end."""
        nats = self.nats / self.characters
        nats_per_word = self.nats / self.words if self.words else math.inf
        return {
            "characters": self.characters,
            "nats_per_char": nats,
            "bits_per_char": nats / math.log(2),
            "perplexity_per_char": perplexity(nats),
            "words": self.words,
            "perplexity_per_word": perplexity(nats_per_word),
            "unknown_characters": self.unknown_characters,
        }


def losses(
    step: Step, ids: tf.Tensor, targets: tf.Tensor, states: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the loss of each target, in nats, float32 `[B, T]`, and the states after the last id.

    Args:
        step: one step of a model: ids `[B]` and states → logits `[B, V]` and states.
        ids: int32 `[B, T]`.
        targets: the character after each of them, int32 `[B, T]`.
        states: before the first id, float32 `[B, H]` each.
    """

    def read(position: tf.Tensor, nats: tf.TensorArray, *states: tf.Tensor) -> tuple:
        logits, new_states = step(ids[:, position], states)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(targets[:, position], logits)
        return position + 1, nats.write(position, loss), *new_states

    length = tf.shape(ids)[1]
    _, nats, *states = tf.while_loop(
        lambda position, *_: position < length,
        read,
        (0, tf.TensorArray(tf.float32, length, element_shape=ids.shape[:1]), *states),
    )
    return tf.transpose(nats.stack()), states


class Scorer:
    """Scores texts with the weights that `model` has at the time of the call, and leaves no trace in it.

    Args:
        model: of `models.build`.
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
        if windows.reads_windows(self._model):  # none waits for another, so they are read all at once
            logits, state = windows.read(self._model, ids, *states)
            return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits), [state]
        return losses(lambda ids, states: stepping.step(self._model, ids, states), ids, targets, states)

    def nats_of_each(self, texts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the loss of each character but the first, in nats, float32 `[N - 1]`, of several texts.

        Args:
            texts: ids, `[N]` each, N at least 2; each text is read from a state of its own.
        """
        losses = [np.empty(len(ids) - 1, np.float32) for ids in texts]
        # The windows of one text fill a batch already; of 16 texts they would take 500 MB at 40 characters.
        rows = 1 if windows.reads_windows(self._model) else min(len(texts), ROWS)
        longest_first = sorted(range(len(texts)), key=lambda number: -len(texts[number]))  # they end together
        size = min(self._chunk, max(map(len, losses)))
        with tqdm(
            total=sum(map(len, losses)), desc="scoring", unit=" chars", delay=2, disable=None
        ) as progress:
            for group in (longest_first[start : start + rows] for start in range(0, len(texts), rows)):
                states = stepping.zero_states(self._model, rows)
                for start in range(0, len(losses[group[0]]), size):
                    ids = np.zeros([rows, size + 1], np.int32)  # of one shape, for one compilation
                    for row, number in enumerate(group):
                        part = texts[number][start : start + size + 1]
                        ids[row, : len(part)] = part
                    nats, states = self._nats(tf.constant(ids[:, :-1]), tf.constant(ids[:, 1:]), states)
                    for row, number in enumerate(group):
                        part = losses[number][start : start + size]
                        part[:] = nats[row, : len(part)]
                        progress.update(len(part))
        return losses

    def nats_in_windows(self, texts: Sequence[np.ndarray], window: int) -> list[np.ndarray]:
        """Returns the losses of several texts, as `nats_of_each` does, the state being cleared after every `window`."""
        starts = [range(0, len(ids) - 1, window) for ids in texts]
        pieces = [
            ids[start : start + window + 1]
            for ids, begins in zip(texts, starts, strict=True)
            for start in begins
        ]
        losses = iter(self.nats_of_each(pieces))
        return [np.concatenate([next(losses) for _ in begins]) for begins in starts]

    def score(self, ids: np.ndarray | IdRange) -> Score:
        """Returns the sum over a text of at least two characters, of which a chunk is held in memory at a time."""
        first = ids[:1]
        nats, words, unknown = 0.0, int(~self._spaces[first[0]]), int(first[0] == 0)
        for chunk, losses in self._chunks(ids):
            spaces = self._spaces[chunk]
            nats += losses.sum(dtype=np.float64)
            words += np.count_nonzero(spaces[:-1] & ~spaces[1:])
            unknown += np.count_nonzero(chunk[1:] == 0)
        return Score(len(ids) - 1, float(nats), int(words), int(unknown))

    def _chunks(self, ids: np.ndarray | IdRange) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields ids, the one before each chunk included, with the losses of those after it."""
        states = stepping.zero_states(self._model, 1)
        with tqdm(
            total=len(ids) - 1, desc="scoring", unit=" chars", delay=2, leave=False, disable=None
        ) as progress:
            for start in range(0, len(ids) - 1, self._chunk):
                chunk = ids[start : start + self._chunk + 1]
                padded = np.zeros(self._chunk + 1, np.int32)  # of one length, for one compilation
                padded[: len(chunk)] = chunk
                losses, states = self._nats(
                    tf.constant(padded[None, :-1]), tf.constant(padded[None, 1:]), states
                )
                yield chunk, losses.numpy()[0, : len(chunk) - 1]
                progress.update(len(chunk) - 1)
