"""Fits the linear model of a classifier (`--linear`): each label is told from all others by logistic regression.

For the weights w of a label, the bias included, this is least:

    ½ |w - w₀|² + STRENGTH × Σ ln(1 + exp(-y w·x))

over the texts x for training, where y is 1 for texts with the label and -1 for all others. w₀ is zero, or what another
run has learnt (--init_from). It is found text by text in its dual form: Yu, Huang and Lin, "Dual Coordinate Descent
Methods for Logistic Regression and Maximum Entropy Models" (2011), section 3.

Shapes: D texts, F features of all texts, R rows of the table, L labels.
"""

import sys
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from char_lstm_tf.inference.mixing.compiling import compiled
from char_lstm_tf.models.classifier.linear import Features, Linear
from pipelines.batches import WholeDocuments

STRENGTH = 20.0  # of the losses, against the weights
PRECISION = 1e-3  # of a weight in the dual form, as a share of STRENGTH; at a third, results are the same
MOST_PASSES = 200
MOST_CHARACTERS = 8_000_000  # that it is fitted on; some 500 MB of features


def fit_linear(layer: Linear, batches: WholeDocuments, *, precision: float = PRECISION, quiet: bool = False) -> None:
    """Fits the linear model to the documents of an epoch.

    With more than `MOST_CHARACTERS`, it is fitted to batches that are evenly spread, and says so.

    Args:
        layer: has no weights yet, or those to start from.
        batches: the documents for training, with their labels.
        precision: how exactly, as a share of `STRENGTH`.
        quiet: print nothing.
    """
    features, labels = _read(layer, batches, quiet=quiet)
    starts = np.searchsorted(features.texts, np.arange(len(labels) + 1))
    order = np.random.default_rng(0).permutation(len(labels))
    votes, bias = layer.votes.numpy(), layer.bias.numpy()
    columns = tqdm(range(len(bias)), desc="linear model", unit=" labels", delay=2, disable=True if quiet else None)
    for label in columns:
        own, signs = np.append(votes[:, label], bias[label]).astype(np.float64), np.where(labels == label, 1.0, -1.0)
        _fit_label(own, starts, features.rows, features.values, signs, order, precision)
        votes[:, label], bias[label] = own[:-1], own[-1]
    layer.votes.assign(votes)
    layer.bias.assign(bias)


def _read(layer: Linear, batches: WholeDocuments, *, quiet: bool) -> tuple[Features, np.ndarray]:
    """Returns the features of documents as arrays, in the order of their numbers, and their labels, int32 `[D]`.

    The importance of features that had none is set.
    """
    steps = batches.steps_per_epoch
    taken = np.unique(np.linspace(0, steps - 1, max(round(steps * _share(batches)), 1)).astype(int))
    if len(taken) < steps and not quiet:
        print(
            f"--linear: fitted on {len(taken):,} of {steps:,} batches of documents, since there are many",
            file=sys.stderr,
        )
    found = list(_counted(layer, batches, taken, quiet=quiet))
    labels = np.concatenate([labels for _, labels in found])
    having = np.bincount(np.concatenate([rows for (_, rows, _), _ in found]), minlength=layer.importance.shape[0])
    importance = np.where(having, np.log((1 + len(labels)) / (1 + having)) + 1, 0)
    known = layer.importance.numpy()
    layer.importance.assign(np.where(known > 0, known, importance))
    texts, rows, values, before = [], [], [], 0
    for features, own in found:
        values.append(layer.scaled(features, count=len(own)).values.numpy())
        texts.append(features.texts + before)
        rows.append(features.rows)
        before += len(own)
    return Features(*map(np.concatenate, (texts, rows, values))), labels


def _share(batches: WholeDocuments) -> float:
    """Returns the share of the batches that it is fitted on."""
    return min(MOST_CHARACTERS / max(batches.characters(batches.steps_per_epoch), 1), 1.0)


def _counted(
    layer: Linear, batches: WholeDocuments, taken: np.ndarray, *, quiet: bool
) -> Iterator[tuple[Features, np.ndarray]]:
    """Yields the features of the documents of some batches, as `Linear.counted` does but sorted, and their labels."""
    counted = tf.function(layer.counted, input_signature=[tf.TensorSpec([None, None], tf.int32)], autograph=False)
    for step in tqdm(taken, desc="linear model", unit=" batches", delay=2, disable=True if quiet else None):
        ids, labels = batches.batch(int(step))
        texts, rows, values = (tensor.numpy() for tensor in counted(ids))
        order = np.lexsort((rows, texts))
        yield Features(texts[order], rows[order].astype(np.int32), values[order]), labels


@compiled()
def _fit_label(  # pragma: no cover
    weights: np.ndarray,
    starts: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    signs: np.ndarray,
    order: np.ndarray,
    precision: float,
) -> None:
    """Changes the weights of a label, float64 `[R + 1]`, to the best ones. The last is the bias.

    Args:
        weights: those to stay near to.
        starts: where the features of each text begin, and the end of the last, `[D + 1]`.
        rows: of each feature, `[F]`.
        values: `[F]`.
        signs: y, `[D]`.
        order: of the texts, `[D]`.
        precision: as for `fit_linear`.
    """
    dual = np.zeros(len(signs))
    for passes in range(MOST_PASSES):
        largest = 0.0
        for text in order:
            score, length = weights[-1], 1.0
            for place in range(starts[text], starts[text + 1]):
                score += weights[rows[place]] * values[place]
                length += values[place] ** 2
            old = dual[text]
            new = _best_dual(old, signs[text] * score, length, first=not passes)
            change = (new - old) * signs[text]
            for place in range(starts[text], starts[text + 1]):
                weights[rows[place]] += change * values[place]
            weights[-1] += change
            dual[text] = new
            largest = max(largest, abs(change))
        if largest < precision * STRENGTH:
            break


@compiled()
def _best_dual(old: float, margin: float, length: float, first: bool) -> float:  # pragma: no cover
    """Returns the z between 0 and STRENGTH at which the dual loss of a text is least, by Newton's method.

    The slope of that loss is ln(z / (STRENGTH - z)) + length × (z - old) + margin.
    """
    z = STRENGTH / 2 if first else old
    for _ in range(30):
        slope = np.log(z / (STRENGTH - z)) + length * (z - old) + margin
        if abs(slope) < 1e-6:
            break
        step = slope / (STRENGTH / (z * (STRENGTH - z)) + length)
        if step >= z:
            z /= 10
        elif z - step >= STRENGTH:
            z = STRENGTH - (STRENGTH - z) / 10
        else:
            z -= step
    return z
