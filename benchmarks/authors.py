"""Who wrote a passage: the recipes `authors`, `authors_linear`, `authors_words` and `authors_lstm`, on held-out books.

    python -m benchmarks.authors --books=gutenberg_authors.zip --seed=1
    python -m benchmarks.authors --books=gutenberg_authors.zip --seed=1 --speed

The books lie in a folder for each author, or in a zip file of such folders. For a seed, one book of each author is held
out, of those with at least 60,000 characters. The training text has the same length for each author, in equal shares
from all of his or her other books, each taken from its middle. From the held-out book, 40 passages of 250 and 40 of
1,000 characters are drawn. All is made `plain` before. It is written to --folder, where the runs lie too; what is there
already is used again.

Prints a line for the counts of characters, for those of words, for the linear model, for some of them together, for the
LSTM, and for it and the counts together: accuracy on passages of 250 and 1,000 characters and on the first 200,000
characters of the books, the expected calibration error on passages, and the loss in nats per character under the true
author, if the first model predicts text. All authors are equally likely beforehand. --speed prints how long passages of
1,000 characters take under all labels, without start-up and compilation, in seven rounds.
"""

import json
import math
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from absl import app, flags

from benchmarks.books import read_books

FLAGS = flags.FLAGS
LENGTHS = (250, 1000)
OF_BOOK = 200_000  # characters that a verdict about a whole book is based on
RECIPES = {"characters": "authors", "words": "authors_words", "linear": "authors_linear", "lstm": "authors_lstm"}
TOGETHER = ("characters,words", "characters,linear", "characters,words,linear")  # without the LSTM

flags.DEFINE_string("books", None, "Folder or zip file with a folder of books for each author.", required=True)
flags.DEFINE_list(
    "authors", ["austen", "baum", "dickens", "fitzgerald", "melville", "thompson", "twain", "wells"], "Their folders."
)
flags.DEFINE_integer("seed", 1, "Chooses the held-out books and the passages, and is the seed of the weights.")
flags.DEFINE_integer("chars", 1_400_000, "Characters of training text for each author.")
flags.DEFINE_integer("passages", 40, "Passages of each length from each held-out book.")
flags.DEFINE_string("folder", "authors_benchmark", "Where texts and runs are written.")
flags.DEFINE_bool("counts_only", False, "Leave the LSTM out, whose training takes most of the time.")
flags.DEFINE_bool("speed", False, "Measure the time instead of the accuracy; the run must be there.")


@dataclass(frozen=True)
class Split:
    """The texts of one author.

    Attributes:
        training: pieces of books.
        held_out: the name and the text of a book.
    """

    training: list[str]
    held_out: tuple[str, str]


def split(books: dict[str, str], chance: random.Random, *, chars: int) -> Split:
    """Returns the training text and the held-out book of an author."""
    held_out = chance.choice([name for name in sorted(books) if len(books[name]) >= 60_000])
    rest = sorted(set(books) - {held_out})
    chance.shuffle(rest)
    rest.sort(key=lambda name: len(books[name]))
    pieces, left = [], chars
    for place, name in enumerate(rest):
        taken = min(len(books[name]), left // (len(rest) - place))
        start = (len(books[name]) - taken) // 2
        pieces.append(books[name][start : start + taken])
        left -= taken
    return Split(pieces, (held_out, books[held_out]))


def passages(text: str, length: int, *, count: int, seed: str) -> Iterator[str]:
    """Yields passages of a text that don't overlap, in their order."""
    chosen = random.Random(seed).sample(range(len(text) // length), count)
    yield from (text[place * length : (place + 1) * length] for place in sorted(chosen))


def write(folder: Path) -> None:
    """Writes `train`, `test`, `p250` and `p1000`, each with a folder for each author."""
    chance = random.Random(FLAGS.seed)
    for author in FLAGS.authors:
        books = read_books(Path(FLAGS.books), author)
        parts = split(books, chance, chars=FLAGS.chars)
        name, text = parts.held_out
        files = {f"train/{author}/{number}.txt": piece for number, piece in enumerate(parts.training)}
        files[f"test/{author}/{name}"] = text[:OF_BOOK]
        for length in LENGTHS:
            drawn = passages(text, length, count=FLAGS.passages, seed=f"{FLAGS.seed}{author}{length}")
            files |= {f"p{length}/{author}/{number:02}.txt": passage for number, passage in enumerate(drawn)}
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def train(folder: Path, name: str) -> Path:
    """Trains a run of a recipe unless it is there, and returns its folder."""
    run = folder / "runs" / name
    if not (run / "metrics.json").exists():
        paths = [f"--text={folder}/train", f"--name={name}", f"--output_dir={folder}/runs", "--overwrite"]
        recipe = f"--flagfile={RECIPES[name]}"
        command("train", recipe, f"--seed={FLAGS.seed}", *paths)
    return run


def command(name: str, *words: str) -> str:
    """Returns what a command prints."""
    done = subprocess.run([sys.executable, "-m", f"char_lstm_tf.{name}", *words], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def row(title: str, folder: Path, *words: str) -> str:
    """Returns a line of the table."""
    found = {}
    for kind, options in (("p250", ["--passage=250"]), ("p1000", ["--passage=1000"]), ("test", [])):
        options += ["--labels=folder", "--priors=equal", "--json"]  # each author has as many passages
        shown = command("classify", *words, f"--text={folder}/{kind}", *options)
        found[kind] = json.loads(shown.splitlines()[-1])
    shares = [f"{found[kind]['accuracy']:>9.1%}" for kind in found]
    errors = [f"{found[kind]['expected_calibration_error']:>9.3f}" for kind in ("p250", "p1000")]
    losses = [f"{found[kind].get('nats_per_char', math.nan):>9.4f}" for kind in ("p250", "p1000")]
    return f"{title:<24}" + "".join([*shares, *errors, *losses])


def measure_speed(folder: Path) -> None:
    """Prints how long passages take under all labels: the median and the least of seven rounds."""
    import char_lstm_tf

    texts = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("p1000/*/*.txt"))]
    for name in RECIPES:
        model = char_lstm_tf.load(folder / "runs" / name)
        model.losses_per_label(texts, whole=False)  # compiles
        rounds = []
        for _ in range(7):
            wall, cpu = time.perf_counter(), time.process_time()
            model.losses_per_label(texts, whole=False)
            rounds.append((time.perf_counter() - wall, time.process_time() - cpu))
        walls, cpus = zip(*rounds, strict=True)
        print(
            f"{name:<12}{len(texts)} passages of 1,000 characters, {len(model.vocabulary.labels)} labels: "
            f"{statistics.median(walls):.2f} s (least {min(walls):.2f}, most {max(walls):.2f}), "
            f"CPU {statistics.median(cpus):.2f} s"
        )


def main(_: list[str]) -> None:
    """Measures."""
    folder = Path(FLAGS.folder) / str(FLAGS.seed)
    if not (folder / "train").exists():
        write(folder)
    if FLAGS.speed:
        measure_speed(folder)
        return
    columns = ("250", "1,000", "books", "ECE 250", "1,000", "nats 250", "1,000")
    print(f"{'seed ' + str(FLAGS.seed):<24}" + "".join(f"{column:>9}" for column in columns))
    alone = [name for name in RECIPES if not (FLAGS.counts_only and name == "lstm")]
    together = TOGETHER if FLAGS.counts_only else (*TOGETHER, "lstm,characters,words")
    for names in (*alone, *together):
        model, *others = (train(folder, name) for name in names.split(","))
        print(row(names, folder, f"--model={model}", *(f"--mix={run}" for run in others)), flush=True)


if __name__ == "__main__":
    app.run(main)
