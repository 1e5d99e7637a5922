"""The baseline without a network: counted n-grams as a Keras model."""

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.models.ngrams import kneser_ney
from char_lstm_tf.models.ngrams.windows import Windows

# The weight of a label's own counts, if it has much text. The texts of eight authors have the lowest loss with 0.3 to
# 0.4, by 0.002 nats per character, but with 0.5 the accuracy on passages of 250 characters is 1.5 points higher (means
# of three held-out sets).
SHARE = 0.5
# A label with this many characters gets half of that weight: the less text a label has, the less its own counts say,
# and labels with unequal amounts would not be compared on equal terms. The number with the lowest loss is chosen, where
# each document is scored by the counts of the others. Of documents of 10,000 characters by two authors, with 1 to 100
# of them for training (seven pairs of amounts, four seeds each), 94% were right with 50,000, 93% with 20,000, and 87%
# with 0.
HALF_SHARES = (0, 1_000, 5_000, 20_000, 50_000)


def own_shares(characters: Sequence[float], half: int) -> list[float]:
    """Returns the weights of the own counts of labels.

    Args:
        characters: of each label.
        half: characters of a label whose own counts have half of the largest weight.
    """
    return [SHARE * count / max(count + half, 1) for count in characters]


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class CountedNGrams(keras.Layer):
    """Looks up the end of each window in `kneser_ney.Tables`, which are its weights. Nothing is trained.

    For documents with labels, there is a tree of contexts for all documents together and one for those of each label.
    The probability under a label is the weighted mean of both, so that what a label's own documents lack is learnt from
    the others'.

    Args:
        order: n.
        vocabulary_size: V.
        rows: R.
        entries: E.
        labels: L; 0: there are none.
        own_shares: how many weights of own counts there are: L, or in older runs 1 for all labels.
    """

    def __init__(
        self,
        *,
        order: int,
        vocabulary_size: int,
        rows: int,
        entries: int,
        labels: int = 0,
        own_shares: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._sizes = {"order": order, "vocabulary_size": vocabulary_size, "rows": rows, "entries": entries}
        self._sizes |= {"labels": labels, "own_shares": own_shares} if labels else {}
        self._labels = labels
        # Steps of a binary search among the children or the entries of a row, of which there are at most V.
        self._steps = [2**power for power in reversed(range(vocabulary_size.bit_length()))]

    def build(self, input_shape: tuple[int | None, ...], *_: tuple[Any, ...]) -> None:
        """Creates the tables."""
        rows, entries = self._sizes["rows"], self._sizes["entries"]
        sizes = [
            ("children", rows + 2, "int32"),
            ("left", rows + 1, "int32"),
            ("rest", rows + 1, "float32"),
            ("entries", rows + 2, "int32"),
            ("seen", entries, "int32"),
            ("share", entries, "float32"),
        ]
        if self._labels:
            sizes += [("roots", self._labels, "int32"), ("own_share", self._sizes["own_shares"], "float32")]
        self.tables = {
            name: self.add_weight(shape=(size,), dtype=kind, initializer="zeros", trainable=False, name=name)
            for name, size, kind in sizes
        }

    def call(self, windows: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the logarithms of the probabilities of the next character, `[B, V]`.

        Args:
            windows: int32 `[B, n - 1]`.
            labels: ids, int32 `[B]`, if there are labels.
        """
        return tf.math.log(self._probabilities(windows, labels, self._shares)[:, 0])

    def under_each_label(self, windows: tf.Tensor) -> tf.Tensor:
        """Returns what `call` does, but under each label, `[B, L, V]`."""
        return tf.math.log(self._probabilities(windows, None, self._shares))

    def nats(self, windows: tf.Tensor, targets: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the loss of each target, `[B]`, or of a layer with labels, if none are given, under each, `[B, L]`.

        Args:
            windows: int32 `[B, n - 1]`.
            targets: the character after each, int32 `[B]`.
            labels: ids, int32 `[B]`.
        """

        def share_of_target(rows: tf.Tensor) -> tf.Tensor:
            places, found = self._find("entries", "seen", rows, tf.broadcast_to(targets[:, None], tf.shape(rows)))
            return tf.where(found, tf.gather(self.tables["share"], places), 0.0)[..., None]

        probabilities = self._probabilities(windows, labels, share_of_target)[..., 0]
        return -tf.math.log(probabilities if self._labels and labels is None else probabilities[:, 0])

    def _probabilities(
        self, windows: tf.Tensor, labels: tf.Tensor | None, shares: Callable[[tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        """Returns probabilities under the given label of each window, `[B, 1, …]`, or under each, `[B, L, …]`.

        Arguments as for `call` and `_walk`. Without labels, the result is `[B, 1, …]`.
        """
        root = tf.zeros_like(windows[:, :1])  # of the tree of all documents
        if not self._labels:
            return self._walk(windows, root, shares)
        roots = self.tables["roots"].value
        own_roots = roots + root if labels is None else tf.gather(roots, labels)[:, None]
        found = self._walk(windows, tf.concat([root, own_roots], axis=1), shares)
        shared, own = found[:, :1], found[:, 1:]
        weights = self.tables["own_share"].value[None]
        if labels is not None and self._sizes["own_shares"] > 1:
            weights = tf.gather(weights[0], labels)[:, None]
        return shared + tf.expand_dims(weights, -1) * (own - shared)

    def _walk(self, windows: tf.Tensor, rows: tf.Tensor, shares: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """Returns probabilities, `[B, K, …]`, from the shares of the contexts of each length.

        All trees are walked together: a walk for each would be as many times as large a graph, which takes as many
        times as long to compile.

        Args:
            windows: int32 `[B, n - 1]`.
            rows: the empty context of K trees, int32 `[B, K]`.
            shares: of rows, `[B, K, …]`.
        """
        probabilities = shares(rows) + self._rest(rows) / self._sizes["vocabulary_size"]
        for length in range(1, self._sizes["order"]):
            left = tf.broadcast_to(windows[:, -length, None], tf.shape(rows))
            places, found = self._find("children", "left", rows, left)  # the contexts with one more character
            rows = tf.where(found, places, self._sizes["rows"])  # R: a context that wasn't seen
            probabilities = shares(rows) + self._rest(rows) * probabilities
        return probabilities

    def _rest(self, rows: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.tables["rest"], rows)[..., None]

    def _find(self, starts: str, keys_name: str, rows: tf.Tensor, wanted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns where `wanted` stands among the sorted keys of each row, and whether it does; all have one shape."""
        keys = self.tables[keys_name]
        place, end = tf.gather(self.tables[starts], rows), tf.gather(self.tables[starts], rows + 1)
        last = keys.shape[0] - 1
        for step in self._steps:
            probe = place + (step - 1)
            smaller = tf.gather(keys, tf.minimum(probe, last)) < wanted
            place = tf.where(smaller & (probe < end), probe + 1, place)
        return tf.minimum(place, last), (place < end) & (tf.gather(keys, tf.minimum(place, last)) == wanted)

    def _shares(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the share of each character after these contexts, `[B, K, V]`."""
        shape, rows, size = tf.shape(rows), tf.reshape(rows, [-1]), self._sizes["vocabulary_size"]
        places = tf.gather(self.tables["entries"], rows)[:, None] + tf.range(size)
        inside = places < tf.gather(self.tables["entries"], rows + 1)[:, None]
        places = tf.minimum(places, self._sizes["entries"] - 1)
        share = tf.where(inside, tf.gather(self.tables["share"], places), 0.0)
        seen = tf.where(inside, tf.gather(self.tables["seen"], places), 0)
        row = tf.broadcast_to(tf.range(tf.shape(rows)[0])[:, None], tf.shape(seen))
        dense = tf.scatter_nd(tf.stack([row, seen], axis=-1), share, tf.shape(share))
        return tf.reshape(dense, tf.concat([shape, [size]], axis=0))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that create the same layer."""
        return super().get_config() | self._sizes


class Counted(Windows):
    """Counted n-grams, whose windows are the contexts to look up.

    Args:
        sizes: those of `CountedNGrams`.
    """

    def __init__(self, **sizes: int) -> None:
        ids = keras.Input((sizes["order"] - 1,), dtype="int32", name="ids")
        self.layer, labels = CountedNGrams(**sizes, name="counts"), sizes.get("labels", 0)
        if labels:
            of_each = keras.Input((), dtype="int32", name="labels")
            model = keras.Model([ids, of_each], self.layer(ids, of_each), name="counts")
        else:
            model = keras.Sequential([ids, self.layer], name="counts")
        interface = Interface(
            vocabulary_size=sizes["vocabulary_size"],
            encoding="embedding",
            target="next_char",
            window=sizes["order"] - 1,
            labels=labels,
        )
        super().__init__(model, interface, last=self.layer)

    def nats(self, windows: tf.Tensor, targets: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Looks up the targets alone, which is many times as fast as all V characters. As `Network.nats` says."""
        return self._of_flat(self.layer.nats, windows, targets, labels if self.labels else None)


def counted_model(
    tables: kneser_ney.Tables,
    *,
    order: int,
    vocabulary_size: int,
    roots: Sequence[int] = (),
    shares: Sequence[float] = (SHARE,),
) -> Counted:
    """Returns a model whose logits `[B, V]` are the logarithms of the tables' probabilities.

    Its Keras model reads windows, int32 `[B, n - 1]`, and the label of each, int32 `[B]`, if there are labels.

    Args:
        tables: what was counted.
        order: n.
        vocabulary_size: V.
        roots: the row of the empty context of each label; () where there are no labels.
        shares: the weight of the own counts of each label, or one for all.
    """
    rows, entries = len(tables.left) - 1, len(tables.seen)
    sizes = {"order": order, "vocabulary_size": vocabulary_size, "rows": rows, "entries": entries}
    model = Counted(**sizes, labels=len(roots), own_shares=len(shares))
    own = {"roots": roots, "own_share": shares} if roots else {}
    for name, values in (vars(tables) | own).items():
        model.layer.tables[name].assign(values)
    return model


def empty_like(path: Path) -> Counted:
    """Returns a model with empty tables. Their sizes are those in the file of a saved model.

    Raises:
        ValueError: the sizes are larger than the file.
    """
    with zipfile.ZipFile(path) as archive:
        saved = json.loads(archive.read("config.json"))["config"]["layers"][-1]["config"]
    if saved["rows"] + saved["entries"] + saved.get("labels", 0) > path.stat().st_size // 4:
        raise ValueError("the tables in its config.json are larger than the file")
    names = ("order", "vocabulary_size", "rows", "entries", "labels", "own_shares")
    return Counted(**{name: saved[name] for name in names if name in saved})
