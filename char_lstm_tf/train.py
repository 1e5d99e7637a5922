"""Trains a character-level language model on plain text and exports it.

    python -m char_lstm_tf.train --flagfile=char_lstm_tf/flagfiles/quickstart.flags
    python -m char_lstm_tf.train --text=book.txt --name=book
    python -m char_lstm_tf.train --text='books/*.txt' --units=256,256 --dropout=0.3 --epochs=20 --name=books
    python -m char_lstm_tf.train --resume --name=books

Reads text (none given: the reference that comes with Python), trains on its first part, measures on the rest, prints
a sample after each epoch, and leaves everything in saved_models/NAME: the SavedModel (1/), model.keras,
vocabulary.json, flags.txt (--flagfile of the same run), training.csv, speed.csv, curves.png, samples.txt, metrics.json
and logs/ for TensorBoard. Recipes are in char_lstm_tf/flagfiles. A flag given after --flagfile overrides it.

A run that was killed goes on with --resume, in the middle of an epoch, and ends as if nothing had happened.
While it trains, Ctrl-C and SIGTERM save a checkpoint first.

Exit status: 0 it worked, 1 something is wrong with what was asked, 3 the loss was no number any more, 130 Ctrl-C,
143 SIGTERM.
"""

import json
import os
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from char_lstm_tf import command_line
from char_lstm_tf.config import Config, TrainingConfig
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.origin import Origin
from pipelines import corpus, datasets, sources
from pipelines.vocabulary import Vocabulary


def main() -> None:
    """Trains, and prints the table of results, whether somebody reads it or not."""
    out, log = map(command_line.Unread, (sys.stdout, sys.stderr))
    with redirect_stdout(out), redirect_stderr(log):
        train_and_report()


def train_and_report() -> None:
    """Trains as the flags say, and prints the table of results."""
    asked = command_line.read_flags(TrainingConfig)
    folder = RunFolder.reserve(asked)
    begun = folder.config if asked.resume and folder.begun else None
    init_from = begun.training.init_from if begun else asked.init_from
    origin = Origin.find(init_from) if init_from else None
    if origin:
        command_line.set_defaults(origin.defaults())
    config = command_line.read_config()
    if origin:
        origin.require_sizes(config)
    if begun:
        config = command_line.resumed_config(config, begun)
        if folder.state == "finished":
            print(f"{folder.path} is finished: nothing to resume", file=sys.stderr)
            print_results(folder, json.loads(folder.metrics.read_text(encoding="utf-8")))
            return
    text = prepare_text(config, known=origin.vocabulary if origin else None)
    if not config.training.quiet:
        print(
            f"{text.characters:,} characters, {len(text.split('train')):,} of them to train on, "
            f"{len(text.vocabulary) - 1} different ones",
            file=sys.stderr,
        )
    load_tensorflow(config)
    from char_lstm_tf.training import counting  # takes seconds, so not before flags and text are checked
    from char_lstm_tf.training import run as training

    counted = config.model.architecture == "counts"
    learn = counting.count_and_export if counted else training.fit_and_export
    print_results(folder, learn(config, text, folder))


def print_results(folder: RunFolder, metrics: dict) -> None:
    """Prints the table of a finished run, and what to do with it."""
    print(
        f"{'held out':<12}{'characters':>12}{'nats/char':>11}{'bits/char':>11}{'perplexity/char':>17}"
        f"{'perplexity/word':>17}"
    )
    for split in ("validation", "test"):
        if split in metrics:
            row = metrics[split]
            perplexities = [row["perplexity_per_char"], row["perplexity_per_word"]]
            shown = ["-" if value is None else f"{value:,.2f}" for value in perplexities]
            print(
                f"{split:<12}{row['characters']:>12,}{row['nats_per_char']:>11.4f}{row['bits_per_char']:>11.4f}"
                f"{shown[0]:>17}{shown[1]:>17}"
            )
    sample = [python_command(), "-m", "char_lstm_tf.sample", f"--model={folder.path}", "--chars=500"]
    print(
        f"\n{metrics['parameters']:,} parameters, {metrics['characters_seen']:,} characters seen in "
        f"{metrics['seconds']:.0f} s\nSavedModel: {folder.versions()[-1]}\n"
        f"sample it:  {shlex.join([*sample, '--temperature=0.8'])}"
    )


def python_command() -> str:
    """Returns what to type for the Python that runs this: as short as it goes, `.venv/bin/python` for instance."""
    here = os.path.relpath(sys.executable)
    return sys.executable if here.startswith("..") else here


def load_tensorflow(config: Config) -> None:
    """Imports TensorFlow and sets it up to train the model of a configuration."""
    command_line.load_tensorflow(verbose=config.training.verbose)
    from char_lstm_tf.models import recurrent  # imports TensorFlow

    recurrent.prepare(config.model, config.data.batch_size)


def prepare_text(config: Config, *, known: Vocabulary | None = None) -> corpus.Corpus:
    """Returns the text of a configuration, as ids: those of a vocabulary that is known, where it has any.

    Raises:
        UserError: it can't be found or read.
    """
    data = config.data
    data_dir = Path(data.data_dir).expanduser()
    found: list[sources.Source] = [sources.LanguageReference()]
    if data.text:
        found = sources.text_files(data.text, encoding=data.text_encoding, clean=data.clean)
    elif data.books or data.tfds:
        load_tensorflow(config)  # which TFDS imports
        if data.books:
            found = [
                datasets.books(data.books, data_dir=data_dir, mirror=data.mirror, max_books=data.max_books)
            ]
        else:
            found = [
                datasets.dataset(
                    data.tfds, text_key=data.tfds_text_key, data_dir=data_dir, mirror=data.mirror
                )
            ]
    return corpus.prepare(
        found,
        split=data.split,
        max_vocabulary=data.max_vocabulary,
        folder=data_dir / "corpora",
        known=known,
    )


if __name__ == "__main__":
    command_line.run(main, *Config.parts().values())
