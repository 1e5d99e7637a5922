"""Strings in the graph: UTF-8 → ids, as `Vocabulary.encode` gives them, and ids → UTF-8.

Shapes: B rows, T characters or tokens, V vocabulary size.
"""

import tensorflow as tf

from pipelines.vocabulary import Vocabulary

MAX_READ = 1_000_000  # rows × characters of the longest one; with 2×128 units 25 seconds for one row


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


def named(label: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
    """Returns the label that a signature was given, if it was, by its name."""
    return {"label": label[0]} if label else {}


class Strings:
    """Encodes texts with the tables that stand among the assets.

    Args:
        vocabulary: whose ids they get.
        table: from code points to ids, int64 both.
        words: as for `join_words`, if there are words.

    Attributes:
        tokens: UTF-8 of each id, string `[V]`.
        lengths: how many characters each id has, int32 `[V]`.
    """

    def __init__(
        self, vocabulary: Vocabulary, table: tf.lookup.StaticHashTable, words: tf.lookup.StaticHashTable | None = None
    ) -> None:
        self._vocabulary, self._table, self._words = vocabulary, table, words
        self._code_points = tf.constant(code_points(vocabulary))
        self.tokens = tf.constant([token.encode() for token in vocabulary.tokens])
        self.lengths = tf.constant(vocabulary.lengths, tf.int32)

    def encode(self, text: tf.Tensor, *, whole: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what `encode` does, with the end symbols of documents around each text; at least one id per row.

        An asset that isn't the vocabulary that the weights were trained with is an error.

        Args:
            text: string `[B]`; "" is read as `Vocabulary.start`.
            whole: whether the texts are complete, so that an end symbol follows each document.
        """
        end, marks = self._vocabulary.framing.end, self._vocabulary.framing.marks
        with tf.control_dependencies(self._require_assets()):
            ids, lengths = encode(tf.where(text == "", self._vocabulary.start, text), self._table)
        if self._words is not None:
            ids, lengths = join_words(ids, lengths, self._vocabulary, self._words)
        ids, lengths = tf.pad(ids, [[0, 0], [marks, marks]], constant_values=end), lengths + marks
        if whole:
            places = tf.range(tf.shape(ids)[1])
            ids, lengths = tf.where(places == lengths[:, None], max(end, 0), ids), lengths + marks
        return ids, lengths

    def _require_assets(self) -> list[tf.Operation]:
        """Returns operations that fail unless the assets are those of this model."""
        ids = self._table.lookup(tf.cast(self._code_points, tf.int64))
        same = ids == tf.range(len(self._vocabulary), dtype=tf.int64)
        checks = [require(same, "assets/vocabulary.tsv must be that of this model", ids)]
        if self._words is not None:
            places = self._words.lookup(tf.constant(self._vocabulary.words))
            same = places == tf.range(len(self._vocabulary.words), dtype=tf.int64)
            checks.append(require(same, "assets/words.txt must be that of this model", places))
        return checks
