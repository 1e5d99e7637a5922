"""Losses under each label → probabilities of the labels, and how good these are.

Shapes: D documents, L labels.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

BINS = 10  # of the expected calibration error
QUANTILES = 101  # of the losses of held-out texts
FEWEST_TEXTS = 20  # of a label, to have quantiles of its own, and to be sure of what is said of it
LABELS_SHOWN = 5
# Texts that the prior of offsets is worth where a network answers labels: all training documents taught it these.
# With 1, offsets from 272 held-out questions took a point off the accuracy on the test questions of TREC.
PRIOR_OF_ANSWERS = 100.0
SMALLEST_SLOPE = 1e-9  # of the evidence: if it points the wrong way, it is left out, not turned round
PRIORS = {"training": 1.0, "balanced": 0.5, "equal": 0.0}  # powers of the shares of the labels in training
UNUSUAL = 0.99  # quantile of a loss above which a text may be an example of none of the labels


@dataclass(frozen=True)
class TypicalLosses:
    """How large the losses of held-out texts are under their own label, whatever the lengths of the texts.

    Of n characters, the loss is `start + mean × n` on average, and its distance from that grows with `n ** power`. The
    quantiles are those of the distance divided by `n ** power`.

    Attributes:
        start: nats that a text costs besides, since nothing stands before its beginning.
        means: nats per character of each label, `[L]`.
        power: how the spread grows.
        quantiles: of each label, `[L, QUANTILES]`, evenly spaced from the least to the largest.
    """

    start: float
    means: tuple[float, ...]
    power: float
    quantiles: tuple[tuple[float, ...], ...]

    @classmethod
    def found_in(cls, nats: np.ndarray, characters: np.ndarray, labels: np.ndarray, count: int) -> "TypicalLosses":
        """Returns it from held-out texts.

        A label with fewer than `FEWEST_TEXTS` of them gets the mean and the quantiles of all labels.

        Args:
            nats: loss of each text under its own label, `[D]`.
            characters: of each, `[D]`.
            labels: ids, `[D]`, at least one.
            count: L.
        """
        lengths = np.maximum(characters, 1).astype(float)
        own = [
            labels == label if np.count_nonzero(labels == label) >= FEWEST_TEXTS else labels >= 0
            for label in range(count)
        ]
        rates = np.array([nats[chosen].sum() / lengths[chosen].sum() for chosen in own])
        start = 0.0
        if np.ptp(lengths):  # the straight line through all, with a slope for each label
            start = max(float(np.median((nats - rates[labels] * lengths)[lengths <= np.median(lengths)])), 0.0)
            rates = np.array([(nats[chosen] - start).sum() / lengths[chosen].sum() for chosen in own])
        distances = nats - start - rates[labels] * lengths
        power = 0.5
        if np.ptp(lengths):
            slope = np.polyfit(np.log(lengths), np.log(np.abs(distances) + 1e-9), 1)[0]
            power = float(np.clip(slope, 0.5, 1))
        spread = distances / lengths**power
        steps = np.linspace(0, 1, QUANTILES)
        quantiles = tuple(tuple(np.quantile(spread[chosen], steps).tolist()) for chosen in own)
        return cls(start, tuple(rates.tolist()), power, quantiles)

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> "TypicalLosses":
        """Returns what `dataclasses.asdict` gave, as metrics.json keeps it."""
        quantiles = tuple(map(tuple, facts["quantiles"]))
        return cls(facts["start"], tuple(facts["means"]), facts["power"], quantiles)

    def quantile(self, nats: float, characters: int, label: int) -> float:
        """Returns the share of held-out texts of a label that have a smaller loss, lengths taken into account.

        Half of the texts have a larger loss than 0.5; at 1, none has.

        Args:
            nats: loss of a text under the label.
            characters: of the text.
            label: its id.
        """
        length = max(characters, 1)
        distance = (nats - self.start - self.means[label] * length) / length**self.power
        return float(np.interp(distance, self.quantiles[label], np.linspace(0, 1, QUANTILES)))


@dataclass(frozen=True)
class Calibration:
    """How to turn losses into probabilities:

        softmax(-(nats + offsets × characters) / (scale × characters ** power) + log prior)

    A label with much text is learnt better, so that every text is likelier under it, whoever wrote it. The offsets take
    that off: they are what the loss per character under each label is too low by, compared with the other labels.

    The likelihood of a long text alone would make every answer certain, since a model takes each character for new
    evidence, although an unusual word or name brings many in a row. So the evidence is divided by a temperature, as in
    Guo and others, "On Calibration of Modern Neural Networks" (2017), which here grows with the length of the text.

    All of it is found on documents that the model wasn't trained on, see `calibrate`.

    Attributes:
        shares: of each label among the documents for training, `[L]`.
        scale: the temperature of a text of one character.
        power: how it grows with the number of characters.
        passages: how many held-out texts it was found on; 0: it wasn't.
        offsets: nats per character, `[L]`; (): none, as in older runs.
        per_text: whether a text counts as one character, however long it is. So it is where a network answers labels,
            because its answer is one piece of evidence.
        typical_losses: of the held-out texts; None of answers, and in older runs.
        report: how well the labels of the held-out texts are told, see `report`; None in older runs.
    """

    shares: tuple[float, ...]
    scale: float = 1.0
    power: float = 0.0
    passages: int = 0
    offsets: tuple[float, ...] = ()
    per_text: bool = False
    typical_losses: TypicalLosses | None = None
    report: dict[str, Any] | None = None

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> "Calibration":
        """Returns what `facts` gave.

        Raises:
            KeyError, TypeError, ValueError: it isn't what `facts` gave.
        """
        typical = facts.get("typical_losses")
        found = cls(
            tuple(facts["shares"]),
            scale=facts["scale"],
            power=facts["power"],
            passages=facts["passages"],
            offsets=tuple(facts.get("offsets", ())),
            per_text=facts.get("per_text", False),
            typical_losses=TypicalLosses.from_facts(typical) if typical else None,
            report=facts.get("report"),
        )
        if found.offsets and len(found.offsets) != len(found.shares):
            raise ValueError("not one offset for each label")
        return found

    def facts(self) -> dict[str, Any]:
        """Returns it as metrics.json keeps it."""
        return asdict(self)

    def evidence(self, nats: np.ndarray, characters: np.ndarray) -> np.ndarray:
        """Returns the log likelihoods on equal terms and tempered, float64 `[D, L]`.

        Args:
            nats: losses of whole texts under each label, `[D, L]`.
            characters: how many characters were scored, `[D]`.
        """
        lengths = np.where(self.per_text, 1.0, np.maximum(characters, 1))[:, None]
        offsets = np.array(self.offsets or (0.0,))
        return -(np.asarray(nats, float) + offsets * lengths) / (self.scale * lengths**self.power)

    def prior(self, priors: str) -> np.ndarray:
        """Returns the logarithms of the prior probabilities up to a constant, `[L]`; `priors` is one of `PRIORS`."""
        return PRIORS[priors] * np.log(self.shares)

    def probabilities(self, nats: np.ndarray, characters: np.ndarray, *, priors: str = "training") -> np.ndarray:
        """Returns the probability of each label, float64 `[D, L]`. Arguments as for `evidence` and `prior`."""
        return softmax(self.evidence(nats, characters) + self.prior(priors))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities, `[D, L]`."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def calibrate(
    nats: np.ndarray,
    characters: np.ndarray,
    labels: np.ndarray,
    *,
    shares: Sequence[float],
    weights: np.ndarray | None = None,
    per_text: bool = False,
) -> Calibration:
    """Returns the calibration whose probabilities of the true labels are highest.

    For a given `power`, the logits are linear in 1 / scale and offsets / scale, so that the mean loss is convex, and
    Newton's method finds its minimum. The best of eleven powers is taken. A weak prior keeps offsets near 0 (see
    `_Fit`), so that a label with a handful of texts isn't overcorrected.

    Args:
        nats: as for `Calibration.evidence`.
        characters: likewise.
        labels: the true ones, ids `[D]`; without any, nothing is found.
        shares: as for `Calibration`.
        weights: how much each text counts, `[D]`; None: 1.
        per_text: as for `Calibration`.
    """
    if not len(labels):
        return Calibration(tuple(shares), per_text=per_text)
    weights = np.ones(len(labels)) if weights is None else weights
    characters = np.ones(len(labels), int) if per_text else characters
    powers = np.linspace(0, 1, 11) if np.ptp(characters) else [0.0]
    strength = PRIOR_OF_ANSWERS if per_text else 1.0
    fits = [_Fit.at(power, nats, characters, labels, np.log(shares), weights, strength) for power in powers]
    best = min(fits, key=lambda fit: fit.loss)
    offsets = -best.tilts / best.slope
    offsets -= offsets.mean()
    return Calibration(tuple(shares), 1 / best.slope, best.power, len(labels), tuple(offsets.tolist()), per_text)


@dataclass(frozen=True)
class _Fit:
    """The best calibration for a power.

    The logits are `slope × evidence + tilts × lengths ** (1 - power) + log prior`. The loss contains half the square of
    each tilt at the typical length, which is a standard normal prior: it counts as much as one text.

    Attributes:
        power: the power.
        loss: the sum of weighted losses, and of the prior.
        slope: 1 / scale.
        tilts: -offsets / scale, `[L]`.
    """

    power: float
    loss: float
    slope: float
    tilts: np.ndarray

    @classmethod
    def at(
        cls,
        power: float,
        nats: np.ndarray,
        characters: np.ndarray,
        labels: np.ndarray,
        prior: np.ndarray,
        weights: np.ndarray,
        strength: float,
    ) -> "_Fit":
        """Returns it by Newton's method with halved steps.

        Arguments as for `calibrate`; `prior` is the logarithm, and `strength` says how many texts the prior of tilts
        is worth.
        """
        lengths = np.maximum(characters, 1).astype(float)
        evidence = -(nats - nats.min(axis=1, keepdims=True)) * lengths[:, None] ** -power
        reach = lengths ** (1 - power)
        penalty = strength * float((reach**2).mean())
        rows, count = np.arange(len(labels)), nats.shape[1]

        def loss_of(values: np.ndarray) -> tuple[float, np.ndarray]:
            logits = values[0] * evidence + reach[:, None] * values[1:] + prior
            logits -= logits.max(axis=1, keepdims=True)
            total = np.exp(logits).sum(axis=1, keepdims=True)
            loss = float((weights * (np.log(total[:, 0]) - logits[rows, labels])).sum())
            return loss + penalty * float((values[1:] ** 2).sum()) / 2, np.exp(logits) / total

        values = np.zeros(1 + count)
        values[0] = 1 / max(float(-evidence.mean()), SMALLEST_SLOPE)
        loss, found = loss_of(values)
        for _ in range(50):
            wrong = found * weights[:, None]
            wrong[rows, labels] -= weights
            gradient = np.append((wrong * evidence).sum(), reach @ wrong + penalty * values[1:])
            centred = evidence - (found * evidence).sum(axis=1, keepdims=True)
            spread = found * weights[:, None] * reach[:, None]
            curvature = np.empty((1 + count, 1 + count))
            curvature[0, 0] = (found * weights[:, None] * centred**2).sum() + 1e-12
            curvature[0, 1:] = curvature[1:, 0] = (spread * centred).sum(axis=0)
            curvature[1:, 1:] = np.diag(reach @ spread + penalty) - (found * reach[:, None]).T @ spread
            step, size = np.linalg.solve(curvature, gradient), 1.0
            while size > 1e-4:
                tried = values - size * step
                tried[0] = max(tried[0], SMALLEST_SLOPE)
                tried_loss, tried_found = loss_of(tried)
                if tried_loss < loss:
                    break
                size /= 2
            else:
                break
            finished = loss - tried_loss < 1e-9 * max(loss, 1.0)
            values, loss, found = tried, tried_loss, tried_found
            if finished:
                break
        return cls(float(power), loss, float(values[0]), values[1:])


def report(
    probabilities: np.ndarray, labels: np.ndarray, names: Sequence[str], *, shares: Sequence[float] = ()
) -> dict[str, Any]:
    """Returns how good probabilities are, under the names that `classify --json` prints.

    Balanced accuracy is the mean share of right answers over the labels that occur, macro F1 the mean F1 over those
    that occur or are predicted. `accuracy_of_most_frequent` is the accuracy of always answering the most frequent true
    label. The expected calibration error is the mean distance between the probability of the predicted label and the
    share of right predictions, in `BINS` bins: Naeini and others, "Obtaining Well Calibrated Probabilities Using
    Bayesian Binning" (2015). The area under the ROC curve is that of the second of two labels.

    Args:
        probabilities: `[D, L]`.
        labels: the true ones, ids `[D]`, at least one.
        names: of the labels.
        shares: of the labels in training. If they are given, the mean loss of the probabilities is reported beside the
            loss that these shares alone would have.
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


def tells_labels(report: dict[str, Any]) -> bool:
    """Returns whether probabilities say more of held-out texts than the shares of the labels do.

    Args:
        report: of `report`, with shares.
    """
    return report["nats_per_document"] < 0.99 * report["nats_per_document_of_shares"]


def verdict(report: dict[str, Any]) -> str:
    """Returns a sentence on how well labels are told, and a second one on what to try if they aren't.

    Args:
        report: of `report`, with shares.
    """
    shares = np.sum(report["confusion"], axis=1)
    most_frequent = report["labels"][int(np.argmax(shares))]
    always = f"always {most_frequent!r} would be right in {report['accuracy_of_most_frequent']:.1%}"
    if not tells_labels(report):
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
    """Returns the probability that a positive document has a higher score than another one; equal ones count half.

    Args:
        scores: `[D]`.
        positive: bool `[D]`, of both kinds.
    """
    values, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # from 1; equal scores share theirs
    ones = int(positive.sum())
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * (len(values[places]) - ones)))
