"""Losses of texts under each label → probabilities of the labels.

Shapes: D documents, L labels.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from char_lstm_tf.inference.measures import FEWEST_TEXTS, softmax

QUANTILES = 101  # of the losses of held-out texts
# How many texts the prior of offsets counts as for a classifier, which has learnt them from all training documents.
# With 1, offsets from 272 held-out questions lowered the accuracy on the test questions of TREC by a point.
PRIOR_OF_ANSWERS = 100.0
SMALLEST_SLOPE = 1e-9  # of the evidence: if it points the wrong way, it is ignored and not inverted
PRIORS = {"training": 1.0, "balanced": 0.5, "equal": 0.0}  # powers of the shares of the labels in training
UNUSUAL = 0.99  # quantile of a loss above which a text may belong to none of the labels


@dataclass(frozen=True)
class TypicalLosses:
    """The distribution of the losses of held-out texts under their own label.

    The loss of a text of n characters is `start + mean × n` on average, and its distance from that grows with
    `n ** power`. The quantiles are those of the distance divided by `n ** power`.

    Attributes:
        start: nats that the beginning of a text adds, since the model knows nothing of the text yet.
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
        """Returns the distribution of the losses of held-out texts.

        A label with fewer than `FEWEST_TEXTS` texts gets the mean and the quantiles of all labels.

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
        """Returns the distribution from what `dataclasses.asdict` gave, as metrics.json has it."""
        return cls(**facts | {"means": tuple(facts["means"]), "quantiles": tuple(map(tuple, facts["quantiles"]))})

    def quantile(self, nats: float, characters: int, label: int) -> float:
        """Returns the share of the held-out texts of a label with a smaller loss, adjusted for length.

        At 0.5, half of the texts have a larger loss; at 1, none has.

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
    """How losses become probabilities:

        softmax(-(nats + offsets × characters) / (scale × characters ** power) + log prior)

    A label with much text is learnt better, so every text is likelier under it, whatever its true label. The offsets
    correct that: an offset says by how much the loss per character under a label is too low, compared with the others.

    Without a temperature, the answer for a long text would always be certain: a model takes each character as new
    evidence, although a single unusual word or name explains many in a row. So the evidence is divided by a
    temperature, as in Guo and others, "On Calibration of Modern Neural Networks" (2017). Here it grows with the length
    of the text.

    `calibrate` fits all of this on documents that the model wasn't trained on.

    Attributes:
        shares: of each label among the documents for training, `[L]`.
        scale: the temperature of a text of one character.
        power: how it grows with the number of characters.
        passages: how many held-out texts it was fitted on; 0: it wasn't fitted.
        offsets: nats per character, `[L]`; (): none, as in older runs.
        per_text: whether a text counts as one character, whatever its length: the answer of a classifier is one piece
            of evidence.
        typical_losses: of the held-out texts; None for classifiers, and in older runs.
        report: `measures.report` of the held-out texts; None in older runs.
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
        """Returns the calibration from what `facts` gave.

        Raises:
            KeyError, TypeError, ValueError: the facts aren't those of a calibration.
        """
        typical = facts.get("typical_losses")
        tuples = {"shares": tuple(facts["shares"]), "offsets": tuple(facts.get("offsets", ()))}
        found = cls(**facts | tuples | {"typical_losses": TypicalLosses.from_facts(typical) if typical else None})
        if found.offsets and len(found.offsets) != len(found.shares):
            raise ValueError("not one offset for each label")
        return found

    def facts(self) -> dict[str, Any]:
        """Returns its attributes as metrics.json holds them."""
        return asdict(self)

    def evidence(self, nats: Any, lengths: Any) -> Any:
        """Returns the log likelihoods, with offsets and temperature, `[D, L]`, as a numpy array or a tensor.

        Args:
            nats: losses of whole texts under each label, float64 `[D, L]`.
            lengths: how many characters were scored, at least 1, float64 `[D]`.
        """
        lengths = lengths[:, None] ** (0.0 if self.per_text else 1.0)
        return -(nats + lengths * (self.offsets or (0.0,))) / (self.scale * lengths**self.power)

    def prior(self, priors: str) -> np.ndarray:
        """Returns the logarithms of the prior probabilities up to a constant, `[L]`; `priors` is one of `PRIORS`."""
        return PRIORS[priors] * np.log(self.shares)

    def logits(self, nats: np.ndarray, characters: np.ndarray, *, priors: str = "training") -> np.ndarray:
        """Returns the logit of each label, float64 `[D, L]`.

        Args:
            nats: as for `evidence`.
            characters: how many were scored, `[D]`.
            priors: as for `prior`.
        """
        return self.evidence(nats, np.maximum(characters, 1.0)) + self.prior(priors)

    def probabilities(self, nats: np.ndarray, characters: np.ndarray, *, priors: str = "training") -> np.ndarray:
        """Returns the probability of each label, float64 `[D, L]`. Arguments as for `logits`."""
        return softmax(self.logits(nats, characters, priors=priors))


def calibrate(
    nats: np.ndarray,
    characters: np.ndarray,
    labels: np.ndarray,
    *,
    shares: Sequence[float],
    weights: np.ndarray | None = None,
    per_text: bool = False,
) -> Calibration:
    """Returns the calibration that gives the true labels the highest probabilities.

    For a given `power`, the logits are linear in 1 / scale and offsets / scale. So the mean loss is convex, and
    Newton's method finds its minimum. The best of eleven powers is taken. A weak prior keeps offsets near 0 (see
    `_Fit`), so that a label with a handful of texts isn't overcorrected.

    Args:
        nats: as for `Calibration.logits`, like `characters`.
        characters: of each.
        labels: the true ones, ids `[D]`; if there are none, nothing is fitted.
        shares: as for `Calibration`.
        weights: of the texts, `[D]`; None: 1 each.
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

    The logits are `slope × evidence + tilts × lengths ** (1 - power) + log prior`. The loss includes half the square of
    each tilt at the typical length: a standard normal prior, which counts as much as one text.

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
        """Returns the best fit, by Newton's method with step halving.

        Arguments as for `calibrate`; `prior` is the logarithm, and the prior of tilts counts as `strength` texts.
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
