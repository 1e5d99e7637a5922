"""How a calibration is fitted on documents that the model wasn't trained on.

Shapes: D documents, L labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from char_lstm_tf.inference.calibration import Calibration

# How many texts the prior of offsets counts as for a classifier, which has learnt them from all training documents.
# With 1, offsets from 272 held-out questions lowered the accuracy on the test questions of TREC by a point.
PRIOR_OF_ANSWERS = 100.0
SMALLEST_SLOPE = 1e-9  # of the evidence: if it points the wrong way, it is ignored and not inverted


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
