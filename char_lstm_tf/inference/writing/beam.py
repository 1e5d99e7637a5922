"""Beam search for the likeliest text."""

import operator
from typing import Any

import numpy as np
import tensorflow as tf

from char_lstm_tf.inference.writing.drawing import without_unknown
from char_lstm_tf.inference.writing.loop import absorb
from char_lstm_tf.models.network import Network, State, Step
from pipelines.vocabulary import Vocabulary


def search(
    step: Step,
    ids: tf.Tensor,
    states: State,
    *,
    count: int,
    width: int,
    end: int = -1,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the `width` likeliest texts found, int32 `[width, count]`, and their nats, float32 `[width]`.

    After each character, the `width` texts with the lowest loss are kept, likeliest first. The unknown character is
    never written.

    Args:
        step: one step of a model: ids `[B]` and states → logits `[B, V]` and states.
        ids: the character before the first one to write, int32 `[1]`.
        states: before that character is read, float32 `[1, H]` each.
        count: characters to write, at least 1.
        width: texts to keep.
        end: see `Framing.end`. A document that has ended stays as it is: only end symbols follow, at no cost.
    """

    def write(
        position: tf.Tensor, ids: tf.Tensor, scores: tf.Tensor, texts: tf.Tensor, *states: tf.Tensor
    ) -> tuple[Any, ...]:
        logits, new_states = step(ids, states)
        size = tf.shape(logits)[1]
        likelihoods = tf.nn.log_softmax(without_unknown(logits))
        nothing_more = tf.where(tf.range(size) == end, 0.0, -np.inf)
        likelihoods = tf.where(((ids == end) & (position > 0))[:, None], nothing_more, likelihoods)
        continued = scores[:, None] + likelihoods
        scores, best = tf.math.top_k(tf.reshape(continued, [-1]), width)
        rows, ids = best // size, best % size
        texts = tf.where(tf.range(count) == position, ids[:, None], tf.gather(texts, rows))
        return position + 1, ids, scores, texts, *(tf.gather(state, rows) for state in new_states)

    # Otherwise the first step would keep the same text `width` times.
    alone = tf.where(tf.range(width) == 0, 0.0, -np.inf)
    start = (0, tf.repeat(ids, width), alone, tf.zeros([width, count], tf.int32))
    _, _, scores, texts, *_ = tf.while_loop(
        lambda position, *_: position < count,
        write,
        (*start, *(tf.repeat(state, width, axis=0) for state in states)),
    )
    return texts, -scores


def likeliest_texts(
    network: Network, vocabulary: Vocabulary, prompt: str, *, chars: int, width: int, label: int = 0
) -> list[tuple[str, float]]:
    """Returns the texts that beam search finds with their nats, likeliest first. There may be fewer than `width`.

    The greedy text is always a candidate, since a narrow beam can lose it on the way.

    Args:
        network: writes them.
        vocabulary: its vocabulary.
        prompt: what the texts continue; empty: a new line, or the beginning of a document.
        chars: characters of each, at least 1; a document may end earlier.
        width: texts to keep.
        label: id of the label, if the model has labels.
    """

    end = vocabulary.framing.end

    def step(ids: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
        return network.step(tf.fill(tf.shape(ids), label))(ids, state)

    @tf.function(autograph=False)
    def run(ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        states = absorb(network, ids[:, :-1], tf.shape(ids)[1:] - 1, network.start(1))
        found = [search(step, ids[:, -1], states, count=chars, width=beam, end=end) for beam in {width, 1}]
        return tuple(tf.concat(parts, 0) for parts in zip(*found, strict=True))

    ids = vocabulary.encode_prompt(prompt).astype(np.int32)
    texts, nats = run(tf.constant(ids[None]))
    losses: dict[str, float] = {}
    for text, loss in zip(texts.numpy(), nats.numpy().tolist(), strict=True):
        if loss < np.inf:
            losses.setdefault(vocabulary.decode(text), loss)
    return sorted(losses.items(), key=operator.itemgetter(1))[:width]
