"""Measures how well a trained model predicts texts.

    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --text=book.txt
    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --text=books --html=surprise.html
    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --part=test --dynamic
    python -m char_lstm_tf.evaluate --model=saved_models/names --text=names.txt --sort
    python -m char_lstm_tf.evaluate --model=saved_models/names --text=names.csv --output=losses.csv
    tail -f app.log | python -m char_lstm_tf.evaluate --model=saved_models/log --text=- --threshold=99%
    tail -f app.log | python -m char_lstm_tf.evaluate --model=saved_models/log --text=- --dynamic --save=log_today

Each text is read once, from a fresh state that is carried from its first character to its last. The loss in nats a
character is the mean of -ln p(character | all before it). Bits = nats / ln 2. Perplexity = exp(nats). Perplexity a
word = exp(nats × characters / words), where words are separated by white space; documents have none. A character that
the model doesn't know is scored as the unknown character. --window reads the text in pieces instead, each from a fresh
state, which is how models without a memory are measured. --mix lets several models predict together, and --dynamic
lets a model learn from what it has scored.

Running text: each file is a text. Its first character has nothing before it and isn't scored. With several files, there
is a row (--json: a line) for each, and the totals come last.

Documents: a row for each, with its nats, its characters and its nats per character, and the totals last. All of its
characters are scored, and its end too, which counts as one. --sort prints the most surprising documents first,
--threshold those alone that are surprising; the totals say how much 50% … 99.9% of the documents lose at most, and
--threshold=99% is that number of the held-out documents of the run. --output puts the rows into a CSV file. --text=-
reads lines from standard input and answers as they come.
"""

import array
import contextlib
import dataclasses
import json
import re
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from char_lstm_tf.inference.rows import Rows
from char_lstm_tf.inference.texts import TextOptions, documents_of_part, in_groups, read_texts
from char_lstm_tf.page.surprise import ScoredText, write_html, write_tsv
from char_lstm_tf.runs.tables import print_facts
from char_lstm_tf.runs.text import unknown_warning
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.serving.adapted import AdaptedRun
from pipelines import UserError, command_line
from pipelines.files import file_of, require_writable
from pipelines.options import format_flag, option
from pipelines.sources import Document
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from char_lstm_tf.inference.language_model import LanguageModel
    from char_lstm_tf.inference.scoring import Score, TextScorer

COLUMNS = "{:>10} {:>11} {:>10}  {}"
SHOWN = 80  # characters of a file that its row shows
OUTPUTS = {"tsv": write_tsv, "html": write_html}


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateConfig(TextOptions):
    """What to measure, and how."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    part: str = option(
        "",
        "Instead of --text, what was held out of the run's own text: validation or test. With --label, the documents "
        "with that label alone.",
        choices=("", "validation", "test"),
    )
    label: str = option("", "What all texts are examples of, for a model with labels. `classify` compares the labels.")
    sort: bool = option(False, "Print the documents with the highest loss per character first, and number them.")
    threshold: str = option(
        "0",
        "Print only documents with at least so many nats per character. 50%, 75%, 90%, 95%, 99% or 99.9%: more than so "
        "many of the documents that the run held out for the test (or else for validation) have.",
    )
    window: int = option(
        0,
        "Forget everything after this many characters and start again, as models that see a window are measured. "
        "0: one pass with carried state.",
        at_least=0,
    )
    mix: tuple[str, ...] = option(
        (),
        "Other runs that predict together with --model: the product of their probabilities, each to a power that is "
        "learnt from what has been scored. A network and --architecture=counts are better together. Same tokens only.",
    )
    dynamic: bool = option(
        False,
        "Learn from what has been scored: dynamic evaluation. A recurrent network takes a step after each 32 tokens; "
        "counted n-grams count each token, in many kinds of contexts, after they have read their training text again. "
        "The loss is lower where a text differs from the training text, and doesn't compare with that of a model that "
        "stays as it is.",
    )
    dynamic_rate: float = option(
        0.001, "How far a step of --dynamic goes, in units of a gradient's root mean square.", above=0, at_most=1
    )
    dynamic_decay: float = option(
        0.002, "Share of the way back to the trained weights that each step of --dynamic goes.", at_least=0, at_most=1
    )
    save: str = option(
        "",
        "With --dynamic: name of a run to write beside --model, with the weights that the network has learnt in the "
        "end: with --text=-, when the input ends, or at Ctrl-C.",
    )
    crlf: bool = option(
        False,
        "Also report the loss with each line end counted as two characters, CR LF, as in some published figures.",
    )
    json: bool = option(False, "Print JSON instead of a table: one object per line, the totals on the last line.")
    tsv: str = option("", "File to write, with a line for each character: file, position, character, nats.")
    html: str = option("", "Page to write: the texts, coloured by surprise.")

    def check(self) -> None:
        """Checks what goes with standard input."""
        super().check()
        number = bool(re.fullmatch(r"\d*\.?\d+([eE][+-]?\d+)?%?", self.threshold))
        self.require(number, "threshold", "must be a number, not below 0, or a share of documents, such as 99%")
        self.require(
            not (self.dynamic and self.window), "window", "forgets what --dynamic learns; leave one of them out"
        )
        for name in ("dynamic_rate", "dynamic_decay"):
            self.require(self.dynamic or not self.is_given(name), name, "only has an effect with --dynamic")
        self.require(self.dynamic or not self.save, "save", "only has an effect with --dynamic")
        self.require(not (self.save and self.mix), "save", "keeps the weights of one network; leave --mix out")
        self.require(not (self.part and self.text), "part", "is of the run's own text; leave --text out")
        self.require(bool(self.part or self.text), "text", "names no file; name one, or give --part=test")
        for name in ("documents", "text_field", "text_encoding", "clean") if self.part else ():
            self.require(not self.is_given(name), name, "goes with --text; --part is read as the run read it")
        self.require(
            not (self.from_stdin and self.sort),
            "sort",
            "needs all documents at once, and --text=- may never end; leave it out",
        )


def main(config: EvaluateConfig) -> None:
    """Loads the run and the texts, scores, and prints."""
    runs = [TrainedRun.open(config.model), *(TrainedRun.open(folder, flag="mix") for folder in config.mix)]
    run, held_out = runs[0].config, runs[0].load_corpus() if config.part else None
    found = [] if held_out else config.find_sources(run)
    share = config.threshold.endswith("%")
    least = runs[0].loss_at(config.threshold) if share else float(config.threshold)
    require_writable(config, "output", *OUTPUTS, texts=[source.name for source in found])
    if config.sort and config.documents_for(run) == "text":
        raise UserError("--sort: is for documents, and this is running text; leave it out, or add --documents=files")
    running: list[Document] | None = None  # read before TensorFlow loads, so that a mistake in it shows first
    if config.documents_for(run) == "text":
        running = list(documents_of_part(held_out, config.part)) if held_out else read_texts(found)
    adapted = AdaptedRun(runs[0], config.save) if config.save else None
    import_tensorflow()  # not before the flags and the texts are checked, since it takes seconds
    with Rows(config.output, as_json=config.json) as rows:
        models = load_models(config, runs)
        evaluation = Evaluation(config, models, rows, documents=config.documents_for(run))
        with adapted.saved(models[0], lambda: evaluation.characters) if adapted else contextlib.nullcontext():
            if running is not None:
                evaluation.score_files(running)
            else:
                own = in_groups(documents_of_part(held_out, config.part, config.label)) if held_out else None
                evaluation.score_documents(own or config.read(run, found), least=least)
    evaluation.write_files()
    evaluation.print_total()


def load_models(config: EvaluateConfig, runs: Sequence[TrainedRun]) -> "list[LanguageModel]":
    """Returns the model, and those to mix it with; those that can learn do so with --dynamic."""
    from char_lstm_tf.inference.adaptive import Adaptation
    from char_lstm_tf.inference.ensemble import load_all

    adaptation = Adaptation(config.dynamic_rate, config.dynamic_decay) if config.dynamic else None
    models = load_all(runs, adaptation, label=config.label)
    for note in [model.scorer.known.note for model in models if model.scorer.known and model.scorer.known.note]:
        print(note, file=sys.stderr)
    return models


class Evaluation:
    """Scores texts, prints a row for each as it comes, and adds up.

    Args:
        config: what to print.
        models: the model, and those to mix it with.
        rows: where the answers go.
        documents: what a document is.
    """

    def __init__(
        self, config: EvaluateConfig, models: "Sequence[LanguageModel]", rows: Rows, *, documents: str
    ) -> None:
        from char_lstm_tf.inference.ensemble import Mixture

        self._config, self._rows = config, rows
        self._running, self._of_files = documents == "text", documents == "files"
        self._losses = array.array("f")  # per character, of each document
        self._mixture = Mixture(models) if len(models) > 1 or models[0].scorer.known else None
        self._model: TextScorer = self._mixture or models[0]
        self._scored: list[ScoredText] = []
        self._total: Score | None = None  # of nothing so far
        self._line_ends, self._seconds = 0, 0.0

    @property
    def characters(self) -> int:
        """How many were scored so far."""
        return self._total.characters if self._total else 0

    def score_files(self, texts: Sequence[Document]) -> None:
        """Scores files of running text, and prints a row for each of several."""
        scores = self._score(texts)
        width, lists = max(len(text.name) for text in texts), len(texts) > 1 or bool(self._config.output)
        if lists:
            self._rows.header(f"{'file':<{width}}{'characters':>14}{'nats/char':>11}{'bits/char':>11}{'unknown':>9}")
        for text, score in zip(texts, scores, strict=True):
            if lists:
                numbers = f"{score.characters:>14,}{score.nats_per_char:>11.4f}{score.bits_per_char:>11.4f}"
                line = f"{text.name:<{width}}{numbers}{score.unknown_characters:>9,}"
                self._rows.add({"file": text.name} | score.report(), line)
            if warning := unknown_warning(score.unknown_characters, score.characters + 1, where=text.name):
                print(warning, file=sys.stderr)
        if lists:
            self._rows.header("")

    def score_documents(self, groups: Iterable[Sequence[Document]], *, least: float) -> None:
        """Scores documents, and gives a row for each with at least so many nats per character."""
        if note := self._model.framing.note:
            print(note, file=sys.stderr)
        columns = COLUMNS.format("nats", "characters", "nats/char", "document")
        self._rows.header(f"{'rank':>7}{columns}" if self._config.sort else columns)
        kept: list[tuple[Document, Score]] = []
        for group in groups:
            rows = zip(group, self._score(group), strict=True)
            kept += [(text, score) for text, score in rows if score.nats_per_char >= least]
            if not self._config.sort:
                for text, score in kept:
                    self._add_document(text, score)
                self._rows.flush()
                kept = []
        for rank, (text, score) in enumerate(sorted(kept, key=lambda row: -row[1].nats_per_char), start=1):
            self._add_document(text, score, rank)
        if total := self._total:
            warning = unknown_warning(total.unknown_characters, total.characters, where="all documents")
            print(warning, end="\n" if warning else "", file=sys.stderr)

    def _add_document(self, text: Document, score: "Score", rank: int = 0) -> None:
        """Gives the row of a document: all of a line or of a table's row, the first words of a file."""
        facts = {"document": text.name, **text.place, "nats": score.nats, "characters": score.characters}
        facts |= {"nats_per_char": score.nats_per_char, "unknown_characters": score.unknown_characters}
        facts |= {"rank": rank} if rank else {}
        shown = f"{text.name}: {' '.join(text.text[:SHOWN].split())}" if self._of_files else text.text
        numbers = f"{score.nats:,.2f}", f"{score.characters:,}", f"{score.nats_per_char:.4f}"
        row = COLUMNS.format(*numbers, format_flag(shown))
        self._rows.add(facts, f"{rank:>7}{row}" if rank else row)

    def _score(self, texts: Sequence[Document]) -> list["Score"]:
        """Returns the score of each text, and adds it to the total."""
        started = time.perf_counter()
        found = self._model.losses([text.text for text in texts], window=self._config.window, label=self._config.label)
        self._seconds += time.perf_counter() - started
        scores = [score for score, _ in found]
        if self._config.crlf:
            self._line_ends += sum(token.count("\n") for text in texts for token in self._model.predicted(text.text))
        if not self._running:
            scores = [dataclasses.replace(score, documents=1) for score in scores]
            self._losses.extend(score.nats_per_char for score in scores)
        for score in scores:
            self._total = score if self._total is None else self._total + score
        if self._config.tsv or self._config.html:
            self._scored += [
                ScoredText(text.name, text.text, self._model.predicted(text.text), losses)
                for text, (_, losses) in zip(texts, found, strict=True)
            ]
        return scores

    def write_files(self) -> None:
        """Writes --tsv and --html."""
        for flag, write in OUTPUTS.items():
            if name := getattr(self._config, flag):
                with file_of(flag, name) as path:
                    write(path, self._scored)

    def print_total(self) -> None:
        """Prints the totals."""
        if self._total is None:
            return
        total = self._total.of_documents(self._losses) if self._losses else self._total
        report = total.report()
        if self._config.crlf:
            nats_per_char = self._total.nats / (self._total.characters + self._line_ends)
            report |= {"line_ends": self._line_ends, "nats_per_char_with_crlf": nats_per_char}
        if self._mixture:
            runs = (self._config.model, *self._config.mix)
            powers = zip(runs, self._mixture.powers, strict=True)
            report |= {f"power of {run}": power for run, power in powers if power is not None}
        report |= self._model.learning
        if self._config.json:
            print(json.dumps(report))
        else:
            if not (self._running or self._config.output):
                print()
            print_facts(report, widths=(23, 18))
        print(
            f"{self._total.characters / self._seconds:,.0f} characters per second, compilation included",
            file=sys.stderr,
        )


if __name__ == "__main__":
    command_line.run(main, EvaluateConfig)
