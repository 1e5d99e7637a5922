"""The signatures of the SavedModel. Each is a function of rows, and the result of a row depends on that row alone.

All inputs have one batch dimension, so that a server can join the rows of several requests. A value out of range is an
InvalidArgument error with a message. Shapes: B rows, K candidates, V vocabulary size, L labels.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf

from char_lstm_tf.inference import scoring
from char_lstm_tf.inference.calibration import Calibration
from char_lstm_tf.inference.writing.drawing import Draws, without_unknown
from char_lstm_tf.inference.writing.loop import Limits, absorb, generate
from char_lstm_tf.models import classifier
from char_lstm_tf.models.classifier import Classifier
from char_lstm_tf.models.network import Network, State
from char_lstm_tf.serving.strings import Strings, named, require, require_rows
from pipelines.vocabulary import Vocabulary

Signature: TypeAlias = tf.types.experimental.PolymorphicFunction
Outputs: TypeAlias = dict[str, tf.Tensor]

SERVING_CHARS = 200  # characters that serving_default writes
SERVING_TEMPERATURE = 0.8
BLOCK = 8  # tokens that an iteration of a loop reads
MAX_CHARS = 100_000  # of one `generate`; with 2×128 units that takes 40 seconds for one row, two minutes for 64
PROMPT, TEXT = {"prompt": tf.string}, {"text": tf.string}
OPTIONS = {"num_chars": tf.int32, "temperature": tf.float32, "top_k": tf.int32, "top_p": tf.float32, "seed": tf.int64}


def of(
    network: Network | Classifier, vocabulary: Vocabulary, strings: Strings, calibration: Calibration | None = None
) -> dict[str, Signature]:
    """Returns every signature of a model by its name.

    Args:
        network: the model.
        vocabulary: its vocabulary.
        strings: how texts are read.
        calibration: for `classify`, of a model with labels; None: nothing is known of the labels.
    """
    calibration = calibration or Calibration((1.0,) * len(vocabulary.labels))
    if isinstance(network, Classifier):
        signature = _of_classifier(network, vocabulary, strings, calibration)
        return {"serving_default": signature, "classify": signature}
    return Signatures(network, vocabulary, strings, calibration).all()


class Signatures:
    """The signatures of a language model. Arguments as for `of`."""

    def __init__(self, network: Network, vocabulary: Vocabulary, strings: Strings, calibration: Calibration) -> None:
        self._network, self._strings, self._calibration = network, strings, calibration
        self._words, self._size, self._end = vocabulary.words, len(vocabulary), vocabulary.framing.end
        self._labels = vocabulary.labels

    def all(self) -> dict[str, Signature]:
        """Returns every signature by its name."""
        label = {"label": tf.string} if self._labels else {}
        found = {
            "serving_default": _signature(self.serving_default, PROMPT),
            "generate": _signature(self.generate, PROMPT | OPTIONS | label),
            "next_char": _signature(self.next_char, PROMPT | {"k": tf.int32} | label),
            "score": _signature(self.score, TEXT | label),
            "step": step_signature(self._network),
        }
        return found | ({"classify": _signature(self.classify, TEXT)} if self._labels else {})

    def serving_default(self, prompt: tf.Tensor) -> Outputs:
        """Prompts, string `[B]` → `text`, string `[B]`: the next `SERVING_CHARS` characters, new ones at each call.

        A model with labels draws one for each row, as often as training had documents of it.
        """
        rows, labels = tf.shape(prompt)[0], None
        if self._labels:
            shares = tf.math.log(tf.constant([self._calibration.shares]))
            drawn = tf.raw_ops.Multinomial(logits=shares, num_samples=rows, seed=0, seed2=0, output_dtype=tf.int32)
            labels = drawn[0]
        # The operation gets seeds of zero. Otherwise the seed of the training run would be part of the export, and
        # every server that loads it would write the same text.
        seeds = tf.raw_ops.RandomUniformInt(shape=[rows], minval=tf.int64.min, maxval=tf.int64.max, seed=0, seed2=0)
        draws = Draws(seeds, tf.fill([rows], SERVING_TEMPERATURE), tf.fill([rows], 0), tf.fill([rows], 1.0))
        return {"text": self._write(prompt, tf.fill([rows], SERVING_CHARS), labels, draws)}

    def generate(
        self,
        prompt: tf.Tensor,
        num_chars: tf.Tensor,
        temperature: tf.Tensor,
        top_k: tf.Tensor,
        top_p: tf.Tensor,
        seed: tf.Tensor,
        *label: tf.Tensor,
    ) -> Outputs:
        """Prompts and `OPTIONS`, `[B]` each → `text`, string `[B]`. A row with the same inputs gives the same text."""
        draws = Draws(seed, temperature, top_k, top_p)
        checks = [
            *require_rows(prompt, num_chars=num_chars, **named(label), **draws._asdict()),
            require((num_chars >= 0) & (num_chars <= MAX_CHARS), f"num_chars must be from 0 to {MAX_CHARS}", num_chars),
            require(
                (temperature >= 0) & tf.math.is_finite(temperature),
                "temperature must be a number of at least 0 (0: the likeliest character every time)",
                temperature,
            ),
            self._require_candidates("top_k", top_k),
            require((top_p > 0) & (top_p <= 1), "top_p must be above 0 and at most 1 (off)", top_p),
        ]
        draws = draws._replace(top_k=tf.where(top_k < self._size, top_k, 0))
        with tf.control_dependencies(checks):
            return {"text": self._write(tf.identity(prompt), num_chars, self._label_ids(label), draws)}

    def next_char(self, prompt: tf.Tensor, k: tf.Tensor, *label: tf.Tensor) -> Outputs:
        """Prompts, string `[B]`, and k, int32 `[B]` → `chars`, string `[B, K]`, and `probabilities`, float32 `[B, K]`.

        These are the likeliest next characters, likeliest first, of the distribution that `generate` draws from. K is
        the largest k of the batch. A row with a smaller one is filled up with "" and 0. The unknown character is never
        among them, so a row has at most V - 1. The end of a document is "", with a probability.
        """
        checks = [*require_rows(prompt, k=k, **named(label)), self._require_candidates("k", k)]
        with tf.control_dependencies(checks):
            logits, _ = self._network.step(self._label_ids(label))(*self._read(tf.identity(prompt)))
            columns = tf.reduce_max(tf.concat([k, [0]], axis=0))
            likeliest, ids = tf.math.top_k(tf.nn.softmax(without_unknown(logits)), columns)
            shown = (tf.range(columns) < k[:, None]) & (ids > 0)
        chars = tf.where(shown, tf.gather(self._strings.tokens, ids), "")
        return {"chars": chars, "probabilities": tf.where(shown, likeliest, 0.0)}

    def score(self, text: tf.Tensor, *label: tf.Tensor) -> Outputs:
        """Texts, string `[B]` → `nats_per_char`, float32 `[B]`, and `characters`, int32 `[B]`: how many are scored.

        All characters of running text but the first are, and all of a document and its end. Without any, the loss is 0.
        """
        with tf.control_dependencies(require_rows(text, **named(label))):
            total, characters = self._losses(tf.identity(text), self._label_ids(label))
        nats = total / tf.cast(tf.maximum(characters, 1), tf.float64)
        return {"nats_per_char": tf.cast(nats, tf.float32), "characters": characters}

    def classify(self, text: tf.Tensor) -> Outputs:
        """Returns what `_classified` does."""
        return _classified(*self._losses(text, None), self._labels, self._calibration)

    def _label_ids(self, label: tuple[tf.Tensor, ...]) -> tf.Tensor | None:
        """Returns the ids of labels, int32 `[B]`; None if there are none. An unknown one is an error that lists all."""
        if not label:
            return None
        same = label[0][:, None] == tf.constant(self._labels)
        known = require(tf.reduce_any(same, axis=1), f"label must be one of {', '.join(self._labels)}", label[0])
        with tf.control_dependencies([known]):
            return tf.argmax(same, axis=1, output_type=tf.int32)

    def _require_candidates(self, name: str, values: tf.Tensor) -> tf.Operation:
        sentence = f"{name} must be from 0 to {self._size}, the size of the vocabulary"
        return require((values >= 0) & (values <= self._size), sentence, values)

    def _read(self, prompt: tf.Tensor) -> tuple[tf.Tensor, State]:
        """Returns the last id of each prompt, int32 `[B]`, and the state before it is read."""
        ids, lengths = self._strings.encode(prompt)
        state = absorb(self._network, ids, lengths - 1, self._network.start(tf.shape(prompt)[0]), block=BLOCK)
        return tf.gather(ids, lengths - 1, batch_dims=1), state

    def _write(self, prompt: tf.Tensor, num_chars: tf.Tensor, labels: tf.Tensor | None, draws: Draws) -> tf.Tensor:
        """Returns `num_chars` characters that follow each prompt, or those up to its document's end, string `[B]`."""
        ids, state = self._read(prompt)
        # TensorFlow can't stack the result of a loop without steps.
        limits = Limits(tf.reduce_max(tf.concat([num_chars, [1]], axis=0)), end=self._end)
        if self._words:
            limits = limits._replace(lengths=self._strings.lengths, wanted=num_chars)
        first = tf.constant(0, tf.int64)
        written, _ = generate(self._network.step(labels), ids, state, draws, limits, first=first)
        before_end = tf.cumsum(tf.cast(written == self._end, tf.int32), axis=1) == 0
        text = tf.strings.reduce_join(tf.where(before_end, tf.gather(self._strings.tokens, written), ""), axis=1)
        return tf.strings.substr(text, tf.zeros_like(num_chars), num_chars, unit="UTF8_CHAR")

    def _losses(self, text: tf.Tensor, labels: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the sum of the losses of each text, float64 `[B]`, and how many characters were scored, int32 `[B]`.

        If a model has labels and none are given, it is the sum under each label, `[B, L]`.
        """
        ids, lengths = self._strings.encode(text, whole=True)
        ids = tf.pad(ids, [[0, 0], [0, 2]])  # TensorFlow can't stack the result of a loop without steps
        state = self._network.start(tf.shape(text)[0])
        losses = scoring.losses(self._network, ids[:, :-1], ids[:, 1:], state, block=BLOCK, labels=labels)
        scored = tf.sequence_mask(lengths - 1, tf.shape(losses)[1])
        characters = tf.reduce_sum(tf.where(scored, tf.gather(self._strings.lengths, ids[:, 1:]), 0), axis=1)
        scored = scored[..., None] if losses.shape.rank == 3 else scored
        # In float64: the sum of 100,000 losses in float32 would lose the fourth digit.
        return tf.reduce_sum(tf.cast(tf.where(scored, losses, 0.0), tf.float64), axis=1), characters


def _signature(function: Callable[..., Outputs], types: dict[str, tf.DType]) -> Signature:
    specs = [tf.TensorSpec([None], kind, name) for name, kind in types.items()]
    return tf.function(function, input_signature=specs, autograph=False)


def _of_classifier(
    network: Classifier, vocabulary: Vocabulary, strings: Strings, calibration: Calibration
) -> Signature:
    """Returns the only signature of a network that answers labels. Arguments as for `of`."""

    def classify(text: tf.Tensor) -> Outputs:
        ids, lengths = strings.encode(text)
        ids = tf.where(tf.range(tf.shape(ids)[1]) < lengths[:, None], ids, network.end)[:, 1:]  # without the first end
        logits = tf.cast(network.answer(ids), tf.float64)
        characters = tf.reduce_sum(tf.where(ids == network.end, 0, tf.gather(strings.lengths, ids)), axis=1)
        losses = classifier.losses_per_label(logits, calibration.shares)
        return _classified(losses, characters, vocabulary.labels, calibration)

    return _signature(classify, TEXT)


def _classified(nats: tf.Tensor, characters: tf.Tensor, labels: Sequence[str], calibration: Calibration) -> Outputs:
    """Returns the likeliest label of each document, string `[B]`, and the probabilities of all, float32 `[B, L]`.

    Args:
        nats: losses of whole documents under each label, float64 `[B, L]`.
        characters: of each, int32 `[B]`.
        labels: their names.
        calibration: how losses become probabilities.
    """
    evidence = calibration.evidence(nats, tf.cast(tf.maximum(characters, 1), tf.float64))
    probabilities = tf.nn.softmax(evidence + calibration.prior("training"))
    likeliest = tf.gather(tf.constant(labels), tf.argmax(probabilities, axis=1))
    return {"label": likeliest, "probabilities": tf.cast(probabilities, tf.float32)}


def step_signature(network: Network) -> Signature:
    """Returns `ids int32[B], state_0 float32[B,H] …` → `logits float32[B,V], new_state_0 …`.

    Only numbers, for runtimes without strings. The states have different names as inputs and outputs, because in
    ONNX a name means one value. If the model has labels, `label` is the id of each row's, its place in labels.txt.

    Ids aren't checked, since a check has a message, and the runtimes that this is for have no strings. An id below 0 or
    from V on is an error of the runtime, or gives logits of no meaning.
    """
    ids = [tf.TensorSpec([None], tf.int32, name) for name in (["ids", "label"] if network.labels else ["ids"])]
    states = [
        tf.TensorSpec([None, size], tf.float32, f"state_{number}") for number, size in enumerate(network.state_sizes)
    ]

    def step(*values: tf.Tensor) -> Outputs:
        (read, *labels), states = values[: len(ids)], values[len(ids) :]
        logits, new_states = network.step(*labels)(read, states)
        return {"logits": logits} | {f"new_state_{number}": state for number, state in enumerate(new_states)}

    return tf.function(step, input_signature=[*ids, *states], autograph=False)
