"""A run of the baseline without a network: counted n-grams."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.inference.writing import Writer
from char_lstm_tf.models.ngrams import counted, kneser_ney
from char_lstm_tf.models.ngrams.leave_one_out import LeaveOneOut
from char_lstm_tf.runs.metrics import TrainingStats
from char_lstm_tf.runs.plan import Plan
from char_lstm_tf.training.callbacks.samples import Samples, show_samples
from char_lstm_tf.training.labels import ScoredPassages, score_left_out
from pipelines.corpus import Corpus, IdRange


class CountingRun:
    """A run of counts, with the methods of `Run`. The text is counted at once, and nothing is written until `fit`.

    `best` is the model. `left_out` has the documents, scored by the counts of the others; None if they have no labels.

    Raises:
        UserError: the text is too short or too long for the order.
    """

    def __init__(self, plan: Plan, text: Corpus) -> None:
        self._started = time.monotonic()
        self._config, self._folder, self._text = plan.config, plan.folder, text
        self._held_out, self._ids = text.held_out(), text.split("train")
        order, size, vocabulary = plan.config.order, len(text.vocabulary), text.vocabulary
        parts: list[IdRange | np.ndarray] = [self._ids, *_of_each_label(text)]
        counts = (kneser_ney.count(ids, order=order, vocabulary_size=size, end=vocabulary.end) for ids in parts)
        levels = [kneser_ney.levels(*each, order=order, vocabulary_size=size) for each in counts]
        whole, *trees = [kneser_ney.tables_of(tree, size) for tree in levels]
        self.left_out: ScoredPassages | None = None
        shares: Sequence[float] = ()
        self._tables = whole
        roots: list[int] = []
        if trees:
            self._tables, (_, *roots) = kneser_ney.forest([whole, *trees])
            characters = [tree[0].totals.sum() * text.chars_per_id for tree in levels[1:]]
            choices = [counted.own_shares(characters, half) for half in counted.HALF_SHARES]
            left_out = LeaveOneOut(levels, order=order, vocabulary_size=size, end=text.document_split("train").end)
            self.left_out, shares = score_left_out(text, left_out, choices)
        self._counted_in = time.monotonic() - self._started
        self.best = counted.counted_model(self._tables, order=order, vocabulary_size=size, roots=roots, shares=shares)

    def fit(self) -> None:
        """Saves the model."""
        self._folder.samples.unlink(missing_ok=True)  # of a process that was killed
        self._folder.write_model(self.best.keras_model)
        if not self._config.quiet:
            megabytes = sum(values.nbytes for values in vars(self._tables).values()) / 1e6
            sequences = f"{len(self._tables.seen):,} sequences of up to {self._config.order}"
            print(f"{sequences} {self._text.vocabulary.unit}s, tables of {megabytes:,.1f} MB", file=sys.stderr)

    def measure(self) -> dict[str, dict[str, Any]]:
        """Returns the scores on the held-out parts of the text, and writes samples."""
        scorer = Scorer(self.best, self._text.vocabulary)
        scores = {name: scorer.score(part).report() for name, part in self._held_out.items()}
        if self._config.sample_chars:
            losses = {"val_loss": scores["validation"]["nats_per_char"]} if "validation" in scores else {}
            writer = Writer(self.best, self._text.vocabulary)
            report = Samples.of(self._config).report(writer, 0, losses)
            show_samples(report, self._folder.samples, quiet=self._config.quiet)
        return scores

    def stats(self) -> TrainingStats:
        """Returns what counting took."""
        characters = round(len(self._ids) * self._text.chars_per_id)
        return TrainingStats(
            parameters=self.best.keras_model.count_params(),
            characters_seen=characters,
            seconds=round(time.monotonic() - self._started, 1),
            chars_per_second=round(characters / self._counted_in),
        )


def _of_each_label(text: Corpus) -> Iterator[np.ndarray]:
    """Yields the training documents of each label, `end, document, end … end`; for an unused label, one end."""
    for label in range(len(text.vocabulary.labels)):
        parts = [np.zeros(0, text.vocabulary.dtype)]
        for packed in text.document_split("train").groups():
            chosen = np.repeat(packed.labels == label, np.diff(packed.places))
            parts.append(packed.ids[1:][chosen])
        yield np.concatenate([[np.array(text.vocabulary.end, text.vocabulary.dtype)], *parts])
