"""A model that learns from a text while it is scored: dynamic evaluation.

Krause, Kahembwe, Murray and Renals, "Dynamic Evaluation of Neural Sequence Models" (2018). Each segment of a text is
predicted before it is learnt from, so the loss is that of an honest prediction: it depends on nothing that comes later.

Shapes: T tokens of a segment, V vocabulary size.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from char_lstm_tf.inference.scoring import LEARNING, TokenScorer, bit_logits, progress_bar
from char_lstm_tf.models.recurrent import LSTM
from char_lstm_tf.models.stack import Recurrent, carried_states
from pipelines.vocabulary import Vocabulary

SEGMENT = 32  # tokens; on 40,000 characters of tiny Shakespeare, 16 and 64 are worse by 0.000 and 0.004 nats
MEMORY = 0.999  # of the mean square of the gradients; 0.99 and 0.9999 make a difference below 0.002 nats
SMALLEST = 1e-5  # added to the root of the mean square
AT_ONCE = 64 * SEGMENT  # tokens of a call of the compiled loop; the result doesn't depend on it


@dataclass(frozen=True)
class Adaptation:
    """How a model learns from what it has scored.

    Attributes:
        rate: of a step, in units of a gradient's root mean square.
        decay: share of the way back to the trained weights that each step goes.
    """

    rate: float = 0.001
    decay: float = 0.002


class AdaptiveScorer(TokenScorer):
    """Scores texts one after the other, and learns from each: weight w, trained w₀, gradient g of a segment's loss.

        m ← 0.999 m + 0.001 g²;  w ← w − rate · g / (√m + 1e-5) + decay · (w₀ − w)

    m is divided by 1 − 0.999ⁿ after n segments, as Adam does. (The paper takes the mean square of gradients on the
    training text, which isn't at hand here.) What was learnt stays for the texts of later calls.

    Args:
        network: the model, which isn't changed but by `adopt`.
        vocabulary: of the model.
        adaptation: how to learn.
    """

    def __init__(self, network: Recurrent, vocabulary: Vocabulary, adaptation: Adaptation) -> None:
        super().__init__(vocabulary)
        self._network = network
        # A model as in training, but without dropout: one row, whose state is carried from segment to segment.
        interface = dataclasses.replace(
            network.stack.interface,
            target="sequence",
            window=SEGMENT,
            stream_batch_size=1,
            trains=True,
            end=vocabulary.end,
        )
        twin = network.twin(interface)
        for layer in twin.stack.dropouts:
            layer.rate = 0.0
        self._model, self._carried = twin.keras_model, carried_states(twin.keras_model)
        self._inputs, self._adaptation = interface.inputs, adaptation
        self.learning = {"dynamic_rate": adaptation.rate, "dynamic_decay": adaptation.decay}
        weights = self._model.trainable_variables
        self._trained = [tf.identity(weight) for weight in weights]
        self._squares = [tf.Variable(tf.zeros_like(weight)) for weight in weights]
        self._steps = tf.Variable(0.0)
        self._learn = tf.function(self._update, jit_compile=True, autograph=False)
        # A loop that gives losses, and one that gives the logits of bits. XLA compiles each as a whole where it can.
        fast = all(isinstance(layer, LSTM) and layer.is_fast() for layer in twin.stack.recurrent)
        self._losses_of_segments, self._bits_of_segments = (
            tf.function(partial(self._segments, bits=bits), jit_compile=fast, autograph=False) for bits in (False, True)
        )

    def adopt(self) -> None:
        """Gives the network the weights that were learnt."""
        self._network.keras_model.set_weights(self._model.get_weights())

    def _nats(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        return self._read(self._losses_of_segments, (), texts, labels, quiet=quiet)

    def _bits(self, texts: Sequence[np.ndarray], labels: Sequence[int], *, quiet: bool) -> list[np.ndarray]:
        return self._read(self._bits_of_segments, (self._vocabulary.bits,), texts, labels, quiet=quiet)

    def _read(
        self,
        loop: Callable[..., tf.Tensor],
        shape: tuple[int, ...],
        texts: Sequence[np.ndarray],
        labels: Sequence[int],
        *,
        quiet: bool,
    ) -> list[np.ndarray]:
        """Returns what a loop gives of each text, `[N - 1, *shape]`."""
        lengths = [max(len(ids) - 1, 0) for ids in texts]
        each = list(labels) or [0] * len(texts)
        with LEARNING, progress_bar(sum(lengths), disable=True if quiet else None) as progress:
            read = partial(self._read_text, loop, shape, progress)
            if not texts or any(len(ids) == 0 or {ids[0], ids[-1]} != {self._end} for ids in texts):
                return [read(ids, np.full(len(ids), label, np.int32)) for ids, label in zip(texts, each, strict=True)]
            # Documents follow each other as in training: the end of one is where the next begins.
            stream = np.concatenate([*(ids[:-1] for ids in texts), np.array([self._end])]).astype(np.int32)
            found = read(stream, np.append(np.repeat(np.array(each, np.int32), lengths), 0))
        return np.split(found, np.cumsum(lengths)[:-1])

    def _read_text(
        self,
        loop: Callable[..., tf.Tensor],
        shape: tuple[int, ...],
        progress: tqdm,
        ids: np.ndarray,
        labels: np.ndarray,
    ) -> np.ndarray:
        """Returns what a loop gives of a text that is read from a fresh state."""
        for state in self._carried:
            state.assign(tf.zeros_like(state))
        found = []
        for start in range(0, len(ids) - 1, AT_ONCE):
            piece = ids[start : start + AT_ONCE + 1]
            count = len(piece) - 1
            parts = (piece[:-1], piece[1:], labels[start : start + count])
            padded = [np.pad(part.astype(np.int32), (0, AT_ONCE - count)) for part in parts]
            found.append(loop(*map(tf.constant, padded), tf.constant(count)).numpy()[:count])
            progress.update(count)
        return np.concatenate([np.zeros((0, *shape), np.float32), *found])

    def _segments(
        self, ids: tf.Tensor, targets: tf.Tensor, labels: tf.Tensor, count: tf.Tensor, *, bits: bool
    ) -> tf.Tensor:
        """Returns the losses of one segment after the other, `[AT_ONCE]`, and learns from each.

        The loop is part of the graph: a call from Python for each segment, and operations one by one, took another
        0.9 ms for each.

        Args:
            ids: int32 `[AT_ONCE]`.
            targets: what follows each.
            labels: of each target.
            count: how many of the tokens are text; those behind them aren't learnt.
            bits: return the logits of the bits of each target instead, `[AT_ONCE, B]`.
        """
        inside = tf.cast(tf.range(AT_ONCE) < count, tf.float32)
        parts = [tf.reshape(part, [-1, 1, SEGMENT]) for part in (ids, targets, labels, inside)]
        shape = [SEGMENT, self._vocabulary.bits] if bits else [SEGMENT]

        def go_on(place: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            values = self._segment(*(part[place] for part in parts), bits=bits)
            return place + 1, found.write(place, values[0])

        found = tf.TensorArray(tf.float32, AT_ONCE // SEGMENT, element_shape=shape)
        # One at a time: each segment needs the weights that were learnt from the one before.
        _, found = tf.while_loop(lambda place, _: place * SEGMENT < count, go_on, (0, found), parallel_iterations=1)
        return tf.reshape(found.stack(), [AT_ONCE, *shape[1:]])

    def _segment(
        self, ids: tf.Tensor, targets: tf.Tensor, labels: tf.Tensor, inside: tf.Tensor, *, bits: bool
    ) -> tf.Tensor:
        """Returns the losses of a segment, `[1, T]`, and learns from it.

        Args:
            ids: int32 `[1, T]`.
            targets: what follows each.
            labels: of each target.
            inside: 1, and 0 behind the end of the text.
            bits: return the logits of the bits of each target instead, `[1, T, B]`.
        """
        inputs = self._inputs(ids)
        with tf.GradientTape() as tape:
            given = [inputs, labels] if self._labels else inputs
            logits = self._model(given, training=True)
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_sum(nats * inside)
        gradients = tape.gradient(loss, self._model.trainable_variables)
        self._learn([tf.convert_to_tensor(gradient) for gradient in gradients])
        return bit_logits(logits, targets, self._vocabulary.ranks) if bits else nats

    def _update(self, gradients: list[tf.Tensor]) -> None:
        self._steps.assign_add(1.0)
        unbiased = 1 - MEMORY**self._steps
        weights = self._model.trainable_variables
        for weight, trained, square, gradient in zip(weights, self._trained, self._squares, gradients, strict=True):
            square.assign(MEMORY * square + (1 - MEMORY) * tf.square(gradient))
            step = gradient / (tf.sqrt(square / unbiased) + SMALLEST)
            weight.assign_sub(self._adaptation.rate * step + self._adaptation.decay * (weight - trained))
