"""Measures how well a trained model predicts texts: one pass over all of each, the state carried from start to end.

    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --text=book.txt
    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --text=books --html=surprise.html
    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --text=book.txt --json

Nats a character is the mean of -ln p(character | all before it); bits = nats / ln 2; perplexity = exp(nats); perplexity
a word = exp(nats × characters / words), words being runs of characters that aren't white space. The first character
of a file has nothing before it and isn't scored. A character that the model doesn't know is scored as the unknown one.
--window reads the text in pieces instead, each from a fresh state, as models without a memory are measured.
With several files, a row (--json: a line) for each comes first, and the totals last.
"""

import dataclasses
import functools
import json
import operator
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from char_lstm_tf import command_line
from char_lstm_tf.config import Checked, option
from char_lstm_tf.runs.folder import RunFolder
from pipelines import UserError, sources

if TYPE_CHECKING:
    from char_lstm_tf.inference.scoring import Score


@dataclasses.dataclass(frozen=True)
class EvaluateConfig(Checked):
    """What to measure."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    text: tuple[str, ...] = option(
        (), "Files, folders (their *.txt) or globs; each file is read from a fresh state."
    )
    text_encoding: str = option("", "Encoding of --text files, such as latin-1; detected when not given.")
    clean: bool = option(
        True, "Remove Project Gutenberg's headers, footers and licence; --noclean keeps files as they are."
    )
    window: int = option(
        0,
        "Forget everything after so many characters, and begin anew: the measure of models that see a window. "
        "0: one pass with carried state.",
    )
    json: bool = option(False, "Print JSON instead of a table: an object a line, the totals on the last.")
    tsv: str = option("", "File to write, a line a character: file, position, character, nats.")
    html: str = option("", "Page to write: the texts, coloured by surprise.")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.window >= 0, "window", "must be at least 1, or 0 for one pass")


def main() -> None:
    """Loads run and texts, scores, and prints."""
    config = command_line.read_flags(EvaluateConfig)
    folder = RunFolder.find(config.model)
    found = sources.text_files(config.text, encoding=config.text_encoding, clean=config.clean)
    if not found:
        raise UserError("--text: name the files to measure on, such as --text=book.txt")
    texts = ["".join(source.documents()) for source in found]
    for source, text in zip(found, texts, strict=True):
        if len(text) < 2:
            raise UserError(f"--text={source.name}: needs at least two characters, the first isn't scored")
    command_line.load_tensorflow()
    from char_lstm_tf.inference.scoring import (  # imports TensorFlow: not before the flags are checked
        Score,
        Scorer,
    )
    from char_lstm_tf.inference.surprise import ScoredText, write_html, write_tsv
    from char_lstm_tf.models import build

    model, vocabulary = build.load(folder)
    scorer = Scorer(model, vocabulary)
    ids = [vocabulary.encode(text) for text in texts]
    began = time.perf_counter()
    losses = scorer.nats_in_windows(ids, config.window) if config.window else scorer.nats_of_each(ids)
    seconds = time.perf_counter() - began
    names = [source.name for source in found]
    scores = dict(zip(names, map(Score.of, texts, ids, losses), strict=True))
    scored = list(map(ScoredText, names, texts, losses))
    for flag, write in (("tsv", write_tsv), ("html", write_html)):
        _write(flag, getattr(config, flag), write, scored)
    total = functools.reduce(operator.add, scores.values())
    _print_json(scores, total) if config.json else _print_table(scores, total)
    print(f"{total.characters / seconds:,.0f} characters a second, compilation included", file=sys.stderr)


def _write(flag: str, name: str, write: Callable[[Path, Sequence], None], scored: Sequence) -> None:
    if name:
        try:
            write(Path(name), scored)
        except OSError as error:
            raise UserError(f"--{flag}={name}: {error.strerror}; name a file that can be written") from error


def _print_json(scores: "dict[str, Score]", total: "Score") -> None:
    if len(scores) > 1:
        for name, score in scores.items():
            print(json.dumps({"file": name} | score.report(), ensure_ascii=False))
    print(json.dumps(total.report()))


def _print_table(scores: "dict[str, Score]", total: "Score") -> None:
    if len(scores) > 1:
        width = max(map(len, scores))
        print(f"{'file':<{width}}{'characters':>14}{'nats/char':>11}{'bits/char':>11}{'unknown':>9}")
        for name, score in scores.items():
            report = score.report()
            print(
                f"{name:<{width}}{report['characters']:>14,}{report['nats_per_char']:>11.4f}"
                f"{report['bits_per_char']:>11.4f}{report['unknown_characters']:>9,}"
            )
        print()
    for name, value in total.report().items():
        shown = "-" if value is None else f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"
        print(f"{name.replace('_', ' '):<22}{shown:>18}")


if __name__ == "__main__":
    command_line.run(main, EvaluateConfig)
