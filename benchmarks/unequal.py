"""Who wrote a text if authors have unequal amounts of text: the recipe `authors` on documents of held-out books.

    python -m benchmarks.unequal --books=gutenberg_authors.zip --seeds=1,2,3,4,5

The books lie in a folder for each author, or in a zip file of such folders. Each case is a list of amounts. Two numbers
are documents of 10,000 characters by two authors, eight are whole books by eight authors. For a seed, authors and texts
are drawn, and one book of each author is held out. From it, 10 documents of 10,000 characters and 40 of 1,000 are
drawn, so the labels have equal shares there, and each is judged with the shares of training as prior probabilities
and with equal ones. Prints the mean accuracy, macro F1 and expected calibration error over the seeds, and the least
accuracy.
"""

import random
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags

import char_lstm_tf
from benchmarks.books import read_books
from char_lstm_tf.inference.measures import report

FLAGS = flags.FLAGS
AUTHORS = ("austen", "baum", "dickens", "fitzgerald", "melville", "thompson", "twain", "wells")
DOCUMENT = 10_000  # characters
TESTS = {1000: 40, DOCUMENT: 10}  # characters and number of the texts from each held-out book
PRIORS = ("training", "equal")

flags.DEFINE_string("books", None, "Folder or zip file with a folder of books for each author.", required=True)
flags.DEFINE_list("seeds", ["1", "2", "3", "4", "5"], "Choose authors, documents and held-out books.")
flags.DEFINE_multi_string(
    "amounts", ["40,10", "100,5", "3,2", "7,3", "15,5", "10,5,5,2,2,1,1,1"], "Documents or books of each author."
)


def pieces(text: str, size: int, count: int, chance: random.Random) -> list[str]:
    """Returns some of the pieces of a text."""
    places = chance.sample(range(len(text) // size), min(count, len(text) // size))
    return [text[place * size : (place + 1) * size] for place in sorted(places)]


def draw(
    books: dict[str, dict[str, str]], amounts: list[int], chance: random.Random
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Returns the documents for training and the held-out book of each author."""
    authors = chance.sample(AUTHORS, len(amounts))
    if len(amounts) > 2:  # those with many books have to be those of whom there are many
        authors.sort(key=lambda author: -len(books[author]))
    training, held_out = {}, {}
    for author, amount in zip(authors, amounts, strict=True):
        names = sorted(books[author])
        chosen = chance.choice([name for name in names if len(books[author][name]) >= 10 * DOCUMENT])
        rest = [books[author][name] for name in names if name != chosen]
        documents = (
            rest if len(amounts) > 2 else [part for text in rest for part in pieces(text, DOCUMENT, 1000, chance)]
        )
        training[author], held_out[author] = chance.sample(documents, amount), books[author][chosen]
    return training, held_out


def measure(books: dict[str, dict[str, str]], amounts: list[int], seed: str) -> dict[tuple[int, str], dict[str, Any]]:
    """Returns the report for the texts of each length with each of `PRIORS`."""
    chance = random.Random(f"{amounts}{seed}")
    training, held_out = draw(books, amounts, chance)
    with tempfile.TemporaryDirectory() as name:
        for author, documents in training.items():
            (Path(name) / "books" / author).mkdir(parents=True)
            for number, document in enumerate(documents):
                (Path(name) / "books" / author / f"{number}.txt").write_text(document, encoding="utf-8")
        run = char_lstm_tf.Config(
            text=(f"{name}/books",),
            documents="files",
            labels="folder",
            normalize="plain",
            split=(1.0, 0.0, 0.0),
            architecture="counts",
            order=7,
            sample_chars=0,
            quiet=True,
            name="run",
            output_dir=name,
            data_dir=f"{name}/data",
        )
        char_lstm_tf.train(run)
        model = char_lstm_tf.load(f"{name}/run")
    labels, found = list(model.vocabulary.labels), {}
    for size, count in TESTS.items():
        texts = [(author, text) for author in labels for text in pieces(held_out[author], size, count, chance)]
        for priors in PRIORS:
            answers = model.classify([text for _, text in texts], priors=priors)
            probabilities = np.array([[answer[label] for label in labels] for answer in answers])
            true = np.array([labels.index(author) for author, _ in texts])
            found[size, priors] = report(probabilities, true, labels)
    return found


def main(_: list[str]) -> None:
    """Measures."""
    books = {author: read_books(Path(FLAGS.books), author) for author in AUTHORS}
    print(f"{'amounts':<20}{'characters':>10}{'priors':>10}{'accuracy':>10}{'least':>8}{'macro F1':>10}{'ECE':>8}")
    for case in FLAGS.amounts:
        amounts = list(map(int, case.split(",")))
        reports = [measure(books, amounts, seed) for seed in FLAGS.seeds]
        for size, priors in reports[0]:
            names = ("accuracy", "macro_f1", "expected_calibration_error")
            columns = [[found[size, priors][name] for found in reports] for name in names]
            accuracy, f1, error = map(statistics.mean, columns)
            print(
                f"{case:<20}{size:>10,}{priors:>10}{accuracy:>10.1%}{min(columns[0]):>8.1%}{f1:>10.3f}{error:>8.3f}",
                flush=True,
            )


if __name__ == "__main__":
    app.run(main)
