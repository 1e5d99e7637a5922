"""Gradients: their norm in each weight, and how far back in time the loss reaches.

Shapes: B batch, T characters in a window, D width of what the first layer reads (V one-hot, or the embedding's).
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.models.recurrent.documents import Continues
from char_lstm_tf.models.stack import carried_states
from char_lstm_tf.training.pictures import GRADIENT_COLUMNS, draw_reach
from pipelines.files import atomic_write

Batch = tuple[tf.Tensor | tuple[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class GradientSnapshot:
    """The gradients of one training step, before clipping.

    Attributes:
        norms: norm for each trainable weight, float32 `[weights]`.
        largest: largest absolute element for each, float32 `[weights]`.
        clipped: whether the optimizer clips it, bool `[weights]`.
        reach: norm of d loss at the last character / d input t characters before it, mean over rows, for
            t = 0, 1 … T - 1: float32 `[T]`. The loss is that of the last prediction alone. Pascanu and others, "On the
            difficulty of training recurrent neural networks" (2013), section 2.1, explain why it shrinks or grows by
            some factor at each step.
    """

    norms: np.ndarray
    largest: np.ndarray
    clipped: np.ndarray
    reach: np.ndarray


class GradientProbe:
    """Computes the gradients that the next training step of a compiled model will have, and leaves no trace in it."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._read, self._rest = _split(model)
        self._gradients = tf.function(self._gradients_of, jit_compile=False, reduce_retracing=True, autograph=False)

    def snapshot(self, inputs: tf.Tensor, targets: tf.Tensor) -> GradientSnapshot:
        """Returns the gradients of a training step on this batch, with the states and the dropout it would have."""
        # What a call in training changes: the carried states and the seeds of dropout.
        changed = [*carried_states(self._model), *self._model.non_trainable_variables]
        before = [(variable, variable.numpy()) for variable in changed]
        try:
            whole, reach = self._gradients(inputs, targets)
        finally:
            for variable, value in before:
                variable.assign(value)
        norms, largest = whole.numpy()
        return GradientSnapshot(norms, largest, clipped(self._model.optimizer, norms, largest), reach.numpy())

    def _gradients_of(self, inputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, ...]:
        model, weights = self._model, [weight.value for weight in self._model.trainable_variables]
        with tf.GradientTape(persistent=True) as tape:
            every = inputs if isinstance(inputs, tuple) else (inputs,)
            vectors = self._read(every[0])
            tape.watch(vectors)
            logits = self._rest(vectors, every)
            loss = model.compute_loss(x=inputs, y=targets, y_pred=logits, training=True)
            sequence = logits.shape.rank == 3
            last_logits, last_targets = (logits[:, -1], targets[:, -1]) if sequence else (logits, targets)
            last = tf.nn.softmax_cross_entropy_with_logits(last_targets, last_logits)
        gradients = list(map(tf.convert_to_tensor, tape.gradient(loss, weights)))
        sizes = tf.stack([[tf.norm(g) for g in gradients], [tf.reduce_max(tf.abs(g)) for g in gradients]])
        reach = tf.norm(tape.gradient(last, vectors), axis=-1)
        return sizes, tf.reduce_mean(reach, axis=0)[::-1]


def _split(model: keras.Model) -> tuple[Callable[[tf.Tensor], tf.Tensor], Callable[..., tf.Tensor]]:
    """Returns what turns a model's inputs into vectors `[B, T, D]`, and the rest, which reads vectors and inputs.

    A model of documents sees in its inputs where documents begin, and a model with labels has them as a second input.
    """
    embedding = next((layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)), None)
    if embedding is None:
        return tf.identity, lambda vectors, inputs: _called(model, [vectors, *inputs[1:]])
    sees_ends = any(isinstance(layer, Continues) for layer in model.layers)
    first = 0 if sees_ends else 1
    rest = keras.Model([embedding.output, *model.inputs[first:]], model.outputs[0])
    return embedding, lambda vectors, inputs: _called(rest, [vectors, *inputs[first:]])


def _called(model: keras.Model, inputs: list[tf.Tensor]) -> tf.Tensor:
    """Returns the logits of a training step; keras.Sequential takes no list."""
    return model(inputs if len(inputs) > 1 else inputs[0], training=True)


def clipped(optimizer: keras.Optimizer, norms: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Returns which gradients an optimizer clips, by their norms and largest elements; bool, shaped like `norms`."""
    if optimizer.clipnorm:
        return norms > optimizer.clipnorm
    if optimizer.global_clipnorm:
        return np.full(norms.shape, np.linalg.norm(norms) > optimizer.global_clipnorm)
    if optimizer.clipvalue:
        return largest > optimizer.clipvalue
    return np.zeros(norms.shape, bool)


class LogGradients(keras.callbacks.Callback):
    """Takes a snapshot of the gradients every few steps, and logs the snapshots of an epoch at its end.

    It writes gradients.csv (`plot_gradients` explains its columns), a picture of it, and TensorBoard's logs. A snapshot
    is taken just before its step, with the same weights, states, dropout and batch, and doesn't change training. The
    number of a step decides whether it has a snapshot, so a resumed run continues as it would have; the epoch in which
    it was interrupted has fewer snapshots. An epoch that is trained again after a resume replaces its rows.

    Args:
        batch_at: returns the batch of a step, as training gets it.
        every: number of steps from one snapshot to the next.
        csv_path: gradients.csv.
        picture: the PNG file.
        logs: TensorBoard's folder.
    """

    def __init__(
        self, batch_at: Callable[[int], Batch], *, every: int, csv_path: Path, picture: Path, logs: Path
    ) -> None:
        super().__init__()
        self._batch_at, self._every = batch_at, every
        self._csv, self._picture, self._logs = csv_path, picture, logs
        self._snapshots: list[GradientSnapshot] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Prepares the probe."""
        self._probe = GradientProbe(self.model)
        self._names = [name(weight) for weight in self.model.trainable_variables]
        self._board = tf.summary.create_file_writer(str(self._logs))

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes a snapshot of the step that follows, when it is time."""
        step = int(self.model.optimizer.iterations.numpy())
        if step % self._every == 0:
            self._snapshots.append(self._probe.snapshot(*self._batch_at(step)))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the means over the epoch's snapshots; of the largest elements, the largest."""
        if self._snapshots:
            norms, largest, shares, reach = summary(self._snapshots)
            weights = list(zip(self._names, norms, largest, shares, strict=True))
            self._write_csv(epoch, weights, reach)
            self._write_board(epoch, weights, reach)
            with atomic_write(self._picture) as path:
                draw_reach({self._csv.parent.name: self._csv}, path)
            self._snapshots = []

    def _write_csv(self, epoch: int, weights: list[tuple[Any, ...]], reach: np.ndarray) -> None:
        count = len(self._snapshots)
        rows = [(epoch, count, weight, "", *values) for weight, *values in weights]
        rows += [(epoch, count, "", distance, norm, "", "") for distance, norm in enumerate(reach)]
        earlier = rows_before(epoch, self._csv) if self._csv.exists() else []
        with atomic_write(self._csv) as path, path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([GRADIENT_COLUMNS, *earlier, *rows])

    def _write_board(self, epoch: int, weights: list[tuple[Any, ...]], reach: np.ndarray) -> None:
        with self._board.as_default(step=epoch):
            for weight, norm, element, share in weights:
                tf.summary.scalar(f"gradient_norm/{weight}", norm)
                tf.summary.scalar(f"gradient_largest/{weight}", element)
                tf.summary.scalar(f"gradient_clipped/{weight}", share)
            for distance in 2 ** np.arange((len(reach) - 1).bit_length()):
                tf.summary.scalar(f"gradient_reach/{distance}_before", reach[distance] / reach[0])
            self._board.flush()


def rows_before(epoch: int, log: Path) -> list[list[str]]:
    """Returns the rows of a gradients.csv that are about earlier epochs."""
    with log.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    return [row for row in rows if int(row[0]) < epoch]


def summary(snapshots: Sequence[GradientSnapshot]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns mean norms, largest elements and shares of clipped steps, `[weights]` each, and mean reach `[T]`."""
    return (
        np.mean([snapshot.norms for snapshot in snapshots], axis=0),
        np.max([snapshot.largest for snapshot in snapshots], axis=0),
        np.mean([snapshot.clipped for snapshot in snapshots], axis=0),
        np.mean([snapshot.reach for snapshot in snapshots], axis=0),
    )


def name(weight: keras.Variable) -> str:
    """Returns a weight's name. Before: `sequential/lstm_1/lstm_cell_5/kernel`; after: `lstm_1/kernel`."""
    *layers, own = weight.path.split("/")
    return "/".join([part for part in layers if "_cell" not in part and part != "sequential"] + [own])
