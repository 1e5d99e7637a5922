"""Losses of texts under each label → probabilities of the labels.

Shapes: D documents, L labels.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from char_lstm_tf.inference.measures import FEWEST_TEXTS, softmax
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError

QUANTILES = 101  # of the losses of held-out texts
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

    `calibrating.calibrate` fits all of this on documents that the model wasn't trained on.

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

    @classmethod
    def of(cls, run: TrainedRun) -> "Calibration | None":
        """Returns the calibration of a run; None if it has none. Raises UserError if it doesn't fit the labels."""
        if not (run.metrics and (facts := run.metrics.calibration)):
            return None
        try:
            found = cls.from_facts(facts)
            found.prior("training") + np.zeros(len(run.vocabulary.labels))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{run.folder.metrics}: damaged (calibration: {error})") from error
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
        """Returns the logarithms of the prior probabilities up to a constant, `[L]`.

        Raises:
            UserError: `priors` is none of `PRIORS`.
        """
        if priors not in PRIORS:
            raise UserError(f"priors={priors!r}: must be one of {', '.join(PRIORS)}")
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

    def ranked(
        self, labels: Sequence[str], nats: np.ndarray, characters: np.ndarray, *, priors: str = "training"
    ) -> list[dict[str, float]]:
        """Returns the probability of each label of each text, the likeliest label first. Arguments as for `logits`."""
        rows = self.probabilities(nats, characters, priors=priors).tolist()
        return [dict(sorted(zip(labels, row, strict=True), key=lambda pair: -pair[1])) for row in rows]
