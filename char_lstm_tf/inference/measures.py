"""How good the probabilities of labels are.

Shapes: D documents, L labels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

BINS = 10  # of the expected calibration error
FEWEST_TEXTS = 20  # of a label that make its measures reliable
LABELS_SHOWN = 5


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities, `[D, L]`."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def report(
    probabilities: np.ndarray, labels: np.ndarray, names: Sequence[str], *, shares: Sequence[float] = ()
) -> dict[str, Any]:
    """Returns the measures of probabilities, under the names that `classify --json` prints.

    Balanced accuracy is the mean recall over the labels that occur. Macro F1 is the mean F1 over those that occur or
    are predicted. `accuracy_of_most_frequent` is the accuracy of always predicting the most frequent true label. The
    expected calibration error is the mean distance between the probability of the predicted label and the share of
    correct predictions, in `BINS` bins: Naeini and others, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning" (2015). The area under the ROC curve is that of the second of two labels.

    Args:
        probabilities: `[D, L]`.
        labels: the true ones, ids `[D]`, at least one.
        names: of the labels.
        shares: of the labels in training. If given, the report has the mean loss of the probabilities, and that of
            these shares as a prediction.
    """
    predicted, certainty = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    confusion = np.zeros((len(names), len(names)), int)
    np.add.at(confusion, (labels, predicted), 1)
    hits, true = np.diag(confusion), confusion.sum(axis=1)
    both = confusion.sum(axis=0) + true
    f1 = 2 * hits[both > 0] / both[both > 0]
    bins = np.minimum((certainty * BINS).astype(int), BINS - 1)
    gaps = [abs(float((right[bins == place] - certainty[bins == place]).sum())) for place in range(BINS)]
    facts = {
        "documents": len(labels),
        "accuracy": float(right.mean()),
        "accuracy_of_most_frequent": float(true.max() / len(labels)),
        "balanced_accuracy": float((hits[true > 0] / true[true > 0]).mean()),
        "macro_f1": float(f1.mean()),
        "expected_calibration_error": sum(gaps) / len(labels),
    }
    if len(shares):
        given = probabilities[np.arange(len(labels)), labels]
        facts["nats_per_document"] = float(-np.log(given + 1e-300).mean())
        facts["nats_per_document_of_shares"] = float(-np.log(np.asarray(shares)[labels]).mean())
    if len(names) == 2 and 0 < labels.sum() < len(labels):
        facts["roc_auc"] = area_under_roc(probabilities[:, 1], labels == 1)
    return facts | {"labels": list(names), "confusion": confusion.tolist()}


def beats_shares(report: dict[str, Any]) -> bool:
    """Returns whether the probabilities predict held-out labels better than the shares of the labels do.

    Args:
        report: of `report`, with shares.
    """
    return report["nats_per_document"] < 0.99 * report["nats_per_document_of_shares"]


def verdict(report: dict[str, Any]) -> str:
    """Returns a sentence about the accuracy on held-out texts, with advice if it is no better than the shares.

    Args:
        report: of `report`, with shares.
    """
    shares = np.sum(report["confusion"], axis=1)
    most_frequent = report["labels"][int(np.argmax(shares))]
    always = f"always {most_frequent!r} would be right in {report['accuracy_of_most_frequent']:.1%}"
    if not beats_shares(report):
        return (
            f"no better than the shares of the labels on {report['documents']:,} held-out texts ({always}): give more "
            "text of each label or longer texts, or see whether the labels are the right ones"
        )
    few = [f"{name} ({count})" for name, count in zip(report["labels"], shares, strict=True) if count < FEWEST_TEXTS]
    listed = ", ".join(few[:LABELS_SHOWN]) + f" and {len(few) - LABELS_SHOWN:,} more" * (len(few) > LABELS_SHOWN)
    return (
        f"{report['accuracy']:.1%} of {report['documents']:,} held-out texts right ({always}), balanced accuracy "
        f"{report['balanced_accuracy']:.1%}, macro F1 {report['macro_f1']:.1%}"
        + (f"; too few held-out texts to be sure of {listed}" if few else "")
    )


def area_under_roc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Returns the probability that a positive document has a higher score than a negative one; ties count half.

    Args:
        scores: `[D]`.
        positive: bool `[D]`, of both kinds.
    """
    values, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # from 1; equal scores share theirs
    ones = int(positive.sum())
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * (len(values[places]) - ones)))
