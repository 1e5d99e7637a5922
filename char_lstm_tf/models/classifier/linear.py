"""A linear model of the words and the letters of a text: what `--linear` adds to a classifier, or a run by itself.

A feature is a word, a pair of words, neighbours or with one word between them, or a sequence of two to six characters,
blanks included. A word is a run of letters and digits, or of other signs: `"No," he said.` has the words `"`, `No`,
`,"`, `he`, `said` and `.`. A hash of a feature is its row in a table, so there is no list of features, and some share a
row. The value of a feature that occurs `count` times in a text, and in `d` of the D texts for training, is

    (1 + ln count) × importance,  importance = ln((1 + D) / (1 + d)) + 1,

so that a rare feature counts for more, and a repeated one for little more. It is 0 if no text for training has the
feature. Then the values of all words and pairs are scaled to a length of 1, as a vector, and so are those of all
sequences of characters: otherwise the many sequences would outweigh the words. Salton and Buckley, "Term-weighting
Approaches in Automatic Text Retrieval" (1988), compare such values; this importance is that of scikit-learn.

Shapes: B batch, T tokens, F features of all texts of a batch, L labels.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.models.classifier.classifier import Classifier
from pipelines.vocabulary import Vocabulary

WORDS, LENGTHS = (1, 2), (2, 3, 4, 5, 6)  # words and characters of a feature
ROWS = 1 << 18  # of each kind
KINDS = ("words and neighbours", "characters", "pairs with a word between")  # in the order of their rows
SCALED_WITH = (0, 1, 0)  # the kind that the values of each kind are scaled together with
FIRST_KINDS = 2  # in runs that were made before there was a third, for which words ended at blanks alone
LETTERS = r"([\pL\pM\pN_]+)"  # RE2's \w has those of English alone


class Features(NamedTuple):
    """The features of some texts, each once for each text.

    Attributes:
        texts: number of the text in its batch, int64 `[F]`.
        rows: in the table, int64 `[F]`, in the order of `KINDS`.
        values: float32 `[F]`.
    """

    texts: tf.Tensor
    rows: tf.Tensor
    values: tf.Tensor


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class Linear(keras.layers.Layer):
    """Returns the mean of the network's logits and of those of a linear model of the text, float32 `[B, L]`.

    In training, it returns the network's logits: the linear model is fitted on the same texts beforehand, so it would
    leave little to learn. Nothing else changes its weights.

    Args:
        tokens: of the vocabulary, in the order of their ids.
        labels: L.
    """

    def __init__(self, tokens: Sequence[str], labels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._options = {"tokens": list(tokens), "labels": labels}
        self._signs_are_words = True

    def build(self, *_: tuple[Any, ...]) -> None:
        """Creates the weights: zeros, with which it says nothing."""
        labels = self._options["labels"]
        options = {"initializer": "zeros", "trainable": False}
        self.importance = self.add_weight(shape=(len(KINDS) * ROWS,), name="importance", **options)
        self.votes = self.add_weight(shape=(len(KINDS) * ROWS, labels), name="votes", **options)
        self.bias = self.add_weight(shape=(labels,), name="bias", **options)

    def load_own_variables(self, store: Any) -> None:
        """Loads the weights, also of a run with `FIRST_KINDS`, which then answers as it did."""
        importance, votes, bias = (np.asarray(store[str(place)]) for place in range(len(self.weights)))
        if len(importance) == FIRST_KINDS * ROWS:
            self._signs_are_words = False
            missing = (0, self.importance.shape[0] - len(importance))
            importance, votes = np.pad(importance, missing), np.pad(votes, (missing, (0, 0)))
        for weight, saved in zip(self.weights, (importance, votes, bias), strict=True):
            weight.assign(saved)

    def call(self, logits: tf.Tensor, ids: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the mean.

        Args:
            logits: of the network, float32 `[B, L]`.
            ids: int32 `[B, T]`, padded with end symbols.
            training: whether the network is being trained.
        """
        if training:
            return logits
        return (tf.nn.log_softmax(logits) + self.answer(ids)) / 2

    def answer(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the logits of the linear model by itself, float32 `[B, L]`. Ids as for `call`."""
        texts, rows, values = self.scaled(self.counted(ids), count=tf.shape(ids)[0])
        votes = tf.math.unsorted_segment_sum(values[:, None] * tf.gather(self.votes, rows), texts, tf.shape(ids)[0])
        return tf.math.log_sigmoid(votes + self.bias)  # each label is told from all others, so a vote is a logit

    def counted(self, ids: tf.Tensor) -> Features:
        """Returns the features of texts, with 1 + ln count as their values. Ids as for `call`."""
        tokens = tf.gather(tf.constant(self._options["tokens"]), ids)
        texts = tf.strings.join([" ", tf.strings.reduce_join(tokens, axis=1), " "])  # an end symbol is ""
        apart = tf.strings.regex_replace(texts, LETTERS, r" \1 ") if self._signs_are_words else texts
        words, characters = tf.strings.split(apart), tf.strings.unicode_split(texts, "UTF-8")
        first, last = words[:, :-2], words[:, 2:]
        pairs = first.with_flat_values(tf.strings.join([first.flat_values, last.flat_values], separator=" "))
        kinds = [tf.strings.ngrams(words, WORDS), tf.strings.ngrams(characters, LENGTHS, separator=""), pairs]
        table = len(KINDS) * ROWS
        found = [
            kind.value_rowids() * table + number * ROWS + tf.strings.to_hash_bucket_fast(kind.flat_values, ROWS)
            for number, kind in enumerate(kinds)
        ]
        place, _, counts = tf.unique_with_counts(tf.concat(found, axis=0))
        return Features(place // table, place % table, 1 + tf.math.log(tf.cast(counts, tf.float32)))

    def scaled(self, features: Features, *, count: int | tf.Tensor) -> Features:
        """Returns the features of `count` texts with their values, see above."""
        texts, rows, values = features
        values *= tf.gather(self.importance, rows)
        kind = texts * len(KINDS) + tf.gather(tf.constant(SCALED_WITH, tf.int64), rows // ROWS)
        squares = tf.math.unsorted_segment_sum(values**2, kind, count * len(KINDS))
        return Features(texts, rows, values * tf.math.rsqrt(tf.maximum(tf.gather(squares, kind), 1e-12)))

    def compute_output_shape(self, logits: tuple[Any, ...], *_: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns `[B, L]`."""
        return logits

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that create the same layer."""
        return super().get_config() | self._options


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class LinearAlone(Linear):
    """Returns the logits of the linear model, float32 `[B, L]`, from ids. Arguments as for `Linear`."""

    def call(self, ids: tf.Tensor) -> tf.Tensor:  # type: ignore[override]  # it has no other logits
        """Returns the logits, see `Linear.answer`."""
        return self.answer(ids)

    def compute_output_shape(self, ids: tuple[Any, ...], *_: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns `[B, L]`."""
        return (ids[0], self._options["labels"])


class LinearClassifier(Classifier):
    """The linear model by itself (`--architecture=linear`).

    Args:
        vocabulary: with an end symbol and labels.

    Attributes:
        linear: its only layer.

    Raises:
        ValueError: the vocabulary has no end symbol.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary)
        self.linear = LinearAlone(vocabulary.tokens, len(vocabulary.labels), name="linear")
        ids = keras.Input((None,), dtype="int32", name="ids")
        self.keras_model = keras.Model(ids, self.linear(ids), name="classifier")

    def answer(self, ids: tf.Tensor) -> tf.Tensor:
        """See `Classifier.answer`."""
        return self.linear.answer(ids)
