"""Id files → `tf.data.Dataset` of (inputs, targets).

A batch depends only on its number: a dataset can start at any step, and two processes that ask for the same step get
the same batch. Ids stay as they are in the file, and become one-hot vectors last, a batch at a time.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from pipelines import UserError
from pipelines.corpus import IdRange
from pipelines.shuffling import ShuffledDocuments

Ids = IdRange | ShuffledDocuments  # of a running text, or of documents that are shuffled each epoch
BATCHES_READ_AT_ONCE = 32  # because opening the file takes as long as reading a small batch


@dataclass(frozen=True)
class Batching:
    """How a text is cut into batches of B windows of T characters, each with the character after it.

    An epoch is a list of windows, and B of them make a batch. The two orders differ in where each window is.

    Attributes:
        order: `stream`: B rows side by side, each a contiguous part of the text. Row b of a batch continues where row b
            of the previous batch ended. `shuffled`: every window once an epoch, in a new order each epoch.
        batch_size: B.
        window: T.
        stride: characters from the start of one window to the start of the next (only `shuffled`).
        seed: of the order.
        rows: which rows of each batch to read, for a worker that trains together with others; None: all.
    """

    order: str
    batch_size: int
    window: int
    stride: int = 1
    seed: int = 0
    rows: range | None = None

    def steps_per_epoch(self, ids: Ids) -> int:
        """Returns how many batches an epoch has. The last characters are left out if they don't fill a window.

        Raises:
            UserError: the text is too short for one batch.
        """
        steps = -(-self.windows(ids) // self.batch_size)
        if steps < 1:
            rows = self.batch_size if self.order == "stream" else 1
            raise UserError(
                f"the training split has {len(ids):,} characters, fewer than {rows} windows of "
                f"--window={self.window} and the character after each; give more text, or lower --window "
                "or --batch_size"
            )
        return steps

    def windows(self, ids: Ids) -> int:
        """Returns how many windows an epoch has."""
        if self.order == "stream":
            return self._row_length(ids) // self.window * self.batch_size
        return max((len(ids) - 1 - self.window) // self.stride + 1, 0)

    def characters(self, ids: Ids, steps: int) -> int:
        """Returns how many characters `steps` batches have. A character in two windows counts twice."""
        epochs, rest = divmod(steps, self.steps_per_epoch(ids))
        windows = self.windows(ids)
        return (epochs * windows + min(rest * self.batch_size, windows)) * self.window

    def counts(self, ids: Ids, step: tf.Tensor) -> tf.Tensor:
        """Returns how many of `rows` the batch of a step has, and how many rows it has in all, int32 `[2]`."""
        first = step % self.steps_per_epoch(ids) * self.batch_size
        whole = tf.minimum(self.windows(ids) - first, self.batch_size)
        here = tf.clip_by_value(whole - self.rows.start, 0, len(self.rows))
        return tf.cast(tf.stack([here, whole]), tf.int32)

    def places(self, ids: Ids, first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
        """Returns which places of an epoch, from `first` to before `last`, are in `rows`.

        Where the last batch of an epoch has fewer rows, this may be none of them. Then its last place is there, so that
        all workers have a batch; `counts` says that it isn't theirs.
        """
        places = tf.range(first, last)
        if self.rows is None:
            return places
        row = places % self.batch_size
        wanted = (row >= self.rows.start) & (row < self.rows.stop)
        filler = (places == self.windows(ids) - 1) & (row < self.rows.start)
        return tf.boolean_mask(places, wanted | filler)

    def _row_length(self, ids: Ids) -> int:
        return max(len(ids) - 1, 0) // self.batch_size

    def starts(self, ids: Ids, epoch: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Returns where the windows at these places of an epoch start in `ids`, int64 `[len(places)]`.

        The shuffled order is `tf.random.experimental.index_shuffle`, a keyed permutation that is computed index by
        index, so there is no list of windows in memory, however long the text. At any size, each window comes once an
        epoch and may come anywhere in it, unlike with a shuffle buffer. Not all orders are equally likely, as there are
        more orders than seeds.
        """
        if self.order == "stream":
            row, batch = places % self.batch_size, places // self.batch_size
            return row * self._row_length(ids) + batch * self.window
        seed = tf.stack([tf.cast(self.seed, tf.int64), epoch])
        last = self.windows(ids) - 1
        return self.stride * tf.random.experimental.index_shuffle(places, seed, max_index=last)


def id_windows(ids: Ids, batching: Batching, *, steps: int, first_step: int = 0) -> tf.data.Dataset:
    """Returns batches number `first_step` to `steps` as ids, uint8 or wider `[B, T + 1]`.

    If documents have labels, batches are pairs: the ids, and the labels of the last T of them, `[B, T]`.

    The last batch of a shuffled epoch may be shorter. The file is read for some batches at a time, so memory doesn't
    grow with the corpus. (TensorFlow's own way to map a file, ImmutableConst, needs no Python, but constant folding
    copies the whole file twice.)
    """
    steps_per_epoch = batching.steps_per_epoch(ids)
    first_epoch, first_batch = divmod(first_step, steps_per_epoch)
    windows = batching.windows(ids)
    group = batching.batch_size * BATCHES_READ_AT_ONCE

    labels_dtype = ids.labels_dtype
    types = [ids.dtype, labels_dtype] if labels_dtype else [ids.dtype]

    def windows_of(epoch: int, starts: np.ndarray) -> tuple[np.ndarray, ...]:
        return _cut(ids.of_epoch(int(epoch)), starts, batching.window)

    def read(epoch: tf.Tensor, place: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, ...]:
        starts = batching.starts(ids, epoch, batching.places(ids, place, tf.minimum(place + group, windows)))
        cut = tf.numpy_function(windows_of, [epoch, starts], types)
        widths = [batching.window + 1, batching.window]
        parts = [tf.ensure_shape(part, [None, width]) for part, width in zip(cut, widths, strict=False)]
        return tuple(parts) if labels_dtype else parts[0]

    def batches_of(epoch: tf.Tensor) -> tf.data.Dataset:
        first = tf.where(epoch == first_epoch, first_batch * batching.batch_size, 0)
        groups = tf.data.Dataset.range(tf.cast(first, tf.int64), windows, group)
        read_groups = groups.map(lambda place: read(epoch, place), num_parallel_calls=tf.data.AUTOTUNE)
        rows = batching.batch_size if batching.rows is None else len(batching.rows)
        return read_groups.rebatch(rows, drop_remainder=batching.order == "stream")

    epochs = tf.data.Dataset.range(first_epoch, -(-steps // steps_per_epoch))
    return epochs.flat_map(batches_of).take(steps - first_step)


def training_batches(
    ids: Ids,
    batching: Batching,
    *,
    encoding: str,
    target: str,
    vocabulary_size: int,
    sparse: bool = False,
    end: int | None = None,
    steps: int,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Returns batches number `first_step` to `steps` of all epochs as `(inputs, targets)`.

    Before: ids of `"hell" + "o"`. After, as characters: inputs `"hell"`, and as targets `"ello"` for
    `sequence`, `"o"` for `next_char`. If documents have labels, inputs are a pair: what is below, and the labels of the
    targets, int32 `[B, T]` or `[B]`. With `batching.rows`, B is their number, and `batching.counts` comes third.

    Args:
        ids: the training split.
        batching: how it is cut into windows.
        encoding: `one_hot`: inputs float32 `[B, T, V]`; `embedding`: inputs int32 `[B, T]`.
        target: `sequence`: targets one-hot float32 `[B, T, V]`; `next_char`: `[B, V]`.
        vocabulary_size: V.
        sparse: give the targets as ids instead, int32 `[B, T]` or `[B]`, for a vocabulary of many words.
        end: id of the end symbol, of documents. A window for `next_char` then has id 0 in place of earlier documents.
        steps: where to stop, counted from the start of the first epoch.
        first_step: where to start.
    """

    windows = id_windows(ids, batching, steps=steps, first_step=first_step)
    form = {"encoding": encoding, "target": target, "vocabulary_size": vocabulary_size, "sparse": sparse, "end": end}
    pair = partial(_pair, **form)
    # Two batches ahead are enough for a model that takes a hundred times as long. With AUTOTUNE, batches with a large
    # vocabulary (30 MB each for V = 3,782) pile up.
    batches = windows.map(pair, num_parallel_calls=2)
    if batching.rows is not None:
        counts = tf.data.Dataset.range(first_step, steps).map(partial(batching.counts, ids))
        batches = tf.data.Dataset.zip(batches, counts).map(lambda batch, counts: (*batch, counts))
    return batches.prefetch(2)


def training_batch(
    ids: Ids,
    batching: Batching,
    *,
    encoding: str,
    target: str,
    vocabulary_size: int,
    sparse: bool = False,
    end: int | None = None,
    step: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the batch that `training_batches` gives at `step`, in 2 ms; a dataset takes 125 ms to start."""
    epoch, batch = divmod(step, batching.steps_per_epoch(ids))
    first = batch * batching.batch_size
    places = tf.range(first, min(first + batching.batch_size, batching.windows(ids)), dtype=tf.int64)
    starts = batching.starts(ids, tf.constant(epoch, tf.int64), places)
    cut = _cut(ids.of_epoch(epoch), starts.numpy(), batching.window)
    form = {"encoding": encoding, "target": target, "vocabulary_size": vocabulary_size, "sparse": sparse, "end": end}
    return _pair(*cut, **form)


def _cut(ids: IdRange, starts: np.ndarray, window: int) -> tuple[np.ndarray, ...]:
    """Returns windows and the character after each, `[B, T + 1]`, and the labels of all but the first id, if any."""
    cut = ids.windows(starts, length=window + 1)
    return (cut, ids.labels.windows(starts + 1, length=window)) if ids.labels else (cut,)


def _pair(
    windows: tf.Tensor,
    labels: tf.Tensor | None = None,
    *,
    encoding: str,
    target: str,
    vocabulary_size: int,
    sparse: bool,
    end: int | None,
) -> tuple[tf.Tensor | tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
    windows = tf.cast(windows, tf.int32)
    inputs, targets = windows[:, :-1], windows[:, 1:] if target == "sequence" else windows[:, -1]
    if end is not None and target == "next_char":
        ends_after = tf.cumsum(tf.cast(inputs == end, tf.int32), axis=1, exclusive=True, reverse=True)
        inputs = tf.where(ends_after > 0, 0, inputs)
    if encoding == "one_hot":
        inputs = tf.one_hot(inputs, vocabulary_size)
    if labels is not None:
        labels = tf.cast(labels, tf.int32)
        inputs = inputs, labels if target == "sequence" else labels[:, -1]
    return inputs, targets if sparse else tf.one_hot(targets, vocabulary_size)
