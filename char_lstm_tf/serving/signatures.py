"""The signatures of the SavedModel. Each is a function of rows, and the result of a row depends on that row alone.

All inputs have one batch dimension, so that a server can join the rows of several requests. Shapes: B rows,
K candidates, V vocabulary size. A value out of range is an InvalidArgument error with a message.
"""

import keras
import tensorflow as tf

from char_lstm_tf.inference import sampling, scoring
from char_lstm_tf.inference.classifying import Calibration
from char_lstm_tf.models import classifier, stepping, windows
from char_lstm_tf.serving import loops
from pipelines.vocabulary import Vocabulary

Signature = tf.types.experimental.PolymorphicFunction

SERVING_CHARS = 200  # characters that serving_default writes
SERVING_TEMPERATURE = 0.8
MAX_READ = 1_000_000  # rows × characters of the longest one; with 2×128 units 25 seconds for one row
MAX_CHARS = 100_000  # of one `generate`; with 2×128 units that takes 40 seconds for one row, two minutes for 64


def code_points(vocabulary: Vocabulary) -> list[int]:
    """Returns the code point of each id; -1 for the end symbol, and for a word -1 minus its id."""
    return [ord(token) if len(token) == 1 else -1 - id * bool(token) for id, token in enumerate(vocabulary.tokens)]


def encode(text: tf.Tensor, table: tf.lookup.StaticHashTable) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the ids of UTF-8 strings in the graph, int32 `[B, T]` padded with 0, and their lengths, int32 `[B]`.

    Bytes that aren't UTF-8 become the unknown character. More than `MAX_READ` characters, padding included, are an
    error.

    Args:
        text: string `[B]`.
        table: from code points to ids, both int64.
    """
    code_points = tf.strings.unicode_decode(text, "UTF-8")
    padded = tf.reduce_prod(code_points.bounding_shape(out_type=tf.int64))
    few = require(padded <= MAX_READ, f"rows x characters must be at most {MAX_READ}", padded)
    with tf.control_dependencies([few]):
        code_points = tf.identity(code_points)
    ids = table.lookup(tf.cast(code_points, tf.int64))
    return tf.cast(ids.to_tensor(), tf.int32), tf.cast(ids.row_lengths(), tf.int32)


def join_words(
    ids: tf.Tensor, lengths: tf.Tensor, vocabulary: Vocabulary, words: tf.lookup.StaticHashTable
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the ids that `Vocabulary.encode` gives for texts whose characters have these ids, padded, and how many.

    A letter continues the piece of the letter or the blank before it. A piece that is a word becomes one id.

    Args:
        ids: of characters, int32 `[B, T]`, padded.
        lengths: int32 `[B]`.
        vocabulary: with words.
        words: from words to their place in `Vocabulary.words`, int64; -1: not one of them.
    """
    tokens = vocabulary.tokens
    is_text = tf.sequence_mask(lengths, tf.shape(ids)[1])
    letter = tf.gather(tf.constant([token in vocabulary.letters for token in tokens]), ids) & is_text
    carries_on = letter | (ids == (tokens.index(" ") if " " in tokens else -1))
    begins = tf.boolean_mask(~(letter & tf.pad(carries_on, [[0, 0], [1, 0]])[:, :-1]), is_text)
    flat = tf.boolean_mask(ids, is_text)
    pieces = tf.RaggedTensor.from_row_starts(
        tf.gather(tf.constant(list(map(abs, code_points(vocabulary)))), flat), tf.where(begins)[:, 0]
    )
    places = words.lookup(tf.strings.unicode_encode(pieces, "UTF-8"))
    word_ids = tf.constant([id for id, token in enumerate(tokens) if len(token) > 1], tf.int32)
    word = tf.where(places < 0, -1, tf.gather(word_ids, tf.maximum(places, 0)))
    word = tf.gather(word, tf.cumsum(tf.cast(begins, tf.int32)) - 1)  # of the piece of each character
    kept = begins | (word < 0)
    rows = tf.boolean_mask(tf.where(is_text)[:, 0], kept)
    found = tf.boolean_mask(tf.where(word < 0, flat, word), kept)
    joined = tf.RaggedTensor.from_value_rowids(found, rows, nrows=tf.shape(ids, tf.int64)[0])
    return joined.to_tensor(), tf.cast(joined.row_lengths(), tf.int32)


def require(holds: tf.Tensor, sentence: str, values: tf.Tensor) -> tf.Operation:
    """Returns an operation that fails with `sentence` and the values unless all of `holds` is true."""
    return tf.debugging.Assert(tf.reduce_all(holds), [f"{sentence}; given:", values], summarize=8)


def require_rows(prompt: tf.Tensor, **inputs: tf.Tensor) -> list[tf.Operation]:
    """Returns operations that fail unless each input has as many rows as `prompt`."""
    return [
        require(tf.shape(values) == tf.shape(prompt), f"{name} must have as many rows as prompt", tf.shape(values))
        for name, values in inputs.items()
    ]


def _named(label: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
    return {"label": label[0]} if label else {}


class Signatures:
    """The signatures of a model. Each method returns the signature of its name.

    Args:
        model: of `models.build`.
        vocabulary: its vocabulary.
        table: from code points to ids, int64 both; None: only `step` will be asked for, which has no strings.
        words: as for `join_words`, if there are words.
        calibration: for `classify`, of a model that knows labels.
    """

    def __init__(
        self,
        model: keras.Model,
        vocabulary: Vocabulary,
        table: tf.lookup.StaticHashTable | None,
        words: tf.lookup.StaticHashTable | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self._model, self._table, self._words, self._size = model, table, words, len(vocabulary)
        self._vocabulary, self._lengths = vocabulary, tf.constant(vocabulary.lengths, tf.int32)
        self._end, self._start = vocabulary.end, vocabulary.start
        self._labels = vocabulary.labels
        self._calibration = calibration or Calibration((1.0,) * len(vocabulary.labels))
        self._code_points = tf.constant(code_points(vocabulary))
        self._tokens = tf.constant([token.encode() for token in vocabulary.tokens])

    def _encode(self, text: tf.Tensor, *, whole: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what `encode` does, at least one id a row: of documents, the end symbol stands before each text.

        An asset that isn't the vocabulary that the weights were trained with is an error.

        Args:
            text: string `[B]`; "" of a running text is `Vocabulary.start`.
            whole: whether the texts are complete, so that an end symbol follows each document.
        """
        with tf.control_dependencies(self._require_assets()):
            text = tf.identity(text) if self._end is not None else tf.where(text == "", self._start, text)
            ids, lengths = encode(text, self._table)
        if self._words is not None:
            ids, lengths = join_words(ids, lengths, self._vocabulary, self._words)
        if self._end is None:
            return ids, lengths
        ids, lengths = tf.pad(ids, [[0, 0], [1, 1]], constant_values=self._end), lengths + 1
        if whole:
            places = tf.range(tf.shape(ids)[1])
            ids, lengths = tf.where(places == lengths[:, None], self._end, ids), lengths + 1
        return ids, lengths

    def _require_assets(self) -> list[tf.Operation]:
        """Returns operations that fail unless the assets are those of this model."""
        ids = self._table.lookup(tf.cast(self._code_points, tf.int64))
        same = ids == tf.range(self._size, dtype=tf.int64)
        checks = [require(same, "assets/vocabulary.tsv must be that of this model", ids)]
        if self._words is not None:
            places = self._words.lookup(tf.constant(self._vocabulary.words))
            same = places == tf.range(len(self._vocabulary.words), dtype=tf.int64)
            checks.append(require(same, "assets/words.txt must be that of this model", places))
        return checks

    def all(self) -> dict[str, Signature]:
        """Returns every signature by its name. A model that answers labels has `classify` alone."""
        if classifier.answers_labels(self._model):
            return {"serving_default": self.classify(), "classify": self.classify()}
        return {
            "serving_default": self.serving_default(),
            "generate": self.generate(),
            "next_char": self.next_char(),
            "score": self.score(),
            "step": self.step(),
            **({"classify": self.classify()} if self._labels else {}),
        }

    def _step_under(self, labels: list[tf.Tensor]) -> sampling.Step:
        """Returns one step of the model under the label of each row: ids, int32 `[B]`, in a list, or none."""
        return lambda ids, states: stepping.step(self._model, ids, states, *labels)

    def _label_ids(self, label: tf.Tensor) -> tf.Tensor:
        """Returns the ids of labels, int32 `[B]`. An unknown one is an error that lists the known ones."""
        same = label[:, None] == tf.constant(self._labels)
        known = require(tf.reduce_any(same, axis=1), f"label must be one of {', '.join(self._labels)}", label)
        with tf.control_dependencies([known]):
            return tf.argmax(same, axis=1, output_type=tf.int32)

    def _with_label(self, types: dict[str, tf.DType]) -> list[tf.TensorSpec]:
        """Returns inputs of these types, and after them the label, if the model knows labels."""
        types = types | ({"label": tf.string} if self._labels else {})
        return [tf.TensorSpec([None], kind, name) for name, kind in types.items()]

    def _read(self, prompt: tf.Tensor, labels: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns the last id of each prompt, int32 `[B]`, and the states before it is read."""
        ids, lengths = self._encode(prompt)
        states = stepping.zero_states(self._model, tf.shape(prompt)[0])
        if windows.reads_windows(self._model):
            states = sampling.absorb(self._step_under(labels), ids, lengths - 1, states)
        else:
            states = loops.absorb(self._model, ids, lengths - 1, states)
        return tf.gather(ids, lengths - 1, batch_dims=1), states

    def _write(
        self, prompt: tf.Tensor, num_chars: tf.Tensor, labels: list[tf.Tensor], **options: tf.Tensor
    ) -> tf.Tensor:
        """Returns `num_chars` characters that follow each prompt, or those up to the end of the document, string `[B]`.

        Options as for `sampling.generate`.
        """
        ids, states = self._read(prompt, labels)
        # TensorFlow can't stack the result of a loop without steps
        options["count"] = tf.reduce_max(tf.concat([num_chars, [1]], axis=0))
        if self._words is not None:
            options |= {"lengths": self._lengths, "wanted": num_chars}
        step, first = self._step_under(labels), tf.constant(0, tf.int64)
        written, _ = sampling.generate(step, ids, states, first=first, end=self._end, **options)
        text = tf.gather(self._tokens, written)
        if self._end is not None:
            text = tf.where(tf.cumsum(tf.cast(written == self._end, tf.int32), axis=1) == 0, text, "")
        text = tf.strings.reduce_join(text, axis=1)
        return tf.strings.substr(text, tf.zeros_like(num_chars), num_chars, unit="UTF8_CHAR")

    def serving_default(self) -> Signature:
        """Returns `prompt string[B]` → `text string[B]`."""

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "prompt")], autograph=False)
        def serving_default(prompt: tf.Tensor) -> dict[str, tf.Tensor]:
            """Returns `SERVING_CHARS` characters that follow each prompt, different ones at each call.

            A model that knows labels draws one for each row, as often as training had documents of it.
            """
            rows, labels = tf.shape(prompt)[0], []
            if self._labels:
                shares = tf.math.log(tf.constant([self._calibration.shares]))
                drawn = tf.raw_ops.Multinomial(logits=shares, num_samples=rows, seed=0, seed2=0, output_dtype=tf.int32)
                labels = [drawn[0]]
            # The operation gets seeds of zero. Otherwise the seed of the training run would be part of the export, and
            # every server that loads it would write the same text.
            seeds = tf.raw_ops.RandomUniformInt(shape=[rows], minval=tf.int64.min, maxval=tf.int64.max, seed=0, seed2=0)
            text = self._write(
                prompt,
                tf.fill([rows], SERVING_CHARS),
                labels,
                temperature=tf.fill([rows], SERVING_TEMPERATURE),
                top_k=tf.fill([rows], 0),
                top_p=tf.fill([rows], 1.0),
                seeds=seeds,
            )
            return {"text": text}

        return serving_default

    def generate(self) -> Signature:
        """Returns `prompt, num_chars, temperature, top_k, top_p, seed` → `text string[B]`."""
        types = {
            "prompt": tf.string,
            "num_chars": tf.int32,
            "temperature": tf.float32,
            "top_k": tf.int32,
            "top_p": tf.float32,
            "seed": tf.int64,
        }

        @tf.function(input_signature=self._with_label(types), autograph=False)
        def generate(
            prompt: tf.Tensor,
            num_chars: tf.Tensor,
            temperature: tf.Tensor,
            top_k: tf.Tensor,
            top_p: tf.Tensor,
            seed: tf.Tensor,
            *label: tf.Tensor,
        ) -> dict[str, tf.Tensor]:
            """Returns what follows each prompt: the same text for the same seed, whatever the other rows are."""
            options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
            checks = require_rows(prompt, num_chars=num_chars, seed=seed, **options, **_named(label))
            checks += self._require_ranges(num_chars=num_chars, **options)
            options["top_k"] = tf.where(top_k < self._size, top_k, 0)
            with tf.control_dependencies(checks):
                labels = list(map(self._label_ids, label))
                text = self._write(tf.identity(prompt), num_chars, labels, seeds=seed, **options)
            return {"text": text}

        return generate

    def _require_ranges(
        self, *, num_chars: tf.Tensor, temperature: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor
    ) -> list[tf.Operation]:
        return [
            require(
                (num_chars >= 0) & (num_chars <= MAX_CHARS),
                f"num_chars must be from 0 to {MAX_CHARS}",
                num_chars,
            ),
            require(
                (temperature >= 0) & tf.math.is_finite(temperature),
                "temperature must be a number of at least 0 (0: the likeliest character every time)",
                temperature,
            ),
            self._require_candidates("top_k", top_k),
            require((top_p > 0) & (top_p <= 1), "top_p must be above 0 and at most 1 (off)", top_p),
        ]

    def _require_candidates(self, name: str, values: tf.Tensor) -> tf.Operation:
        sentence = f"{name} must be from 0 to {self._size}, the size of the vocabulary"
        return require((values >= 0) & (values <= self._size), sentence, values)

    def next_char(self) -> Signature:
        """Returns `prompt string[B], k int32[B]` → `chars string[B,K], probabilities float32[B,K]`."""

        @tf.function(input_signature=self._with_label({"prompt": tf.string, "k": tf.int32}), autograph=False)
        def next_char(prompt: tf.Tensor, k: tf.Tensor, *label: tf.Tensor) -> dict[str, tf.Tensor]:
            """Returns the k likeliest next characters, likeliest first, of the distribution `generate` draws from.

            K is the largest k of the batch. A row that asked for fewer is filled up with "" and 0. The unknown
            character is never among them, so a row has at most V - 1. The end of a document is "", with a probability.
            """
            checks = [*require_rows(prompt, k=k, **_named(label)), self._require_candidates("k", k)]
            with tf.control_dependencies(checks):
                labels = list(map(self._label_ids, label))
                logits, _ = self._step_under(labels)(*self._read(tf.identity(prompt), labels))
                columns = tf.reduce_max(tf.concat([k, [0]], axis=0))
                likeliest, ids = tf.math.top_k(tf.nn.softmax(sampling.without_unknown(logits)), columns)
                asked = (tf.range(columns) < k[:, None]) & (ids > 0)
            return {
                "chars": tf.where(asked, tf.gather(self._tokens, ids), ""),
                "probabilities": tf.where(asked, likeliest, 0.0),
            }

        return next_char

    def score(self) -> Signature:
        """Returns `text string[B]` → `nats_per_char float32[B], characters int32[B]`."""

        @tf.function(input_signature=self._with_label({"text": tf.string}), autograph=False)
        def score(text: tf.Tensor, *label: tf.Tensor) -> dict[str, tf.Tensor]:
            """Returns the mean loss and the number of characters that are scored; 0 if there is none.

            They are all characters of a running text but the first, and all of a document and its end.
            """
            with tf.control_dependencies(require_rows(text, **_named(label))):
                total, characters = self._losses(tf.identity(text), list(map(self._label_ids, label)))
            nats = total / tf.cast(tf.maximum(characters, 1), tf.float64)
            return {"nats_per_char": tf.cast(nats, tf.float32), "characters": characters}

        return score

    def _losses(self, text: tf.Tensor, labels: list[tf.Tensor], *, under_each: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the sum of the losses of each text, float64 `[B]`, and how many characters were scored, int32 `[B]`.

        With `under_each`, L, it is the sum under each label, `[B, L]`.
        """
        ids, lengths = self._encode(text, whole=True)
        ids = tf.pad(ids, [[0, 0], [0, 2]])  # TensorFlow can't stack the result of a loop without steps
        states = stepping.zero_states(self._model, tf.shape(text)[0])
        before_and_after = ids[:, :-1], ids[:, 1:]
        if windows.reads_windows(self._model):
            losses, _ = scoring.losses(self._step_under(labels), *before_and_after, states, under_each=under_each)
        else:
            losses = loops.losses(self._model, *before_and_after, states, labels, under_each=under_each)
        scored = tf.sequence_mask(lengths - 1, tf.shape(losses)[1])
        characters = tf.reduce_sum(tf.where(scored, tf.gather(self._lengths, ids[:, 1:]), 0), axis=1)
        scored = scored[..., None] if under_each else scored
        # In float64: the sum of 100,000 losses in float32 would lose the fourth digit.
        return tf.reduce_sum(tf.cast(tf.where(scored, losses, 0.0), tf.float64), axis=1), characters

    def _nats_under_each(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what whole documents cost under each label, float64 `[B, L]`, and their characters, int32 `[B]`."""
        if not classifier.answers_labels(self._model):
            return self._losses(text, [], under_each=len(self._labels))
        ids, lengths = self._encode(text)
        ids = tf.where(tf.range(tf.shape(ids)[1]) < lengths[:, None], ids, self._end)[:, 1:]  # without the first end
        logits = tf.cast(classifier.answer(self._model, ids), tf.float64)
        characters = tf.reduce_sum(tf.where(ids == self._end, 0, tf.gather(self._lengths, ids)), axis=1)
        return classifier.nats_under_each(logits, self._calibration.shares), characters

    def classify(self) -> Signature:
        """Returns `text string[B]` → `label string[B], probabilities float32[B,L]`."""

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")], autograph=False)
        def classify(text: tf.Tensor) -> dict[str, tf.Tensor]:
            """Returns the likeliest label of each whole document, and the probability of each label, in their order."""
            nats, characters = self._nats_under_each(text)
            calibration = self._calibration
            length = tf.cast(tf.maximum(characters, 1), tf.float64)
            evidence = -nats / (calibration.scale * length**calibration.power)[:, None]
            probabilities = tf.nn.softmax(evidence + calibration.prior("training"))
            likeliest = tf.gather(tf.constant(self._labels), tf.argmax(probabilities, axis=1))
            return {"label": likeliest, "probabilities": tf.cast(probabilities, tf.float32)}

        return classify

    def step(self) -> Signature:
        """Returns `ids int32[B], state_0 float32[B,H] …` → `logits float32[B,V], new_state_0 …`.

        Only numbers, for runtimes without strings. The states have different names as inputs and outputs, because in
        ONNX a name means one value.
        """
        states = [
            tf.TensorSpec([None, size], tf.float32, f"state_{number}")
            for number, size in enumerate(stepping.state_sizes(self._model))
        ]

        inputs = ["ids", "label"] if self._labels else ["ids"]
        ids = [tf.TensorSpec([None], tf.int32, name) for name in inputs]

        @tf.function(input_signature=[*ids, *states], autograph=False)
        def step(*values: tf.Tensor) -> dict[str, tf.Tensor]:
            """Reads one id in each row: ids and states → logits and new states.

            Of a model that knows labels, `label` is the id of each row's, its place in labels.txt.

            Ids aren't checked, since a check has a message, and the runtimes that this is for have no strings. An id
            below 0 or from V on is an error of the runtime, or gives logits of no meaning.
            """
            (read, *labels), states = values[: len(ids)], values[len(ids) :]
            logits, new_states = self._step_under(labels)(read, states)
            return {"logits": logits} | {f"new_state_{number}": state for number, state in enumerate(new_states)}

        return step
