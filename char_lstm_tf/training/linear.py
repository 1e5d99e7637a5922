"""Fits the linear model of labels: each label is told from all others by logistic regression.

For the weights w of a label, the bias included, this is least:

    ½ Σ (w - w₀)² / v + STRENGTH × Σ ln(1 + exp(-y w·x))

The second sum is over the texts x for training, where y is 1 for texts with the label and -1 for all others. w₀ is
zero, or what another run has learnt (--init_from). It is found text by text in its dual form: Yu, Huang and Lin, "Dual
Coordinate Descent Methods for Logistic Regression and Maximum Entropy Models" (2011), section 3.

v is how far a weight may go. A feature that occurs as often with the label as without it has little to say, so its
weight stays small:

    v ∝ (LEAST + |ln r|)²,  r = (share of texts with the label that have the feature) / (share of all others)

Before, `SMOOTHING` texts that have the feature are added, divided among the label and the others like all texts. The
logarithms are the weights of naive Bayes. Wang and Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic
Classification" (2012), multiply features by them, which comes to the same.

Long documents are cut into several texts. Afterwards, the biases are moved so that the prior probabilities of the
labels are their shares of the documents, as `calibration.shares` has them, and not of the texts.

Shapes: D texts, F features of all texts, R rows of the table, L labels.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from char_lstm_tf.inference.mixing.compiling import compiled
from char_lstm_tf.models.classifier.linear import Features, Linear
from pipelines.batches import WholeDocuments

STRENGTH = 30.0  # of the losses, against the weights
LEAST = 1.0  # so that a feature that naive Bayes knows nothing of isn't kept at zero
SMOOTHING = 2.0
PRECISION = 1e-2  # of a weight in the dual form, as a share of STRENGTH; some six passes over the texts
MOST_PASSES = 100
ORDERS = 4  # of the texts, in turns; with one and a tenth of PRECISION, 120 passes are needed instead of 12
MOST_CHARACTERS = 12_000_000  # that it is fitted on; some 700 MB of features
BLOCK = 256  # texts whose features are scaled at once


def fit_linear(layer: Linear, batches: WholeDocuments, *, precision: float = PRECISION, quiet: bool = False) -> None:
    """Fits the linear model to the documents of an epoch.

    With more than `MOST_CHARACTERS`, it is fitted to batches that are evenly spread, and says so.

    Args:
        layer: has no weights yet, or those to start from.
        batches: the documents for training, with their labels.
        precision: how exactly, as a share of `STRENGTH`.
        quiet: print nothing.
    """
    CountedTexts.read(layer, batches, quiet=quiet).fit(layer, precision=precision, quiet=quiet)


@dataclass(frozen=True)
class CountedTexts:
    """Texts whose features are counted.

    Attributes:
        features: as `Linear.counted` returns them, but as arrays, and in the order of the texts.
        labels: of the texts, int32 `[D]`.
        documents: the number of the document of each text, `[D]`.
    """

    features: Features
    labels: np.ndarray
    documents: np.ndarray

    @classmethod
    def read(cls, layer: Linear, batches: WholeDocuments, *, quiet: bool) -> Self:
        """Returns the texts of an epoch, or of batches that are evenly spread."""
        taken = batches_taken(batches)
        if len(taken) < batches.steps_per_epoch and not quiet:
            print(
                f"linear model: fitted on {len(taken):,} of {batches.steps_per_epoch:,} batches of documents, since "
                "there are many",
                file=sys.stderr,
            )
        texts, rows, values, labels, before = [], [], [], [], 0
        for features, own in _counted(layer, batches, taken, quiet=quiet):
            texts.append((features.texts + before).astype(np.int32))
            rows.append(features.rows)
            values.append(features.values)
            labels.append(own)
            before += len(own)
        documents = np.concatenate([batches.documents(int(step)) for step in taken])
        return cls(Features(*map(np.concatenate, (texts, rows, values))), np.concatenate(labels), documents)

    def of(self, chosen: np.ndarray) -> Self:
        """Returns some of the texts. `chosen` says which, bool `[D]`."""
        texts, rows, values = self.features
        of_these = chosen[texts]
        numbers = np.cumsum(chosen) - 1
        features = Features(numbers[texts[of_these]], rows[of_these], values[of_these])
        return type(self)(features, self.labels[chosen], self.documents[chosen])

    def fit(self, layer: Linear, *, precision: float = PRECISION, quiet: bool) -> None:
        """Fits the linear model to the texts. Features that had no importance get theirs.

        Args:
            layer: as for `fit_linear`.
            precision: likewise.
            quiet: show no progress.
        """
        starts = np.searchsorted(self.features.texts, np.arange(len(self.labels) + 1))
        having = np.bincount(self.features.rows, minlength=layer.importance.shape[0])
        importance = np.where(having, np.log((1 + len(self.labels)) / (1 + having)) + 1, 0)
        known = layer.importance.numpy()
        layer.importance.assign(np.where(known > 0, known, importance))
        values = self._scaled(layer, starts)
        squares = np.bincount(self.features.rows, weights=values**2, minlength=len(having))
        chance = np.random.default_rng(0)
        orders = np.stack([chance.permutation(len(self.labels)) for _ in range(ORDERS)])
        votes, bias = layer.votes.numpy(), layer.bias.numpy()
        columns = tqdm(range(len(bias)), desc="linear model", unit=" labels", delay=2, disable=True if quiet else None)
        for label in columns:
            own = np.append(votes[:, label], bias[label]).astype(np.float64)
            signs = np.where(self.labels == label, 1.0, -1.0)
            variances = self._variances(signs, having, squares)
            _fit_label(own, starts, self.features.rows, values, signs, variances, orders, precision)
            votes[:, label], bias[label] = own[:-1], own[-1]
        layer.votes.assign(votes)
        layer.bias.assign(bias + self._prior_of_documents(len(bias)))

    def _prior_of_documents(self, count: int) -> np.ndarray:
        """Returns by how much the logits of the labels' shares of the documents and of the texts differ, `[count]`."""
        _, firsts = np.unique(self.documents, return_index=True)
        logits = []
        for labels in (self.labels[firsts], self.labels):
            shares = (np.bincount(labels, minlength=count) + 1) / (len(labels) + count)
            logits.append(np.log(shares / (1 - shares)))
        return logits[0] - logits[1]

    def _variances(self, signs: np.ndarray, having: np.ndarray, squares: np.ndarray) -> np.ndarray:
        """Returns v of a label's weights, float64 `[R]`. Its mean over all features of all texts is 1.

        Args:
            signs: y, `[D]`.
            having: how many texts have the feature, `[R]`.
            squares: of the values of a feature, their sum over all texts, with which the mean is weighted, `[R]`.
        """
        share = ((signs > 0).sum() + 1) / (len(signs) + 2)  # in a fold, a label may have no text
        own = np.bincount(self.features.rows[(signs > 0)[self.features.texts]], minlength=len(having))
        ratio = np.log((own + SMOOTHING * share) / (having - own + SMOOTHING * (1 - share)) * (1 - share) / share)
        variances = (LEAST + np.abs(ratio)) ** 2
        return variances * squares.sum() / max(squares @ variances, 1e-12)

    def _scaled(self, layer: Linear, starts: np.ndarray) -> np.ndarray:
        """Returns the values of the features, scaled, float32 `[F]`. `starts` is where those of each text begin."""
        texts, rows, values = self.features
        found = [np.zeros(0, np.float32)]
        for first in range(0, len(starts) - 1, BLOCK):
            last = min(first + BLOCK, len(starts) - 1)
            part = slice(starts[first], starts[last])
            features = Features(texts[part] - first, rows[part], values[part])
            found.append(layer.scaled(features, count=last - first).values.numpy())
        return np.concatenate(found)


def batches_taken(batches: WholeDocuments) -> np.ndarray:
    """Returns the numbers of the batches that it is fitted on: all, or some of them, evenly spread."""
    steps = batches.steps_per_epoch
    share = min(MOST_CHARACTERS / max(batches.characters(steps), 1), 1.0)
    return np.unique(np.linspace(0, steps - 1, max(round(steps * share), 1)).astype(int))


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
    variances: np.ndarray,
    orders: np.ndarray,
    precision: float,
) -> None:
    """Changes the weights of a label, float64 `[R + 1]`, to the best ones. The last is the bias.

    Args:
        weights: those to stay near to.
        starts: where the features of each text begin, and the end of the last, `[D + 1]`.
        rows: of each feature, `[F]`.
        values: `[F]`.
        signs: y, `[D]`.
        variances: v of each weight but the bias, whose is 1, `[R]`.
        orders: of the texts, `[ORDERS, D]`.
        precision: as for `fit_linear`.
    """
    dual = np.zeros(len(signs))
    for passes in range(MOST_PASSES):
        largest = 0.0
        for text in orders[passes % ORDERS]:
            score, length = weights[-1], 1.0
            for place in range(starts[text], starts[text + 1]):
                row = rows[place]
                score += weights[row] * values[place]
                length += variances[row] * values[place] ** 2
            old = dual[text]
            new = _best_dual(old, signs[text] * score, length, first=not passes)
            change = (new - old) * signs[text]
            for place in range(starts[text], starts[text + 1]):
                row = rows[place]
                weights[row] += change * variances[row] * values[place]
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
