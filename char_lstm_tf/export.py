"""A trained model as a SavedModel with signatures, for any TensorFlow runtime and without a line of ours."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from char_lstm_tf import models, sampling
from pipelines.vocabulary import Vocabulary

Signature = tf.types.experimental.PolymorphicFunction

SERVING_CHARS = 200  # what serving_default writes
SERVING_TEMPERATURE = 0.8


def export(model: keras.Model, vocabulary: Vocabulary, path: Path) -> None:
    """Writes a SavedModel with the signatures `serving_default` and `step`.

    It holds the weights once and nothing of the training model, the vocabulary as an asset, and no
    operation of one kind of device only.

    Args:
        model: any model of `models.BUILD`.
        vocabulary: its vocabulary.
        path: the folder to write; it doesn't exist yet.
    """
    with tempfile.TemporaryDirectory() as folder:
        module = tf.Module()
        module.weights = [weight.value for weight in model.weights]
        module.vocabulary = tf.saved_model.Asset(str(_vocabulary_file(vocabulary, Path(folder))))
        module.ids = id_table(module.vocabulary.asset_path)
        signatures = {
            "serving_default": _serving_default(model, vocabulary, module.ids),
            "step": _step(model),
        }
        tf.saved_model.save(module, str(path), signatures)


def _vocabulary_file(vocabulary: Vocabulary, folder: Path) -> Path:
    """Writes a line for each id, in their order: the character's code point, and the character as JSON."""
    path = folder / "vocabulary.tsv"
    path.write_text(
        "".join(f"{ord(character)}\t{json.dumps(character)}\n" for character in vocabulary.characters)
    )
    return path


def id_table(vocabulary_file: str | tf.Tensor) -> tf.lookup.StaticHashTable:
    """Returns the table from code points to ids, int64 both; a code point that isn't in the file has id 0."""
    lines = tf.lookup.TextFileInitializer(
        vocabulary_file, tf.int64, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    return tf.lookup.StaticHashTable(lines, 0)


def _serving_default(
    model: keras.Model, vocabulary: Vocabulary, table: tf.lookup.StaticHashTable
) -> Signature:
    characters = tf.constant([character.encode() for character in vocabulary.characters])

    def step(ids: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return models.step(model, ids, states)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "prompt")])
    def serving_default(prompt: tf.Tensor) -> dict[str, tf.Tensor]:
        """Prompts `[B]` → `SERVING_CHARS` characters that follow each, string `[B]`; other ones at each call."""
        rows = tf.shape(prompt)[0]
        ids, lengths = encode(prompt, table)
        states = sampling.absorb(step, ids, lengths - 1, models.zero_states(model, rows))
        # Seeds of zero in the operation itself: else the training run's seed would be part of the export, and
        # every server that loads it would write the same.
        seeds = tf.raw_ops.RandomUniformInt(
            shape=[rows], minval=tf.int64.min, maxval=tf.int64.max, seed=0, seed2=0
        )
        written, _ = sampling.generate(
            step,
            tf.gather(ids, lengths - 1, batch_dims=1),
            states,
            count=SERVING_CHARS,
            first=0,
            seeds=seeds,
            temperature=tf.fill([rows], SERVING_TEMPERATURE),
            top_k=tf.fill([rows], 0),
            top_p=tf.fill([rows], 1.0),
        )
        return {"text": tf.strings.reduce_join(tf.gather(characters, written), axis=1)}

    return serving_default


def encode(text: tf.Tensor, table: tf.lookup.StaticHashTable) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the ids of UTF-8 strings in the graph, int32 `[B, T]` padded with 0, and their lengths, int32 `[B]`.

    Bytes that aren't UTF-8 read as the unknown character, and an empty string as a newline.

    Args:
        text: string `[B]`.
        table: from code points to ids, both int64.
    """
    text = tf.where(text == "", sampling.START, text)
    ids = table.lookup(tf.cast(tf.strings.unicode_decode(text, "UTF-8"), tf.int64))
    return tf.cast(ids.to_tensor(), tf.int32), tf.cast(ids.row_lengths(), tf.int32)


def _step(model: keras.Model) -> Signature:
    states = [
        tf.TensorSpec([None, size], tf.float32, f"state_{number}")
        for number, size in enumerate(models.state_sizes(model))
    ]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "ids"), *states])
    def step(ids: tf.Tensor, *states: tf.Tensor) -> dict[str, tf.Tensor]:
        """One id a row and the states → logits `[B, V]` and the new states, all under their names."""
        logits, new_states = models.step(model, ids, states)
        return {"logits": logits} | {f"state_{number}": state for number, state in enumerate(new_states)}

    return step
