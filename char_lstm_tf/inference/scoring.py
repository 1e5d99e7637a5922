"""How well a model predicts a text: one pass over it, with the state carried from its first to its last character."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from char_lstm_tf.inference.sampling import Step, filled_up
from char_lstm_tf.models import stepping, windows
from pipelines.id_range import IdRange
from pipelines.vocabulary import Vocabulary

ROWS = 16  # texts read side by side: 75,000 characters a second with 2×128 units on two cores; 46,000 for one text


def perplexity(nats: float) -> float | None:
    """Returns e to the power of a loss; None if that is too large for a float."""
    return math.exp(nats) if nats < 700 else None  # e^710 overflows


@dataclass(frozen=True)
class Score:
    """The loss of a text, in nats. The first character has nothing before it and isn't scored."""

    characters: int
    nats: float
    words: int
    unknown_characters: int

    @property
    def nats_per_char(self) -> float:
        """The mean loss in nats; 0 where no character is scored."""
        return self.nats / max(self.characters, 1)

    @property
    def bits_per_char(self) -> float:
        """The mean loss in bits."""
        return self.nats_per_char / math.log(2)

    @classmethod
    def of(cls, text: str, ids: np.ndarray, losses: np.ndarray) -> "Score":
        """Returns the score of a text from the losses of its characters. Words are separated by white space."""
        nats = float(losses.sum(dtype=np.float64))
        return cls(len(losses), nats, len(text.split()), int(np.count_nonzero(ids == 0)))

    def __add__(self, other: "Score") -> "Score":
        """Returns the score of both texts together."""
        return Score(
            self.characters + other.characters,
            self.nats + other.nats,
            self.words + other.words,
            self.unknown_characters + other.unknown_characters,
        )

    def report(self) -> dict[str, float | None]:
        """Returns the measures under the names that `evaluate --json` prints; None for one that is infinite."""
        nats_per_word = self.nats / self.words if self.words else math.inf
        return {
            "characters": self.characters,
            "nats_per_char": self.nats_per_char,
            "bits_per_char": self.bits_per_char,
            "perplexity_per_char": perplexity(self.nats_per_char),
            "words": self.words,
            "perplexity_per_word": perplexity(nats_per_word),
            "unknown_characters": self.unknown_characters,
        }


def losses(
    step: Step,
    ids: tf.Tensor,
    targets: tf.Tensor,
    states: Sequence[tf.Tensor],
    length: tf.Tensor | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the loss of each target, in nats, float32 `[B, T]`, and the states after the last id.

    Args:
        step: one step of a model: ids `[B]` and states → logits `[B, V]` and states.
        ids: int32 `[B, T]`.
        targets: the character after each of them, int32 `[B, T]`.
        states: before the first id, float32 `[B, H]` each.
        length: ids of each row to read, int32; None: all T. The losses after them are 0.
    """

    def read(position: tf.Tensor, nats: tf.TensorArray, *states: tf.Tensor) -> tuple:
        logits, new_states = step(ids[:, position], states)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(targets[:, position], logits)
        return position + 1, nats.write(position, loss), *new_states

    size = tf.shape(ids)[1]
    last = size if length is None else length
    _, nats, *states = tf.while_loop(
        lambda position, *_: position < last,
        read,
        (0, tf.TensorArray(tf.float32, size, element_shape=ids.shape[:1]), *states),
    )
    return tf.transpose(nats.stack()), states


class Scorer:
    """Scores texts with the weights that `model` has at the time of the call, and leaves no trace in it.

    The loop is compiled for 1, 4 and 16 rows. Other numbers of rows are filled up.

    Args:
        model: of `models.build`.
        vocabulary: its vocabulary.
        chunk: characters of a call of the compiled loop. The result doesn't depend on it.
    """

    def __init__(self, model: keras.Model, vocabulary: Vocabulary, *, chunk: int = 1000) -> None:
        self._model, self._chunk = model, chunk
        # The windows of one text fill a batch already. Those of 16 texts would take 500 MB at 40 characters.
        self._rows = 1 if windows.reads_windows(model) else ROWS
        self._spaces = np.array([character.isspace() for character in vocabulary.characters])
        # XLA makes this loop ten times faster at one row, where nearly all of it is overhead.
        self._nats = tf.function(self._nats_of_chunk, jit_compile=True)

    def _nats_of_chunk(
        self, ids: tf.Tensor, targets: tf.Tensor, states: list[tf.Tensor], length: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        if windows.reads_windows(self._model):  # no window waits for another, so they are read all at once
            logits, state = windows.read(self._model, ids, *states)
            return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits), [state]
        return losses(lambda ids, states: stepping.step(self._model, ids, states), ids, targets, states, length)

    def nats_of_each(self, texts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the loss of each character but the first, in nats, float32 `[N - 1]`, of several texts.

        Args:
            texts: ids, `[N]` each. Each text is read from a fresh state.
        """
        nats = [np.empty(max(len(ids) - 1, 0), np.float32) for ids in texts]
        longest_first = sorted(range(len(texts)), key=lambda number: -len(texts[number]))  # they end together
        with _progress_bar(sum(map(len, nats))) as progress:
            for first in range(0, len(texts), self._rows):
                group = longest_first[first : first + self._rows]
                for start, _, chunk_nats in self._chunks([texts[number] for number in group]):
                    for number, found in zip(group, chunk_nats, strict=True):
                        nats[number][start : start + len(found)] = found
                        progress.update(len(found))
        return nats

    def nats_in_windows(self, texts: Sequence[np.ndarray], window: int) -> list[np.ndarray]:
        """Returns the losses of several texts as `nats_of_each` does, with the state reset after every `window`."""
        starts = [range(0, max(len(ids) - 1, 0), window) for ids in texts]
        pieces = [
            ids[start : start + window + 1] for ids, begins in zip(texts, starts, strict=True) for start in begins
        ]
        nats = iter(self.nats_of_each(pieces))
        return [np.concatenate([np.empty(0, np.float32), *(next(nats) for _ in begins)]) for begins in starts]

    def score(self, ids: np.ndarray | IdRange) -> Score:
        """Returns the sum over a text of at least two characters. A chunk of it is held in memory at a time."""
        first = ids[:1]
        nats, words, unknown = 0.0, int(~self._spaces[first[0]]), int(first[0] == 0)
        with _progress_bar(len(ids) - 1, leave=False) as progress:
            for _, (chunk,), (chunk_nats,) in self._chunks([ids]):
                spaces = self._spaces[chunk]
                nats += chunk_nats.sum(dtype=np.float64)
                words += np.count_nonzero(spaces[:-1] & ~spaces[1:])
                unknown += np.count_nonzero(chunk[1:] == 0)
                progress.update(len(chunk_nats))
        return Score(len(ids) - 1, float(nats), int(words), int(unknown))

    def _chunks(
        self, texts: Sequence[np.ndarray | IdRange]
    ) -> Iterator[tuple[int, list[np.ndarray], list[np.ndarray]]]:
        """Reads texts side by side, each from a fresh state, a chunk at a time.

        Yields:
            Where the chunk starts, the ids of each text in it, the one after it included, and the losses of those
            after the first.
        """
        longest = max(len(ids) - 1 for ids in texts)
        rows = filled_up(len(texts))
        # A loop may end early, but windows are read all at once.
        size = min(self._chunk, filled_up(max(longest, 1))) if self._rows == 1 else self._chunk
        states = stepping.zero_states(self._model, rows)
        for start in range(0, longest, size):
            parts = [ids[start : start + size + 1] for ids in texts]
            padded = np.zeros([rows, size + 1], np.int32)
            for row, part in enumerate(parts):
                padded[row, : len(part)] = part
            lengths = [max(len(part) - 1, 0) for part in parts]
            read = tf.constant(padded[:, :-1]), tf.constant(padded[:, 1:])
            nats, states = self._nats(*read, states, tf.constant(max(lengths)))
            yield start, parts, [row[:length] for row, length in zip(nats.numpy(), lengths, strict=False)]


def _progress_bar(characters: int, **options: bool) -> tqdm:
    return tqdm(total=characters, desc="scoring", unit=" chars", delay=2, disable=None, **options)
