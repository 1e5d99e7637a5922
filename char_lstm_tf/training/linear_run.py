"""A run of the linear model by itself (`--architecture=linear`), which is fitted at once.

All documents for training are used. For the calibration, they are divided into five folds, and the documents of each
are scored by a linear model of the other four, so none is scored by a model that has seen it. The only document of a
label is cut into halves, which are in two folds.
"""

import sys
import time
from typing import Any

import numpy as np
from tqdm import tqdm

from char_lstm_tf.config import settings
from char_lstm_tf.inference.scoring import LabelScorer
from char_lstm_tf.models.classifier import LinearClassifier
from char_lstm_tf.runs.metrics import TrainingStats
from char_lstm_tf.runs.plan import Plan
from char_lstm_tf.training.labels import Passages, ScoredPassages, shares_of
from char_lstm_tf.training.linear import CountedTexts, batches_taken
from pipelines.batches import WholeDocuments
from pipelines.corpus import Corpus

FOLDS = 5
BATCH_SIZE = 32  # documents whose features are counted at once
FOLD_CHARACTERS = 2_000_000  # that a model of the folds is fitted on, about


class LinearRun:
    """A run of the linear model, with the methods of `Run`. It is fitted at once, and nothing is written until `fit`.

    `best` is the model, and `left_out` has passages of documents, scored by models that haven't seen the document.

    Raises:
        UserError: there are no documents.
    """

    def __init__(self, plan: Plan, text: Corpus, model: settings.Linear) -> None:
        self._started = time.monotonic()
        self._folder, self._text, self._quiet = plan.folder, text, plan.config.quiet
        self.best = LinearClassifier(text.vocabulary)
        passages = Passages.chosen_from(text.document_split("train"), text, halve=True)
        batches = WholeDocuments(
            text.document_split("train"),
            batch_size=BATCH_SIZE,
            longest=model.longest_part,
            seed=plan.config.seed,
            chars_per_id=text.chars_per_id,
            edges=passages.edges,
        )
        taken = batches_taken(batches)
        texts = CountedTexts.read(self.best.linear, batches, quiet=self._quiet)
        self._characters = batches.characters(len(taken))
        self.left_out = self._cross_fitted(passages, texts)
        self._reset()
        texts.fit(self.best.linear, quiet=self._quiet)

    def _cross_fitted(self, passages: Passages, texts: CountedTexts) -> ScoredPassages:
        """Returns the losses of passages by models that haven't seen their units, which are documents of the texts."""
        read, of_passages = self._read(passages)
        nats = np.zeros((len(read), len(self._text.vocabulary.labels)))
        scorer = LabelScorer(self.best, self._text.vocabulary, shares_of(self._text))
        folds = folds_of(passages.unit_labels)
        some = np.arange(len(texts.documents)) % max(round(self._characters / FOLD_CHARACTERS), 1) == 0
        disable = True if self._quiet else None
        for fold in tqdm(range(FOLDS), desc="calibration", unit=" folds", delay=2, disable=disable):
            chosen = np.flatnonzero(folds[of_passages] == fold)
            others = folds[texts.documents] != fold
            if len(chosen) and others.any():
                self._reset()
                texts.of(others & some).fit(self.best.linear, quiet=True)
                losses = scorer.losses_per_label([read[number] for number in chosen], quiet=True)
                nats[chosen] = np.concatenate(losses)
        lengths = self._text.vocabulary.lengths
        characters = np.array([int(lengths[ids].sum()) for ids in read])
        return ScoredPassages(passages, nats, characters, per_text=True)

    def _read(self, passages: Passages) -> tuple[list[np.ndarray], np.ndarray]:
        """Returns the ids of the passages, and the unit of each, `[P]`."""
        read = [
            ids[place.start : place.stop]
            for ids, _, places in passages.read(self._text.document_split("train"))
            for place in places
        ]
        return read, np.searchsorted(passages.edges, passages.starts, side="right") - 1

    def _reset(self) -> None:
        """Sets all weights to zero."""
        for weight in self.best.keras_model.weights:
            weight.assign(np.zeros(weight.shape))

    def fit(self) -> None:
        """Saves the model."""
        self._folder.samples.unlink(missing_ok=True)  # of a process that was killed
        self._folder.write_model(self.best.keras_model)
        if not self._quiet:
            print(f"linear model of {self._characters:,} characters", file=sys.stderr)

    def measure(self) -> dict[str, dict[str, Any]]:
        """Returns the scores on the held-out parts of the text."""
        scorer, text = LabelScorer(self.best, self._text.vocabulary), self._text
        return {name: scorer.score(text.document_split(name)).report() for name in text.held_out()}

    def stats(self) -> TrainingStats:
        """Returns what fitting took."""
        seconds = time.monotonic() - self._started
        return TrainingStats(
            parameters=self.best.keras_model.count_params(),
            characters_seen=self._characters,
            seconds=round(seconds, 1),
            chars_per_second=round(self._characters / seconds),
        )


def folds_of(labels: np.ndarray) -> np.ndarray:
    """Returns the fold of each unit, `[U]`: each fold has a fifth of the units of each label.

    Args:
        labels: of the units, `[U]`.
    """
    folds = np.zeros(len(labels), int)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        folds[own] = (np.arange(len(own)) + label) % FOLDS
    return folds
