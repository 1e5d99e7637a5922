"""Measures how well a trained model predicts texts.

    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --text=book.txt
    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --text=books --html=surprise.html
    python -m char_lstm_tf.evaluate --model=saved_models/quickstart --text=book.txt --json

Each file is read once, from a fresh state that is carried from its first character to its last. The loss in nats a
character is the mean of -ln p(character | all before it). Bits = nats / ln 2. Perplexity = exp(nats). Perplexity a word
= exp(nats × characters / words), where words are separated by white space. The first character of a file has nothing
before it and isn't scored. A character that the model doesn't know is scored as the unknown character. --window reads
the text in pieces instead, each from a fresh state, which is how models without a memory are measured.
With several files, there is a row (--json: a line) for each, and the totals come last.
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

from char_lstm_tf.config import Config
from char_lstm_tf.inference.surprise import ScoredText, write_html, write_tsv
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.listing import format_number, unknown_warning
from pipelines import UserError, command_line, sources
from pipelines.files import path_of
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from char_lstm_tf.inference.scoring import Score


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Options):
    """What to measure."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    text: tuple[str, ...] = option(
        (), "Files, folders (their *.txt files) or globs. Each file is read from a fresh state."
    )
    text_encoding: str = option(
        "", "Encoding of the --text files, such as latin-1. Default: detected, and that of the training text is tried."
    )
    clean: bool | None = option(
        None,
        "Remove Project Gutenberg's headers, footers and licences. --noclean keeps files as they are. Default: as for "
        "the training text.",
    )
    window: int = option(
        0,
        "Forget everything after this many characters and start again, as models that see a window are measured. "
        "0: one pass with carried state.",
        at_least=0,
    )
    json: bool = option(False, "Print JSON instead of a table: an object a line, the totals on the last line.")
    tsv: str = option("", "File to write, with a line for each character: file, position, character, nats.")
    html: str = option("", "Page to write: the texts, coloured by surprise.")


def main(config: EvaluateConfig) -> None:
    """Loads the run and the texts, scores, and prints."""
    run = RunFolder.find(config.model).config
    names, texts = read_texts(config, run)
    check_outputs(config, names)
    import_tensorflow()  # not before the flags and the texts are checked, since it takes seconds
    from char_lstm_tf.inference.language_model import LanguageModel

    model = LanguageModel.load(config.model)
    started = time.perf_counter()
    scores, losses = zip(*model.losses(texts, window=config.window), strict=True)
    seconds = time.perf_counter() - started
    scored = list(map(ScoredText, names, texts, losses))
    for flag, write in (("tsv", write_tsv), ("html", write_html)):
        _write(flag, getattr(config, flag), write, scored)
    total = functools.reduce(operator.add, scores)
    print_scores = print_json if config.json else print_table
    print_scores(dict(zip(names, scores, strict=True)), total)
    for name, score in zip(names, scores, strict=True):
        if warning := unknown_warning(score.unknown_characters, score.characters + 1, where=name):
            print(warning, file=sys.stderr)
    print(f"{total.characters / seconds:,.0f} characters a second, compilation included", file=sys.stderr)


def read_texts(config: EvaluateConfig, run: Config) -> tuple[list[str], list[str]]:
    """Returns the names and the texts of the files, read as the training text was unless flags say otherwise.

    Raises:
        UserError: there is no file, or one can't be read or has nothing to score.
    """
    clean = run.prompt_reader.clean if config.clean is None else config.clean
    reader = dataclasses.replace(run.prompt_reader, encoding=config.text_encoding, clean=clean)
    found = sources.text_files(config.text, reader)
    if not found:
        raise UserError("--text: name the files to measure on, such as --text=book.txt")
    texts = []
    for source in found:
        line = sources.SourceLine(source.name)
        texts.append("".join(sources.joined(line.watch(source.documents()))))
        print(line, file=sys.stderr)
    for source, text in zip(found, texts, strict=True):
        if len(text) < 2:
            raise UserError(f"--text={source.name}: needs at least two characters, the first isn't scored")
    return [source.name for source in found], texts


def check_outputs(config: EvaluateConfig, texts: Sequence[str]) -> None:
    """Checks the files to write before the work is done.

    Raises:
        UserError: one would overwrite a text or the other, or its folder doesn't exist.
    """
    taken = {Path(text).resolve(): "one of the texts" for text in texts}
    for flag in ("tsv", "html"):
        if name := getattr(config, flag):
            path = path_of(name).resolve()
            if path in taken:
                raise UserError(f"--{flag}={name}: this is {taken[path]}; name another file")
            if not path.parent.is_dir():
                raise UserError(f"--{flag}={name}: No such file or directory; name a file that can be written")
            taken[path] = f"the file of --{flag}"


def _write(flag: str, name: str, write: Callable[[Path, Sequence], None], scored: Sequence) -> None:
    if name:
        try:
            write(path_of(name), scored)
        except OSError as error:
            raise UserError(f"--{flag}={name}: {error.strerror}; name a file that can be written") from error


def print_json(scores: "dict[str, Score]", total: "Score") -> None:
    """Prints an object for each of several files, and the totals."""
    if len(scores) > 1:
        for name, score in scores.items():
            print(json.dumps({"file": name} | score.report(), ensure_ascii=False))
    print(json.dumps(total.report()))


def print_table(scores: "dict[str, Score]", total: "Score") -> None:
    """Prints a row for each of several files, and the totals."""
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
        shown = f"{value:,}" if isinstance(value, int) else format_number(value, 4)
        print(f"{name.replace('_', ' '):<22} {shown:>17}")


if __name__ == "__main__":
    command_line.run(main, EvaluateConfig)
