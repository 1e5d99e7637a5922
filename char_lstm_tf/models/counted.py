"""The baseline without a network: counted n-grams as a Keras model."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import keras
import tensorflow as tf

from char_lstm_tf.models import kneser_ney


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class CountedNGrams(keras.Layer):
    """Looks up the end of each window in `kneser_ney.Tables`, which are its weights. Nothing is trained.

    Args:
        order: n.
        vocabulary_size: V.
        rows: R.
        entries: E.
    """

    def __init__(self, *, order: int, vocabulary_size: int, rows: int, entries: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self._sizes = {"order": order, "vocabulary_size": vocabulary_size, "rows": rows, "entries": entries}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the tables."""
        rows, entries = self._sizes["rows"], self._sizes["entries"]
        self.tables = {
            name: self.add_weight(shape=(size,), dtype=kind, initializer="zeros", trainable=False, name=name)
            for name, size, kind in (
                ("children", rows + 2, "int32"),
                ("left", rows + 1, "int32"),
                ("rest", rows + 1, "float32"),
                ("entries", rows + 2, "int32"),
                ("seen", entries, "int32"),
                ("share", entries, "float32"),
            )
        }

    def call(self, windows: tf.Tensor) -> tf.Tensor:
        """Returns the logarithms of the probabilities of the next character, `[B, V]`; windows: int32 `[B, n - 1]`."""
        size = self._sizes["vocabulary_size"]
        rows = tf.zeros_like(windows[:, 0])
        probabilities = self._shares(rows) + self._rest(rows) / size
        for length in range(1, self._sizes["order"]):
            rows = self._longer(rows, windows[:, -length])
            probabilities = self._shares(rows) + self._rest(rows) * probabilities
        return tf.math.log(probabilities)

    def _rest(self, rows: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.tables["rest"], rows)[:, None]

    def _slice(self, starts: str, rows: tf.Tensor, last: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns V places from the start of each row on, at most `last`, `[B, V]`, and which belong to the row."""
        places = tf.gather(self.tables[starts], rows)[:, None] + tf.range(self._sizes["vocabulary_size"])
        return tf.minimum(places, last), places < tf.gather(self.tables[starts], rows + 1)[:, None]

    def _longer(self, rows: tf.Tensor, left: tf.Tensor) -> tf.Tensor:
        """Returns the rows of the contexts with one more character to the left; R if a context wasn't seen."""
        places, inside = self._slice("children", rows, self._sizes["rows"])
        found = inside & (tf.gather(self.tables["left"], places) == left[:, None])
        return tf.reduce_min(tf.where(found, places, self._sizes["rows"]), axis=1)

    def _shares(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the share of each character after these contexts, `[B, V]`."""
        places, inside = self._slice("entries", rows, self._sizes["entries"] - 1)
        share = tf.where(inside, tf.gather(self.tables["share"], places), 0.0)
        seen = tf.where(inside, tf.gather(self.tables["seen"], places), 0)
        row = tf.broadcast_to(tf.range(tf.shape(rows)[0])[:, None], tf.shape(seen))
        return tf.scatter_nd(tf.stack([row, seen], axis=-1), share, tf.shape(share))

    def get_config(self) -> dict:
        """Returns the arguments that create the same layer."""
        return super().get_config() | self._sizes


def counted_model(tables: kneser_ney.Tables, *, order: int, vocabulary_size: int) -> keras.Model:
    """Returns a model of int32 `[B, n - 1]` whose logits `[B, V]` are the logarithms of the tables' probabilities."""
    rows, entries = len(tables.left) - 1, len(tables.seen)
    model = _empty(order=order, vocabulary_size=vocabulary_size, rows=rows, entries=entries)
    for name, values in asdict(tables).items():
        model.layers[0].tables[name].assign(values)
    return model


def empty_like(path: Path) -> keras.Model:
    """Returns a model with empty tables of the sizes of a saved model, which are in its file.

    Raises:
        ValueError: the sizes are larger than the file.
    """
    with zipfile.ZipFile(path) as archive:
        saved = json.loads(archive.read("config.json"))["config"]["layers"][-1]["config"]
    if saved["rows"] + saved["entries"] > path.stat().st_size // 4:
        raise ValueError("the tables in its config.json are larger than the file")
    return _empty(**{name: saved[name] for name in ("order", "vocabulary_size", "rows", "entries")})


def _empty(**sizes: int) -> keras.Model:
    ids = keras.Input((sizes["order"] - 1,), dtype="int32", name="ids")
    return keras.Sequential([ids, CountedNGrams(**sizes, name="counts")], name="counts")
