"""Logits → next character, and the loop that writes text."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from char_lstm_tf.inference.noise import uniform_noise
from char_lstm_tf.models.network import Network, State, Step
from pipelines.vocabulary import Vocabulary

# Logits, float32 `[B, V]`, and noise, uniform in [0, 1), float32 `[B]` → ids, int32 `[B]`. Nothing else is random.
Choose = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

CHUNK = 200  # characters in a call of the compiled loop: some 5 ms at 2×128 units, of which 1 ms is the call
PROMPT_CHUNK = 256  # characters of a prompt that one call reads


def chooser(*, temperature: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor) -> Choose:
    """Returns a function that draws an id for each row by inverting the cumulative distribution.

    What depends on no logits is computed here: before the loop that calls the function.

    Rows without limits are drawn in the order of ids, because sorting takes more than half of the time of a step (2×128
    units, 64 rows, XLA: 44,000 characters a second with sorting, 120,000 without). The id of a row depends on that row
    alone.

    Args:
        temperature: float32 `[B]`, divides the logits; 0: the likeliest character.
        top_k: int32 `[B]`, keeps this many of the likeliest candidates, fewer than V; 0: all.
        top_p: float32 `[B]`, keeps the smallest set of candidates with at least this probability; 1: all.
    """
    divisor, draws = tf.maximum(temperature, 1e-6)[:, None], temperature > 0
    limited = (top_k > 0) | (top_p < 1)
    any_limited = tf.reduce_any(limited)

    def choose(logits: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        scaled = logits / divisor
        drawn = _draw(tf.nn.softmax(scaled), noise)
        drawn = tf.cond(
            any_limited,
            lambda: tf.where(limited, _draw_limited(scaled, noise, top_k, top_p), drawn),
            lambda: drawn,
        )
        return tf.where(draws, drawn, tf.argmax(logits, axis=-1, output_type=tf.int32))

    return choose


def _draw(probabilities: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Returns the column, int32 `[B]`, in which the cumulative sum of `probabilities [B, V]` exceeds the noise."""
    cumulative = tf.cumsum(probabilities, axis=-1)
    passed = cumulative <= noise[:, None] * cumulative[:, -1:]
    # XLA adds up each column in another order, so rounding may lead beyond the last column with a probability.
    last = tf.reduce_max(tf.where(probabilities > 0, tf.range(tf.shape(probabilities)[1]), 0), axis=-1)
    return tf.minimum(tf.reduce_sum(tf.cast(passed, tf.int32), axis=-1), last)


def _draw_limited(scaled: tf.Tensor, noise: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor) -> tf.Tensor:
    """Returns ids as `chooser` says, with the limits.

    The candidates are sorted by falling probability, so both limits keep the first ones. `top_k` is applied before
    `top_p`, as is usual. Nucleus sampling (`top_p`) is from Holtzman and others (2020), section 3.1.
    """
    size = scaled.shape[-1]
    scaled, order = tf.math.top_k(scaled, k=size)
    kept = tf.range(size) < tf.where(top_k > 0, top_k, size)[:, None]
    probabilities = tf.nn.softmax(tf.where(kept, scaled, -np.inf))
    before = tf.cumsum(probabilities, axis=-1, exclusive=True)
    probabilities = tf.where((before < top_p[:, None]) | (top_p[:, None] >= 1), probabilities, 0.0)
    return tf.gather(order, _draw(probabilities, noise), batch_dims=1)


def without_unknown(logits: tf.Tensor) -> tf.Tensor:
    """Returns logits `[B, V]` in which id 0, the unknown character, has probability 0."""
    return logits + tf.constant([-np.inf] + [0.0] * (logits.shape[-1] - 1), logits.dtype)


def absorb(network: Network, ids: tf.Tensor, lengths: tf.Tensor, state: State, *, block: int = 1) -> State:
    """Returns the state after each row has read its first `lengths` ids. The ids after them have no effect.

    Args:
        network: reads them.
        ids: int32 `[B, T]`.
        lengths: int32 `[B]`, at most T.
        state: before the first of them.
        block: how many ids an iteration of the loop reads, see `scoring.losses`.
    """
    read, longest = in_blocks(ids, block), tf.reduce_max(lengths)

    def go_on(number: tf.Tensor, *state: tf.Tensor) -> tuple:
        for place, own in enumerate(tf.unstack(read[number], num=block)):
            _, new_state = network.read(own, state)
            reading = (number * block + place < lengths)[:, None]
            state = tuple(tf.where(reading, new, old) for new, old in zip(new_state, state, strict=True))
        return number + 1, *state

    return list(tf.while_loop(lambda number, *_: number * block < longest, go_on, (0, *state))[1:])


def in_blocks(ids: tf.Tensor, block: int) -> tf.Tensor:
    """Returns `[B, T]` as `[blocks, block, B]`, filled up with 0."""
    rows, count = tf.unstack(tf.shape(ids))
    blocks = -(-count // block)
    by_place = tf.transpose(tf.pad(ids, [[0, 0], [0, blocks * block - count]]))
    return tf.reshape(by_place, [blocks, block, rows])


def generate(
    step: Step,
    ids: tf.Tensor,
    states: State,
    *,
    count: tf.Tensor,
    first: tf.Tensor,
    size: int | tf.Tensor | None = None,
    end: int | None = None,
    lengths: tf.Tensor | None = None,
    wanted: tf.Tensor | None = None,
    seeds: tf.Tensor,
    temperature: tf.Tensor,
    top_k: tf.Tensor,
    top_p: tf.Tensor,
) -> tuple[tf.Tensor, State]:
    """Writes `count` tokens in each row, and never the unknown one.

    Args:
        step: one step of a model: ids `[B]` and state → logits `[B, V]` and state.
        ids: the token before the first one to write, int32 `[B]`.
        states: before that token is read.
        count: how many tokens to write, int32.
        first: how many tokens earlier calls have written, int64.
        size: columns of the result, for XLA, which must know it. Those from `count` on are 0. None: `count`.
        end: id of the end symbol, after which a row has nothing of meaning (more of them, or 0). None: of running text.
        lengths: how many characters each token has, int32 `[V]`, where words are tokens; None: it doesn't matter.
        wanted: how many characters are enough in each row, int32 `[B]`. With `lengths`, the loop ends when all have
            them, and what follows is 0.
        seeds: int64 `[B]`.
        temperature: as for `chooser`, likewise `top_k` and `top_p`.

    Returns:
        The ids written, int32 `[B, size]`, and the states before the last of them is read.
    """

    noise_at = uniform_noise(seeds)
    choose = chooser(temperature=temperature, top_k=top_k, top_p=top_p)

    def ended(position: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        """Returns which rows have written their end; the end symbol before the first character begins a document."""
        return (ids == end) & (first + tf.cast(position, tf.int64) > 0)

    def write(
        position: tf.Tensor, ids: tf.Tensor, left: tf.Tensor, written: tf.TensorArray, *states: tf.Tensor
    ) -> tuple:
        logits, states = step(ids, states)
        chosen = choose(without_unknown(logits), noise_at(first + tf.cast(position, tf.int64)))
        if end is not None:
            chosen = tf.where(ended(position, ids), end, chosen)
        left = left if lengths is None else left - tf.gather(lengths, chosen)
        return position + 1, chosen, left, written.write(position, chosen), *states

    def goes_on(position: tf.Tensor, ids: tf.Tensor, left: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        done = False if end is None else ended(position, ids)
        done = done if lengths is None else done | (left <= 0)
        return position < count if done is False else (position < count) & ~tf.reduce_all(done)

    written = tf.TensorArray(tf.int32, count if size is None else size, element_shape=ids.shape)
    left = tf.zeros_like(ids) if wanted is None else wanted  # characters
    _, _, _, written, *states = tf.while_loop(goes_on, write, (0, ids, left, written, *states))
    return tf.transpose(written.stack()), states


class Writer:
    """Writes text with the weights that the network has at the time of the call.

    The loops are compiled for 1, 4, 16, 64 … rows. Other numbers of rows are filled up.
    """

    def __init__(self, network: Network, vocabulary: Vocabulary) -> None:
        self._network = network
        self._vocabulary = vocabulary
        self.labels = vocabulary.labels

        @tf.function(jit_compile=True, autograph=False)
        def absorb_chunk(ids: tf.Tensor, lengths: tf.Tensor, states: State) -> State:
            return absorb(network, ids, lengths, states)

        @tf.function(jit_compile=True, autograph=False)
        def generate_chunk(ids: tf.Tensor, states: State, labels: tf.Tensor, **options: tf.Tensor) -> tuple:
            return generate(network.step(labels), ids, states, size=CHUNK, end=vocabulary.end, **options)

        @tf.function(jit_compile=True, autograph=False)
        def probabilities(ids: tf.Tensor, states: State, labels: tf.Tensor) -> tf.Tensor:
            return tf.nn.softmax(without_unknown(network.step(labels)(ids, states)[0]))

        self._absorb, self._generate, self._probabilities = absorb_chunk, generate_chunk, probabilities

    def write(
        self,
        prompts: Sequence[str],
        *,
        chars: int,
        temperatures: Sequence[float],
        seeds: Sequence[int],
        labels: Sequence[int] = (),
        top_k: int = 0,
        top_p: float = 1.0,
    ) -> Iterator[list[str]]:
        """Yields the next characters of each row, some at a time: `chars` in all, or of documents, up to their end.

        Args:
            prompts: what the rows continue; empty: a new line, or the beginning of a document.
            chars: characters to write, without the prompt.
            temperatures: one a row.
            seeds: one a row; the same seed writes the same text.
            labels: their ids, one a row, if the model knows labels.
            top_k: as for `chooser`, likewise `top_p`; V or more: all.
        """
        last, states, told = self._read(prompts, labels)
        fill = [0] * (len(last) - len(prompts))
        options = {
            "seeds": tf.constant([*seeds, *fill], tf.int64),
            "temperature": tf.constant([*temperatures, *fill], tf.float32),
            "top_k": tf.fill([len(last)], top_k if top_k < len(self._vocabulary) else 0),
            "top_p": tf.fill([len(last)], float(top_p)),
        }
        first, left = 0, np.full(len(prompts), chars)  # characters that each row may still write
        while len(left) and (most := left.max()) > 0:
            count = min(CHUNK, int(most))  # a token has one character at least
            position = {"first": tf.constant(first, tf.int64), "count": tf.constant(count)}
            written, states = self._generate(last, states, told, **position, **options)
            last = written[:, count - 1]
            rows = [before_end(row, self._vocabulary.end) for row in written.numpy()[: len(prompts), :count]]
            texts = [self._vocabulary.decode(row)[: max(room, 0)] for row, room in zip(rows, left, strict=True)]
            yield texts
            first, left = first + count, left - [len(text) for text in texts]
            left[[len(row) < count for row in rows]] = 0  # documents that have ended

    def next_probabilities(self, prompts: Sequence[str], labels: Sequence[int] = ()) -> np.ndarray:
        """Returns the probability of each id after each prompt, float32 `[B, V]`; 0 for the unknown character."""
        return self._probabilities(*self._read(prompts, labels)).numpy()[: len(prompts)]

    def _read(self, prompts: Sequence[str], labels: Sequence[int]) -> tuple[tf.Tensor, State, tf.Tensor]:
        """Returns the last id of each prompt, int32 `[B]`, the states before it is read, and the labels.

        B is filled up. Labels are int32 `[B]`, and zeros where the model knows none.
        """
        texts = [self._vocabulary.encode_prompt(prompt).astype(np.int32) for prompt in prompts]
        texts += [texts[0][-1:]] * (filled_up(len(texts)) - len(texts))
        states = self._network.start(len(texts))
        told = tf.constant([*labels, *[0] * (len(texts) - len(labels))], tf.int32)
        for start in range(0, max(map(len, texts)) - 1, PROMPT_CHUNK):
            parts = [text[:-1][start : start + PROMPT_CHUNK] for text in texts]
            ids = np.stack([np.pad(part, (0, PROMPT_CHUNK - len(part))) for part in parts])
            states = self._absorb(tf.constant(ids), tf.constant(list(map(len, parts))), states)
        return tf.constant([text[-1] for text in texts]), states, told


def before_end(ids: np.ndarray, end: int | None) -> np.ndarray:
    """Returns the ids before the first end symbol; all, if there is none."""
    found = np.flatnonzero(ids == end) if end is not None else []
    return ids[: found[0]] if len(found) else ids


def filled_up(count: int) -> int:
    """Returns the smallest of 1, 4, 16, 64 … that isn't below a positive number."""
    return 4 ** ((count - 1).bit_length() + 1 >> 1)
