"""Predicts the label of a text: who wrote it, whether it praises or complains.

    python -m char_lstm_tf.classify --model=saved_models/authors --text=disputed --passage=1000
    python -m char_lstm_tf.classify --model=saved_models/authors --text=books --labels=folder --picture=confusion.png
    python -m char_lstm_tf.classify --model=saved_models/authors --mix=saved_models/authors_linear --text=books
    python -m char_lstm_tf.classify --models=saved_models/austen,saved_models/wells --text=letters
    python -m char_lstm_tf.classify --model=saved_models/reviews --text=reviews.csv --output=answers.csv
    python -m char_lstm_tf.classify --model=saved_models/reviews --text=- < reviews.txt

A model that was trained with --labels gives each text a likelihood under each label. The likeliest label wins, with
its share in training taken into account (unless --priors=equal). The probabilities are calibrated on documents that
the model wasn't trained on, so that labels with much and with little text are compared on equal terms: of the answers
with 80%, about 80% are right, as long as the texts are of the same kind.

The answer is always one of the labels. The column "quantile" says how unusual the text is for it: 0.9 if 90% of the
held-out texts of that label have a smaller loss. Above 0.99 the row is marked with !: the text may belong to none.

--models compares runs without labels, one for each label: each is named after its folder. Characters that not all of
them know aren't compared. Their probabilities are not calibrated, and extreme for long texts.

It prints a row per document. With --passage, it prints a line per document that sums up its passages; --output and
--json have their rows. --output writes a CSV file, with the texts beside the answers. If --labels is given, the
accuracy, balanced accuracy, macro F1, the expected calibration error and the confusion matrix follow, and
for two labels the area under the ROC curve. Documents of labels that the model doesn't know are classified, but not
counted there.
"""

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from char_lstm_tf.inference import calibration, measures
from char_lstm_tf.inference.rows import Rows
from char_lstm_tf.inference.texts import TextOptions
from char_lstm_tf.runs.tables import print_facts
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.training.pictures import draw_confusion
from pipelines import command_line
from pipelines.files import file_of, require_writable
from pipelines.options import format_flag, option
from pipelines.sources import Document
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from char_lstm_tf.inference.ensemble import Ensemble

SHOWN = 60  # characters of a document that its row shows


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifyConfig(TextOptions):
    """What to classify, and with which models."""

    model: str = option("", "Folder of a run that was trained with --labels, such as saved_models/authors.")
    mix: tuple[str, ...] = option(
        (),
        "Another run with the same labels. The evidence of all runs counts equally, which is often better than any of "
        "them alone. Repeat the flag for more.",
    )
    models: str = option(
        "", "Instead of --model: folders of runs without labels, separated by commas, a run for each label."
    )
    labels: str = option(
        "",
        "Where the true labels come from, as for train. Empty: they aren't known.",
        choices=("", "folder", "file", "field"),
    )
    label_field: str = option(
        "", "Where the label of --labels=field is. Default: as for the training text, or the column named label."
    )
    passage: int = option(
        0,
        "Cut each document into passages of this many characters and classify each. A shorter rest at its end is left "
        "out.",
        at_least=0,
    )
    priors: str = option(
        "training",
        "Prior probabilities of the labels. training: their shares of the training documents; best for the accuracy if "
        "the texts have the same shares. equal: all the same. balanced: in between, so that rare labels are found more "
        "often; usually best for macro F1.",
        choices=tuple(calibration.PRIORS),
    )
    json: bool = option(False, "Print JSON instead of a table: one object per line, the measures on the last line.")
    picture: str = option("", "PNG file to write: the confusion matrix. Needs --labels.")

    def check(self) -> None:
        """Checks what goes together."""
        super().check()
        self.require(bool(self.model) != bool(self.models), "model", "give it, or several --models, but not both")
        self.require(not (self.mix and self.models), "mix", "goes with --model; leave it or --models out")
        self.require(bool(self.text), "text", "names no file; say what to classify, such as --text=letter.txt")
        self.require(
            self.labels == "field" or not self.label_field, "label_field", "only has an effect with --labels=field"
        )
        self.require(bool(self.labels) or not self.picture, "picture", "needs true labels; say where, with --labels")
        self.require(
            not (self.from_stdin and self.labels), "labels", "lines of standard input have none; leave the flag out"
        )

    @property
    def runs(self) -> list[str]:
        """The folders of all runs."""
        return [folder for folder in self.models.split(",") if folder] if self.models else [self.model, *self.mix]


def main(config: ClassifyConfig) -> None:
    """Loads the runs and the texts, classifies, and prints."""
    runs = [TrainedRun.open(folder, flag="models" if config.models else "model") for folder in config.runs]
    found = config.find_sources(runs[0].config, labels=config.labels, label_field=config.label_field)
    require_writable(config, "output", "picture", texts=[source.name for source in found])
    groups = config.read(runs[0].config, found, passage=config.passage)
    import_tensorflow()  # not before the flags are checked, since it takes seconds
    from char_lstm_tf.inference.ensemble import Ensemble, RunPerLabel

    ensemble = (RunPerLabel if config.models else Ensemble)(runs)
    for note in ensemble.notes:
        print(note, file=sys.stderr)
    with Rows(config.output, as_json=config.json) as rows:
        result = Classification(config, ensemble, rows)
        for group in groups:
            result.add(group)
    result.finish()


class Classification:
    """Classifies documents, prints a row for each at once, and adds up the measures.

    Args:
        config: what to print.
        ensemble: the models.
        rows: where the rows are written.
    """

    def __init__(self, config: ClassifyConfig, ensemble: "Ensemble", rows: Rows) -> None:
        self._config, self._ensemble, self._rows = config, ensemble, rows
        self._width = max(9, *map(len, ensemble.labels))
        self._probabilities: list[np.ndarray] = []
        self._truths: list[int] = []
        self._nats, self._characters, self._documents = 0.0, 0, 0
        self._others: dict[str, int] = {}
        self._votes: dict[str, Counter[str]] = {}
        self._unusual = 0
        columns = "".join(f" {label:>9}" for label in ensemble.labels)
        quantile = " quantile " if ensemble.compares_losses else ""
        if not config.passage:
            rows.header(f"{'predicted':<{self._width}}{columns}{quantile}  document")

    def add(self, group: Sequence[Document]) -> None:
        """Classifies documents, and prints a row for each."""
        names, texts = self._ensemble.labels, [document.text for document in group]
        found = self._ensemble.classify(texts, whole=not self._config.passage, priors=self._config.priors)
        quantiles: Sequence[float | None] = found.quantiles or [None] * len(texts)
        for row, (document, quantile) in enumerate(zip(group, quantiles, strict=True)):
            probabilities = found.probabilities[row]
            self._add_row(document, probabilities, quantile)
            self._documents += 1
            self._unusual += quantile is not None and quantile > calibration.UNUSUAL
            if document.start >= 0:
                votes = self._votes.setdefault(document.whole, Counter())
                votes[names[int(probabilities.argmax())]] += 1
            if document.label in names:
                truth = names.index(document.label)
                self._truths.append(truth)
                self._probabilities.append(probabilities)
                self._nats += float(found.nats[row, truth])
                self._characters += int(found.characters[row])
            elif self._config.labels:
                self._others[document.label] = self._others.get(document.label, 0) + 1
        self._rows.flush()

    def _add_row(self, document: Document, row: np.ndarray, quantile: float | None) -> None:
        names = self._ensemble.labels
        predicted = names[int(row.argmax())]
        facts: dict[str, Any] = {"document": document.name, **document.place}
        facts |= {"label": document.label} if self._config.labels else {}
        facts |= {"predicted": predicted, "probabilities": dict(zip(names, map(float, row), strict=True))}
        if quantile is not None:
            facts |= {"loss_quantile": quantile, "unusual": quantile > calibration.UNUSUAL}
        shares = "".join(f" {share:>{max(9, len(name))}.4f}" for share, name in zip(row, names, strict=True))
        mark = "" if quantile is None else f" {quantile:>8.3f}{'!' if quantile > calibration.UNUSUAL else ' '}"
        shown = f"{document.name}: {' '.join(document.text[: 2 * SHOWN].split())[:SHOWN]}"
        line = f"{predicted:<{self._width}}{shares}{mark}  {format_flag(shown)}"
        self._rows.add(facts, "" if self._config.passage else line)

    def finish(self) -> None:
        """Prints the measures, and draws the confusion matrix."""
        if self._ensemble.left_out:
            print(f"{self._ensemble.left_out:,} characters that not all models know weren't compared", file=sys.stderr)
        if self._others:
            listed = ", ".join(f"{name!r} ({count:,})" for name, count in self._others.items())
            print(f"not measured, since the model doesn't know these labels: {listed}", file=sys.stderr)
        if not self._config.json:
            self._print_summary()
        if not self._truths:
            if self._config.json:
                print(json.dumps({"documents": self._documents} | self._summary(), ensure_ascii=False))
            return
        names = self._ensemble.labels
        report = measures.report(np.array(self._probabilities), np.array(self._truths), names)
        report |= {"characters": self._characters}
        if self._ensemble.has_losses:
            report |= {"nats_per_char": self._nats / max(self._characters, 1)}
        if self._config.json:
            print(json.dumps(report | self._summary(), ensure_ascii=False))
        else:
            print_report(report)
        if self._config.picture:
            with file_of("picture", self._config.picture) as path:
                draw_confusion(report["confusion"], names, path)

    def _summary(self) -> dict[str, Any]:
        """Returns what the last line of JSON says about all rows."""
        facts: dict[str, Any] = {"unusual": self._unusual} if self._ensemble.compares_losses else {}
        if self._votes:
            facts["by_document"] = [
                {"document": name, "passages": votes.total(), "predicted": dict(votes.most_common())}
                for name, votes in self._votes.items()
            ]
        return facts

    def _print_summary(self) -> None:
        """Prints how many texts are unusual, and how many passages of each document go to each label."""
        for name, votes in self._votes.items():
            (first, count), *others = votes.most_common()
            rest = "".join(f", {count:,} {label}" for label, count in others)
            print(f"{format_flag(name)}: {count:,} of {votes.total():,} passages {first}{rest}")
        if self._unusual:
            marked = "marked with !"
            if self._config.output or self._config.passage:
                marked = f"unusual in {self._config.output or '--output or --json'}"
            print(
                f"\n{self._unusual:,} of {self._documents:,} texts, {marked}, have a larger loss than 99% of the "
                "held-out texts of the predicted label: they may belong to none of the labels"
            )


def print_report(report: dict[str, Any]) -> None:
    """Prints the measures and the confusion matrix as tables."""
    print()
    print_facts({name: value for name, value in report.items() if isinstance(value, int | float)}, widths=(28, 12))
    names = report["labels"]
    width = max(9, *map(len, names))
    print(f"\n{'true':<{width}}" + "".join(f" {name:>{max(9, len(name))}}" for name in names) + "  predicted")
    for name, row in zip(names, report["confusion"], strict=True):
        counts = (f" {count:>{max(9, len(other))},}" for count, other in zip(row, names, strict=True))
        print(f"{name:<{width}}{''.join(counts)}")


if __name__ == "__main__":
    command_line.run(main, ClassifyConfig)
