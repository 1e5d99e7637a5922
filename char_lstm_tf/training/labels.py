"""How well a finished model tells labels: calibrated on the validation part, measured on both held-out parts."""

from collections.abc import Iterator

import numpy as np

from char_lstm_tf.inference import classifying
from char_lstm_tf.inference.answers import LabelScorer
from char_lstm_tf.inference.scoring import READ_AT_ONCE, Scorer
from char_lstm_tf.models.classifier import Classifier
from char_lstm_tf.models.network import Network
from pipelines.corpus import SPLITS, Corpus

LENGTHS = (250, 1000, 4000)  # characters of the passages of long documents
CHARACTERS = 200_000  # of the passages of each length, and of short documents five times as many
SHORT = 8000  # characters of a document that is read as a whole


def measure_labels(network: Network | Classifier, text: Corpus, metrics: dict) -> classifying.Calibration:
    """Returns the calibration of a model, and adds to `metrics` how well it tells the labels of each held-out part.

    Short documents are read as a whole. Long ones are cut into passages of several lengths, so that the calibration
    holds for passages too; what is reported of them is about those of 1,000 characters.

    Args:
        network: the model, with labels.
        text: what it was trained on.
        metrics: with an entry for each held-out part that isn't empty.
    """
    counts = np.array([count[0] for count in text.labelled], float) + 1  # a label of --init_from may have none here
    shares = (counts / counts.sum()).tolist()
    calibration = classifying.Calibration(tuple(shares))
    answers = isinstance(network, Classifier)
    scorer = LabelScorer(network, text.vocabulary, shares) if answers else Scorer(network, text.vocabulary)
    for part in SPLITS[1:]:
        if part not in metrics:
            continue
        pieces = list(_pieces(text, part))
        nats = [losses.sum(axis=0, dtype=np.float64) for losses in scorer.nats_under_each([ids for ids, *_ in pieces])]
        characters = np.array([int(text.vocabulary.lengths[ids[1:]].sum()) for ids, *_ in pieces])
        labels = np.array([label for _, label, _ in pieces])
        if part == "validation":
            calibration = classifying.calibrate(np.array(nats), characters, labels, shares=shares)
        shown = np.array([reported for *_, reported in pieces])
        if shown.any():
            probabilities = calibration.probabilities(np.array(nats), characters)
            metrics[part]["labels"] = classifying.report(probabilities[shown], labels[shown], text.vocabulary.labels)
    return calibration


def _pieces(text: Corpus, part: str) -> Iterator[tuple[np.ndarray, int, bool]]:
    """Yields ids to read, with an end symbol before them, their label, and whether what is reported is about them."""
    documents = text.document_split(part)
    lengths = np.diff(documents.ends[:]) - 1
    few = {length: _spread(int((lengths[lengths > SHORT] // length).sum()), CHARACTERS // length) for length in LENGTHS}
    of_short = lengths[lengths <= SHORT]
    short = _spread(len(of_short), 5 * CHARACTERS // max(int(of_short.mean()) if len(of_short) else 1, 1))
    seen = dict.fromkeys((0, *LENGTHS), 0)
    end = np.array([text.vocabulary.end], text.vocabulary.dtype)
    for packed in documents.packed(size=READ_AT_ONCE):
        for ids, label in zip(packed.each(), packed.labels, strict=True):
            if len(ids) - 2 <= SHORT:
                if seen[0] in short:
                    yield ids, label, True
                seen[0] += 1
                continue
            for length in LENGTHS:
                for start in range(1, len(ids) - length, length):
                    if seen[length] in few[length]:
                        yield np.concatenate([end, ids[start : start + length]]), label, length == 1000
                    seen[length] += 1


def _spread(count: int, most: int) -> set[int]:
    """Returns at most `most` of the numbers below `count`, evenly spread."""
    return set(np.linspace(0, count - 1, min(count, most)).astype(int).tolist()) if count else set()
