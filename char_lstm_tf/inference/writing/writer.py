"""Text that follows prompts."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from char_lstm_tf.inference.writing.drawing import Draws, without_unknown
from char_lstm_tf.inference.writing.loop import Limits, absorb, generate
from char_lstm_tf.inference.writing.sampling import Sampling
from char_lstm_tf.models.network import Network, State, filled_up
from pipelines.vocabulary import Vocabulary

CHUNK = 200  # characters in a call of the compiled loop: some 5 ms at 2×128 units, of which 1 ms is the call
PROMPT_CHUNK = 256  # characters of a prompt that one call reads


class Writer:
    """Writes text with the weights that the network has at the time of the call.

    The loops are compiled for 1, 4, 16, 64 … rows. Other numbers of rows are padded.
    """

    def __init__(self, network: Network, vocabulary: Vocabulary) -> None:
        self._network, self._vocabulary, self.labels = network, vocabulary, vocabulary.labels

        @tf.function(jit_compile=True, autograph=False)
        def absorb_chunk(ids: tf.Tensor, lengths: tf.Tensor, state: State) -> State:
            return absorb(network, ids, lengths, state)

        @tf.function(jit_compile=True, autograph=False)
        def generate_chunk(
            ids: tf.Tensor, state: State, labels: tf.Tensor, draws: Draws, *, count: tf.Tensor, first: tf.Tensor
        ) -> tuple[tf.Tensor, State]:
            limits = Limits(count, end=vocabulary.framing.end)
            return generate(network.step(labels), ids, state, draws, limits, first=first, size=CHUNK)

        @tf.function(jit_compile=True, autograph=False)
        def probabilities(ids: tf.Tensor, state: State, labels: tf.Tensor) -> tf.Tensor:
            return tf.nn.softmax(without_unknown(network.step(labels)(ids, state)[0]))

        self._absorb, self._generate, self._probabilities = absorb_chunk, generate_chunk, probabilities

    def write(
        self, prompts: Sequence[str], rows: Sequence[Sampling], *, chars: int, labels: Sequence[int] = ()
    ) -> Iterator[list[str]]:
        """Yields the next characters of each row, some at a time: `chars` in all, or up to the end of a document.

        Args:
            prompts: what the rows continue; empty: a new line, or the beginning of a document.
            rows: how the tokens of each row are chosen; the same seed writes the same text. Their stops have no effect.
            chars: characters to write, without the prompt.
            labels: their ids, one per row, if the model has labels.
        """
        last, state, own = self._read(prompts, labels)
        fill = [Sampling(temperature=0, seed=0)] * (len(last) - len(prompts))
        draws = Draws.of([*rows, *fill], vocabulary_size=len(self._vocabulary))
        first, left = 0, np.full(len(prompts), chars)  # characters that each row may still write
        while len(left) and (most := left.max()) > 0:
            count = min(CHUNK, int(most))  # a token has one character at least
            place = tf.constant(first, tf.int64)
            written, state = self._generate(last, state, own, draws, count=tf.constant(count), first=place)
            last = written[:, count - 1]
            found = [before_end(row, self._vocabulary.framing.end) for row in written.numpy()[: len(prompts), :count]]
            texts = [self._vocabulary.decode(row)[: max(room, 0)] for row, room in zip(found, left, strict=True)]
            yield texts
            first, left = first + count, left - [len(text) for text in texts]
            left[[len(row) < count for row in found]] = 0  # documents that have ended

    def next_probabilities(self, prompts: Sequence[str], labels: Sequence[int] = ()) -> np.ndarray:
        """Returns the probability of each id after each prompt, float32 `[B, V]`; 0 for the unknown character."""
        return self._probabilities(*self._read(prompts, labels)).numpy()[: len(prompts)]

    def likeliest_next(
        self, prompts: Sequence[str], labels: Sequence[int] = (), *, k: int
    ) -> list[list[tuple[str, float]]]:
        """Returns the k likeliest next tokens after each prompt with their probabilities, likeliest first.

        The unknown character is never among them, so there are at most V - 1. The end of a document is "".
        """
        tokens, probabilities = self._vocabulary.tokens, self.next_probabilities(prompts, labels)
        likeliest = np.argsort(-probabilities, axis=1, kind="stable")[:, : min(k, len(tokens) - 1)]
        return [[(tokens[id], float(row[id])) for id in ids] for row, ids in zip(probabilities, likeliest, strict=True)]

    def _read(self, prompts: Sequence[str], labels: Sequence[int]) -> tuple[tf.Tensor, State, tf.Tensor]:
        """Returns the last id of each prompt, int32 `[B]`, the states before it is read, and the labels.

        B is padded. Labels are int32 `[B]`, and zeros if the model has none.
        """
        texts = [self._vocabulary.encode_prompt(prompt).astype(np.int32) for prompt in prompts]
        texts += [texts[0][-1:]] * (filled_up(len(texts)) - len(texts))
        states = self._network.start(len(texts))
        own = tf.constant([*labels, *[0] * (len(texts) - len(labels))], tf.int32)
        for start in range(0, max(map(len, texts)) - 1, PROMPT_CHUNK):
            parts = [text[:-1][start : start + PROMPT_CHUNK] for text in texts]
            ids = np.stack([np.pad(part, (0, PROMPT_CHUNK - len(part))) for part in parts])
            states = self._absorb(tf.constant(ids), tf.constant(list(map(len, parts))), states)
        return tf.constant([text[-1] for text in texts]), states, own


def before_end(ids: np.ndarray, end: int) -> np.ndarray:
    """Returns the ids before the first end symbol; all, if there is none."""
    found = np.flatnonzero(ids == end)
    return ids[: found[0]] if len(found) else ids


def cut_at_stops(pieces: Iterator[list[str]], stops: Sequence[str]) -> Iterator[list[str]]:
    """Yields the pieces of each row up to the stop that is complete first, and ends when all rows have ended.

    Before: `["ab."], ["cd"]` with the stop `".c"`; after: `["ab"], [""], …`: what may become a stop is held back.

    Args:
        pieces: the next characters of each row, again and again.
        stops: texts of at least one character; none: the pieces come as they are.
    """
    held_back = max(map(len, stops), default=1) - 1
    held: dict[int, str] = {}
    done: set[int] = set()
    for piece in pieces:
        shown = [""] * len(piece)
        for row in set(range(len(piece))) - done:
            text = held.get(row, "") + piece[row]
            ends = [(text.index(stop) + len(stop), text.index(stop)) for stop in stops if stop in text]
            if ends:
                done.add(row)
            cut = min(ends)[1] if ends else max(len(text) - held_back, 0)
            shown[row], held[row] = text[:cut], "" if ends else text[cut:]
        yield shown
        if len(done) == len(piece):
            return
    if held:
        yield [held[row] for row in sorted(held)]
