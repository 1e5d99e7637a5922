"""How well a finished model recognizes labels: calibrated and measured on texts that it wasn't trained on.

A network is calibrated on the validation part. Counts are calibrated on the training part itself: each document is
scored by the counts of all the others (`leave_one_out`), so that all documents can be used. If a label has a single
document, half of it is left out at a time.

Shapes: D documents, U units, P passages, L labels.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from char_lstm_tf.inference import measures
from char_lstm_tf.inference.calibrating import calibrate
from char_lstm_tf.inference.calibration import Calibration, TypicalLosses
from char_lstm_tf.inference.scoring import LabelScorer, Scorer, label_scorer
from char_lstm_tf.models.classifier import Classifier
from char_lstm_tf.models.network import Network
from char_lstm_tf.models.ngrams.leave_one_out import LeaveOneOut
from pipelines.corpus import SPLITS, Corpus, DocumentRange

WHOLE = 12_000  # characters of the longest document that is scored as a whole
LENGTHS = (250, 1000, 4000)  # characters of passages, which longer documents are cut into
REPORTED = 1000  # characters of the passages of long documents that the report is about
CHARACTERS = 100_000  # of the passages of each length
CHARACTERS_OF_WHOLE = 1_000_000  # of documents that are scored as a whole
FROM_EACH_LABEL = 50  # passages of each length, or all if there are fewer, so that rare labels count too


@dataclass(frozen=True)
class Passages:
    """Texts to score, in order. Places count the ids of all documents of a split.

    Attributes:
        starts: where each begins, int64 `[P]`, ascending.
        stops: where it ends, `[P]`.
        labels: their labels, ids, int64 `[P]`.
        weights: of each when a calibration is fitted, float64 `[P]`. Their sum is the number of documents, since
            passages of one document aren't independent.
        reported: whether the report is about it, bool `[P]`.
        edges: where units begin, and the end of the last one, int64 `[U + 1]`. A unit is a document or half of one, and
            each passage lies within one.
        unit_labels: ids, int64 `[U]`.
    """

    starts: np.ndarray
    stops: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    reported: np.ndarray
    edges: np.ndarray
    unit_labels: np.ndarray

    @classmethod
    def chosen_from(cls, documents: DocumentRange, text: Corpus, *, halve: bool = False) -> "Passages":
        """Returns passages of several lengths, evenly spread over the documents of each label.

        With `halve`, the halves of the only document of a label are two units.
        """
        ends, of_ids = documents.ends[:], documents.ids.labels
        assert of_ids is not None  # they have labels
        labels = of_ids[:][ends[1:]].astype(np.int64)
        halved = (np.bincount(labels, minlength=1)[labels] == 1) & halve
        middles = (ends[:-1] + ends[1:])[halved] // 2 + 1
        edges = np.sort(np.concatenate([ends + 1, middles]))
        unit_labels = np.repeat(labels, 1 + halved)
        parts = [_of_kind(kind, edges, unit_labels, text.chars_per_id) for kind in (0, *LENGTHS)]
        starts, stops, units, weights, reported = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(starts, kind="stable")
        weights *= len(labels) / weights.sum() if len(weights) else 1.0
        return cls(
            starts[order], stops[order], unit_labels[units[order]], weights[order], reported[order], edges, unit_labels
        )

    def read(self, documents: DocumentRange) -> Iterator[tuple[np.ndarray, np.ndarray, list[range]]]:
        """Yields the documents that have passages, some at a time.

        Yields:
            Ids, `end, document, end … end`, `[N]`; the unit of each, int64 `[N]`; and the places of passages in them.
        """
        place = int(documents.ends[:1][0])
        for packed in documents.groups():
            chosen = slice(*np.searchsorted(self.starts, [place + 1, place + len(packed.ids)]).tolist())
            if chosen.start < chosen.stop:
                places = zip(self.starts[chosen] - place, self.stops[chosen] - place, strict=True)
                units = np.searchsorted(self.edges, place + np.arange(len(packed.ids)), side="right") - 1
                yield packed.ids, np.maximum(units, 0), [range(start, stop) for start, stop in places]
            place += len(packed.ids) - 1


def _of_kind(
    kind: int, edges: np.ndarray, labels: np.ndarray, chars_per_id: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns some passages of one kind: where they begin and end, their units, their weights, and which to report.

    Args:
        kind: characters of each, one of `LENGTHS`; 0: units as a whole, unless they are too long.
        edges: as for `Passages`.
        labels: of each unit, `[U]`.
        chars_per_id: mean number of characters of a token.
    """
    sizes = np.diff(edges)
    short = sizes <= WHOLE / chars_per_id
    if kind:
        length = round(kind / chars_per_id)
        counts, mean, characters = np.where(sizes >= 2 * length, sizes // length, 0), float(length), CHARACTERS
    else:
        length, counts = 0, short.astype(int)
        mean, characters = float(sizes[short].mean()) if short.any() else 1.0, CHARACTERS_OF_WHOLE
    units, numbers, weights = _spread(counts, labels, characters / chars_per_id / mean)
    weights *= np.count_nonzero(counts)  # a kind that few documents are long enough for weighs little
    starts = edges[units] + numbers * length
    stops = starts + length if kind else edges[units + 1]
    reported = np.full(len(units), True) if not kind else ~short[units] & (kind == REPORTED)
    return starts, stops, units, weights, reported


def _spread(counts: np.ndarray, labels: np.ndarray, most: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns some of the passages of all units: the unit of each, its number in the unit, and its weight.

    Each label gives the same share of its passages, or `FROM_EACH_LABEL` if that is more. The weights make up for that,
    and their sum is 1. `counts` are the passages of each unit, `[U]`, and `labels` its label; in all, there are `most`
    passages, besides those of rare labels.
    """
    kinds, share = np.unique(labels), min(most / max(counts.sum(), 1), 1.0)
    least = min(FROM_EACH_LABEL, int(most / len(kinds)) + 1)
    units, numbers, weights = [np.zeros(0, int)], [np.zeros(0, int)], [np.zeros(0)]
    for label in kinds:
        edges = np.cumsum(np.where(labels == label, counts, 0))
        chosen = min(max(round(edges[-1] * share), least), edges[-1])
        places = np.linspace(0, edges[-1] - 1, chosen).astype(int)
        units.append(np.searchsorted(edges, places, side="right"))
        numbers.append(places - edges[units[-1]] + counts[units[-1]])
        weights.append(np.full(chosen, edges[-1] / max(chosen, 1) / max(counts.sum(), 1)))
    return np.concatenate(units), np.concatenate(numbers), np.concatenate(weights)


@dataclass(frozen=True)
class ScoredPassages:
    """Passages with their losses under each label, float64 `[P, L]`, and their numbers of characters, `[P]`.

    `per_text` is that of `Calibration`.
    """

    passages: Passages
    nats: np.ndarray
    characters: np.ndarray
    per_text: bool = False

    def calibrate(self, shares: tuple[float, ...]) -> Calibration:
        """Returns the calibration that fits them best."""
        labels, weights = self.passages.labels, self.passages.weights
        return calibrate(self.nats, self.characters, labels, shares=shares, weights=weights, per_text=self.per_text)

    def typical_losses(self) -> TypicalLosses:
        """Returns the distribution of the losses under the true labels."""
        labels = self.passages.labels
        own = self.nats[np.arange(len(labels)), labels]
        return TypicalLosses.found_in(own, self.characters, labels, self.nats.shape[1])

    def report(self, calibration: Calibration, names: Sequence[str]) -> dict[str, Any]:
        """Returns `measures.report` of the reported passages."""
        shown = self.passages.reported
        probabilities = calibration.probabilities(self.nats[shown], self.characters[shown])
        return measures.report(probabilities, self.passages.labels[shown], names, shares=calibration.shares)


def measure_labels(
    network: Network | Classifier, text: Corpus, metrics: dict[str, Any], left_out: ScoredPassages | None = None
) -> Calibration:
    """Returns the calibration of a model, and adds `labels` to `metrics` of each held-out part: a report on it.

    Short documents are scored as a whole. Long ones are cut into passages of several lengths, so that the calibration
    holds for passages too; the report is about those of 1,000 characters. `metrics` has an entry for each held-out part
    that isn't empty, and `left_out` is what `score_left_out` returns for counts.
    """
    names, shares = text.vocabulary.labels, shares_of(text)
    scorer = label_scorer(network, text.vocabulary, shares)
    scored = {part: _score_held_out(text, part, scorer) for part in SPLITS[1:] if part in metrics}
    found = left_out or scored.get("validation")
    calibration = found.calibrate(shares) if found else Calibration(shares, per_text=scorer.per_text)
    if found:
        typical = None if scorer.per_text else found.typical_losses()
        calibration = dataclasses.replace(calibration, typical_losses=typical, report=found.report(calibration, names))
    for part, held_out in scored.items():
        if held_out:
            metrics[part]["labels"] = held_out.report(calibration, names)
    return calibration


def shares_of(text: Corpus) -> tuple[float, ...]:
    """Returns the shares of the labels among the documents for training, as `Calibration` has them."""
    counts = np.array([count[0] for count in text.labelled], float) + 1  # a label of --init_from may have none here
    return tuple((counts / counts.sum()).tolist())


def _score_held_out(text: Corpus, part: str, scorer: Scorer | LabelScorer) -> ScoredPassages | None:
    """Returns the losses of passages of a held-out part; None if there are none."""
    documents = text.document_split(part)
    passages = Passages.chosen_from(documents, text)
    if not len(passages.labels):
        return None
    end = np.array([text.vocabulary.end], text.vocabulary.dtype)
    read = [
        np.append(end, ids[place.start : place.stop]) for ids, _, places in passages.read(documents) for place in places
    ]
    nats = np.array([losses.sum(axis=0, dtype=np.float64) for losses in scorer.losses_per_label(read)])
    characters = np.array([int(text.vocabulary.lengths[ids[1:]].sum()) for ids in read])
    return ScoredPassages(passages, nats, characters, per_text=scorer.per_text)


def score_left_out(
    text: Corpus, counts: LeaveOneOut, shares: Sequence[Sequence[float]]
) -> tuple[ScoredPassages, Sequence[float]]:
    """Returns the losses of passages of the training part by the counts of the other units, and the best shares.

    `shares` are the weights of the own counts of each label to choose from. The best give the documents the lowest
    loss.
    """
    documents, lengths = text.document_split("train"), text.vocabulary.lengths
    passages = Passages.chosen_from(documents, text, halve=True)
    nats: list[np.ndarray] = [np.zeros((len(shares), 0, len(shares[0])))]
    characters: list[int] = []
    for ids, units, places in passages.read(documents):
        nats.append(counts.nats(ids, units, passages.unit_labels[units], places, shares=shares))
        characters += [int(lengths[ids[place.start : place.stop]].sum()) for place in places]
    losses, sizes = np.concatenate(nats, axis=1), np.array(characters)
    own = losses[:, np.arange(len(sizes)), passages.labels] / np.maximum(sizes, 1)
    best = int((own @ passages.weights).argmin())
    return ScoredPassages(passages, losses[best], sizes), shares[best]
