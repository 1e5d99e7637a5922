"""Losses under each label → probabilities of the labels, and how good these are.

Shapes: D documents, L labels.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

BINS = 10  # of the expected calibration error
PRIORS = ("training", "equal")


@dataclass(frozen=True)
class Calibration:
    """How to turn losses into probabilities: softmax(-nats / (scale × characters ** power) + log prior).

    The likelihood of a long text alone would make every answer certain, since a model takes each character for new
    evidence, although an unusual word or name brings many in a row. So the evidence is divided by a temperature, as in
    Guo and others, "On Calibration of Modern Neural Networks" (2017), which here grows with the length of the text.
    Both numbers are found on the validation part.

    Attributes:
        shares: of each label among the documents for training, `[L]`.
        scale: the temperature of a text of one character.
        power: how it grows with the number of characters.
        passages: how many texts of the validation part it was found on; 0: it wasn't.
    """

    shares: tuple[float, ...]
    scale: float = 1.0
    power: float = 0.0
    passages: int = 0

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> "Calibration":
        """Returns what `facts` gave."""
        return cls(tuple(facts["shares"]), *(facts[name] for name in ("scale", "power", "passages")))

    def facts(self) -> dict[str, Any]:
        """Returns it as metrics.json keeps it."""
        return asdict(self)

    def evidence(self, nats: np.ndarray, characters: np.ndarray) -> np.ndarray:
        """Returns the tempered log likelihoods, float64 `[D, L]`.

        Args:
            nats: losses of whole texts under each label, `[D, L]`.
            characters: how many characters were scored, `[D]`.
        """
        temperature = self.scale * np.maximum(characters, 1).astype(float) ** self.power
        return -np.asarray(nats, float) / temperature[:, None]

    def prior(self, priors: str) -> np.ndarray:
        """Returns the logarithms of the prior probabilities, `[L]`; `training`: the shares; `equal`: all the same."""
        return np.log(self.shares) if priors == "training" else np.zeros(len(self.shares))

    def probabilities(self, nats: np.ndarray, characters: np.ndarray, *, priors: str = "training") -> np.ndarray:
        """Returns the probability of each label, float64 `[D, L]`. Arguments as for `evidence` and `prior`."""
        return softmax(self.evidence(nats, characters) + self.prior(priors))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities, `[D, L]`."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def calibrate(nats: np.ndarray, characters: np.ndarray, labels: np.ndarray, *, shares: Sequence[float]) -> Calibration:
    """Returns the calibration whose probabilities of the true labels are highest, by a search on finer and finer grids.

    Args:
        nats: as for `Calibration.evidence`.
        characters: likewise.
        labels: the true ones, ids `[D]`; without any, nothing is found.
        shares: as for `Calibration`.
    """
    best = Calibration(tuple(shares))
    if not len(labels):
        return best
    rows, varied = np.arange(len(labels)), bool(np.ptp(characters))
    scale, power, width = 0.0, 0.5 if varied else 0.0, (6.0, 0.5)
    lowest = math.inf
    for _ in range(6):
        powers = np.clip(power + np.linspace(-1, 1, 11) * width[1], 0, 1) if varied else [0.0]
        for tried_power in powers:
            for tried_scale in scale + np.linspace(-1, 1, 13) * width[0]:
                tried = Calibration(tuple(shares), float(np.exp(tried_scale)), float(tried_power), len(labels))
                loss = -np.log(tried.probabilities(nats, characters)[rows, labels] + 1e-300).mean()
                if loss < lowest:
                    lowest, best = loss, tried
        scale, power, width = math.log(best.scale), best.power, (width[0] / 4, width[1] / 4)
    return best


def report(probabilities: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Returns how good probabilities are, under the names that `classify --json` prints.

    Macro F1 is the mean over the labels that occur or are predicted. The expected calibration error is the mean
    distance between the probability of the predicted label and the share of right predictions, in `BINS` bins: Naeini
    and others, "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (2015). The area under the ROC curve is
    that of the second of two labels.

    Args:
        probabilities: `[D, L]`.
        labels: the true ones, ids `[D]`, at least one.
        names: of the labels.
    """
    predicted, certainty = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    confusion = np.zeros((len(names), len(names)), int)
    np.add.at(confusion, (labels, predicted), 1)
    hits, both = np.diag(confusion), confusion.sum(axis=0) + confusion.sum(axis=1)
    f1 = 2 * hits[both > 0] / both[both > 0]
    bins = np.minimum((certainty * BINS).astype(int), BINS - 1)
    gaps = [abs(float((right[bins == place] - certainty[bins == place]).sum())) for place in range(BINS)]
    facts = {
        "documents": len(labels),
        "accuracy": float(right.mean()),
        "macro_f1": float(f1.mean()),
        "expected_calibration_error": sum(gaps) / len(labels),
    }
    if len(names) == 2 and 0 < labels.sum() < len(labels):
        facts["roc_auc"] = area_under_roc(probabilities[:, 1], labels == 1)
    return facts | {"labels": list(names), "confusion": confusion.tolist()}


def area_under_roc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Returns the probability that a positive document has a higher score than another one; equal ones count half.

    Args:
        scores: `[D]`.
        positive: bool `[D]`, of both kinds.
    """
    values, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # from 1; equal scores share theirs
    ones = int(positive.sum())
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * (len(values[places]) - ones)))
