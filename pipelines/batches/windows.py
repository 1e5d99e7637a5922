"""Id files → batches of B windows of T characters, each with its targets.

Ids stay ids until the last step, which makes one-hot vectors of a batch.
"""

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from pipelines import UserError
from pipelines.corpus import IdRange, ShuffledDocuments

BATCHES_READ_AT_ONCE = 32  # because opening the file takes as long as reading a small batch


@dataclass(frozen=True)
class Form:
    """What a model reads, and its targets.

    Attributes:
        encoding: `one_hot`: inputs float32 `[B, T, V]`; `embedding`: inputs int32 `[B, T]`.
        target: `sequence`: targets one-hot float32 `[B, T, V]`; `next_char`: `[B, V]`.
        vocabulary_size: V.
        sparse: whether targets are ids instead, int32 `[B, T]` or `[B]`, for a vocabulary of many words.
        end: id of the end symbol, of documents. A window for `next_char` then has id 0 in place of earlier documents.
    """

    encoding: str
    target: str
    vocabulary_size: int
    sparse: bool = False
    end: int | None = None

    def pair(self, windows: tf.Tensor, labels: tf.Tensor | None = None) -> tuple[Any, tf.Tensor]:
        """Returns inputs and targets.

        Before: ids of `"hell" + "o"`. After, as characters: inputs `"hell"`, and as targets `"ello"` for `sequence`,
        `"o"` for `next_char`.

        Args:
            windows: ids, `[B, T + 1]`.
            labels: of the last T ids, `[B, T]`, if documents have labels. Then inputs are a pair: what is above, and
                the labels of the targets, int32 `[B, T]` or `[B]`.
        """
        windows = tf.cast(windows, tf.int32)
        inputs, targets = windows[:, :-1], windows[:, 1:] if self.target == "sequence" else windows[:, -1]
        if self.end is not None and self.target == "next_char":
            ends_after = tf.cumsum(tf.cast(inputs == self.end, tf.int32), axis=1, exclusive=True, reverse=True)
            inputs = tf.where(ends_after > 0, 0, inputs)
        if self.encoding == "one_hot":
            inputs = tf.one_hot(inputs, self.vocabulary_size)
        if labels is not None:
            labels = tf.cast(labels, tf.int32)
            inputs = inputs, labels if self.target == "sequence" else labels[:, -1]
        return inputs, targets if self.sparse else tf.one_hot(targets, self.vocabulary_size)


@dataclass(frozen=True)
class Windows(ABC):
    """A text in batches of B windows of T characters (see `Batches`). An epoch is a list of windows.

    Attributes:
        ids: of the training split, running text or documents that are shuffled each epoch.
        form: of the batches.
        batch_size: B.
        window: T.
        rows: which rows of each batch to read, for a worker that trains together with others; None: all.
        chars_per_id: mean number of characters of a token.

    Raises:
        UserError: the text is too short for one batch.
    """

    ids: IdRange | ShuffledDocuments
    form: Form
    _: KW_ONLY
    batch_size: int
    window: int
    rows: range | None = None
    chars_per_id: float = 1.0

    carries_state: ClassVar[bool]

    def __post_init__(self) -> None:
        if not self.count:
            rows, token = (
                self.batch_size if self.carries_state else 1,
                "character" if self.chars_per_id == 1 else "token",
            )
            raise UserError(
                f"the training split has {len(self.ids):,} {token}s, fewer than {rows} windows of "
                f"--window={self.window} and the {token} after each; give more text, or lower --window "
                "or --batch_size"
            )

    @property
    @abstractmethod
    def count(self) -> int:
        """How many windows an epoch has. The last characters are left out if they don't fill a window."""

    @abstractmethod
    def starts(self, epoch: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Returns where the windows at these places of an epoch start in `ids`, int64 `[len(places)]`."""

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return -(-self.count // self.batch_size)

    def characters(self, steps: int) -> int:
        """Returns how many characters `steps` batches have. A character in two windows counts twice."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        windows = epochs * self.count + min(rest * self.batch_size, self.count)
        return round(windows * self.window * self.chars_per_id)

    def dataset(self, first: int, last: int) -> tf.data.Dataset:
        """Returns the batches from step `first` to before step `last`, see `Batches`."""
        # Two batches ahead are enough, since a step takes a hundred times as long as a batch. With AUTOTUNE, batches of
        # a large vocabulary (30 MB each for V = 3,782) pile up.
        batches = self.id_windows(first, last).map(self.form.pair, num_parallel_calls=2)
        if self.rows is not None:
            counts = tf.data.Dataset.range(first, last).map(self._counts)
            batches = tf.data.Dataset.zip(batches, counts).map(lambda batch, counts: (*batch, counts))
        return batches.prefetch(2)

    def batch(self, step: int) -> tuple[Any, ...]:
        """Returns the batch of a step, in 2 ms; a dataset takes 125 ms to start."""
        epoch, batch = divmod(step, self.steps_per_epoch)
        first = tf.constant(batch * self.batch_size, tf.int64)
        places = self._places(first, min(first + self.batch_size, self.count))
        starts = self.starts(tf.constant(epoch, tf.int64), places)
        pair = self.form.pair(*self._cut(epoch, starts.numpy()))
        return pair if self.rows is None else (*pair, self._counts(tf.constant(step, tf.int64)))

    def id_windows(self, first: int, last: int) -> tf.data.Dataset:
        """Returns batches as ids, uint8 or wider `[B, T + 1]`; with labels as pairs, see `Form.pair`.

        Several batches are read at a time, so memory doesn't grow with the corpus. (TensorFlow's own way to map a file,
        ImmutableConst, needs no Python, but constant folding copies the whole file twice.)
        """
        first_epoch, first_batch = divmod(first, self.steps_per_epoch)

        def batches_of(epoch: tf.Tensor) -> tf.data.Dataset:
            return self._id_windows_of(epoch, tf.where(epoch == first_epoch, first_batch * self.batch_size, 0))

        epochs = tf.data.Dataset.range(first_epoch, -(-last // self.steps_per_epoch))
        return epochs.flat_map(batches_of).take(last - first)

    def one_epoch(self, *, seed: int = 0) -> tf.data.Dataset:
        """Returns the batches of an epoch, which is another one each time that the dataset is read, as `fit` does.

        The seed is that of their order.
        """
        epochs = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
        batches = epochs.flat_map(lambda epoch: self._id_windows_of(epoch, tf.constant(0, tf.int64)))
        counted = batches.apply(tf.data.experimental.assert_cardinality(self.steps_per_epoch))
        return counted.map(self.form.pair, num_parallel_calls=2).prefetch(2)

    def _id_windows_of(self, epoch: tf.Tensor, first: tf.Tensor) -> tf.data.Dataset:
        """Returns the batches of an epoch, from the window at place `first` on, as `id_windows` does."""
        count, group = self.count, self.batch_size * BATCHES_READ_AT_ONCE
        groups = tf.data.Dataset.range(tf.cast(first, tf.int64), count, group)
        read = groups.map(
            lambda place: self._read(epoch, self._places(place, tf.minimum(place + group, count))),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        rows = self.batch_size if self.rows is None else len(self.rows)
        return read.rebatch(rows, drop_remainder=self.carries_state)

    def _read(self, epoch: tf.Tensor, places: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, ...]:
        """Returns the windows at these places of an epoch, in a graph, and their labels, if there are any."""
        types = [self.ids.dtype, *filter(None, [self.ids.labels_dtype])]
        cut = tf.numpy_function(
            lambda epoch, starts: self._cut(int(epoch), starts), [epoch, self.starts(epoch, places)], types
        )
        widths = (self.window + 1, self.window)
        parts = tuple(tf.ensure_shape(part, [None, width]) for part, width in zip(cut, widths, strict=False))
        return parts if len(parts) > 1 else parts[0]

    def _cut(self, epoch: int, starts: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns windows and the character after each, `[B, T + 1]`, and labels of all but the first id, if any."""
        ids = self.ids.of_epoch(epoch)
        cut = ids.windows(starts, length=self.window + 1)
        return (cut, ids.labels.windows(starts + 1, length=self.window)) if ids.labels else (cut,)

    def _places(self, first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
        """Returns which places of an epoch, from `first` to before `last`, are in `rows`.

        The last batch of an epoch may have none of these rows. Then its last place stands in for them, so that all
        workers have a batch; `_counts` says that it doesn't count.
        """
        places = tf.range(first, last)
        if self.rows is None:
            return places
        row = places % self.batch_size
        wanted = (row >= self.rows.start) & (row < self.rows.stop)
        filler = (places == self.count - 1) & (row < self.rows.start)
        return tf.boolean_mask(places, wanted | filler)

    def _counts(self, step: tf.Tensor) -> tf.Tensor:
        """Returns how many of `rows` the batch of a step has, and how many rows it has in all, int32 `[2]`."""
        assert self.rows is not None
        whole = tf.minimum(self.count - step % self.steps_per_epoch * self.batch_size, self.batch_size)
        here = tf.clip_by_value(whole - self.rows.start, 0, len(self.rows))
        return tf.cast(tf.stack([here, whole]), tf.int32)


class Stream(Windows):
    """B rows, each a contiguous part of the text. A row of a batch continues that of the batch before."""

    carries_state = True

    @property
    def count(self) -> int:
        """How many windows an epoch has."""
        return self._row_length // self.window * self.batch_size

    @property
    def _row_length(self) -> int:
        return max(len(self.ids) - 1, 0) // self.batch_size

    def starts(self, epoch: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Returns where the windows at these places start, the same in each epoch."""
        return places % self.batch_size * self._row_length + places // self.batch_size * self.window


@dataclass(frozen=True)
class Shuffled(Windows):
    """Every window once per epoch, in a new order each epoch. The last batch of an epoch may be shorter.

    `stride` is the number of tokens from the start of one window to the start of the next.
    """

    _: KW_ONLY
    stride: int = 1
    seed: int = 0

    carries_state = False

    @property
    def count(self) -> int:
        """How many windows an epoch has."""
        return max((len(self.ids) - 1 - self.window) // self.stride + 1, 0)

    def starts(self, epoch: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Returns where the windows at these places of an epoch start.

        The order is `tf.random.experimental.index_shuffle`, a keyed permutation that is computed index by index, so
        there is no list of windows in memory, however long the text. At any size, each window comes once per epoch and
        may come anywhere in it, unlike with a shuffle buffer. Not all orders are equally likely, as there are more
        orders than seeds.
        """
        seed = tf.stack([tf.cast(self.seed, tf.int64), epoch])
        return self.stride * tf.random.experimental.index_shuffle(places, seed, max_index=self.count - 1)
