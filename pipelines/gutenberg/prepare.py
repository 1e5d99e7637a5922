"""Prepares books of Project Gutenberg as a TFDS dataset, on this machine or on many through Apache Beam.

    python -m pipelines.gutenberg.prepare --books=2600,1399
    python -m pipelines.gutenberg.prepare --books="author:Tolstoy language:en" --max_books=50
    python -m pipelines.gutenberg.prepare --books="author:Austen language:en" --output=books/austen
    python -m pipelines.gutenberg.prepare --books=everything --beam_options=runner=DirectRunner

It prints where the records are. Books that are there already aren't downloaded or cleaned again. A book that can't be
downloaded is an error; with Apache Beam it is left out and logged instead. With Beam (requirements/beam.txt), each
worker pauses by itself, so set --pause_seconds to two seconds times the number of workers. Or copy the books from a
mirror first, by rsync, to downloads/gutenberg in --data_dir, named pg84.txt and so on. --output also writes each book
as a text file, such as books/austen/1342.txt.

Exit status: 0 success, 1 failure (a line on stderr says why).
"""

import csv
import dataclasses
from pathlib import Path
from typing import Any

from pipelines import UserError, command_line
from pipelines.files import atomic_write, path_of
from pipelines.gutenberg import DEFAULT_MIRROR
from pipelines.gutenberg.catalogue import numbers
from pipelines.gutenberg.mirror import Mirror
from pipelines.options import Options, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrepareConfig(Options):
    """What to prepare."""

    books: str = option(
        "", "Numbers of books, a search of the catalogue, or a configuration: war_and_peace, classics …"
    )
    data_dir: str = option("data", "Folder of downloads and prepared data.")
    mirror: str = option(DEFAULT_MIRROR, "Mirror of Project Gutenberg to download from.")
    output: str = option("", "Folder to write the books to as well, each as a text file named by its number.")
    max_books: int = option(25, "A search that finds more books than this is an error.", at_least=1)
    pause_seconds: float = option(2.0, "Pause between requests to the mirror.", at_least=0)
    beam_options: tuple[str, ...] = option(
        (), "Let Apache Beam do it, with these options, such as runner=DataflowRunner,project=…"
    )

    def check(self) -> None:
        """Checks that there is something to prepare."""
        super().check()
        self.require(bool(self.books), "books", "say which books, such as --books=2600,1399")


def main(config: PrepareConfig) -> None:
    """Prepares the books and prints where they are: "20 books in data/gutenberg/classics/2.0.0"."""
    mirror = Mirror(url=config.mirror, pause_seconds=config.pause_seconds)
    data_dir = path_of(config.data_dir)
    chosen: str | list[int] = config.books
    if not config.books.isidentifier():  # not the name of a configuration
        folder = data_dir / "downloads" / "gutenberg"
        chosen = numbers(config.books, mirror=mirror, folder=folder, max_books=config.max_books)

    from pipelines.gutenberg.builder import prepare  # imports TensorFlow, which takes seconds

    options = beam_options(config.beam_options)
    builder = prepare(chosen, data_dir=data_dir, mirror=mirror, beam_options=options)
    count = builder.info.splits["train"].num_examples
    print(f"{count} book{'s' * (count != 1)} in {builder.data_dir}")
    if config.output:
        write_files(builder, path_of(config.output))


def write_files(builder: Any, folder: Path) -> None:
    """Writes each book to a file of its own, and prints a line for each: `austen/1342.txt Pride and Prejudice`."""
    import tensorflow_datasets as tfds

    folder.mkdir(parents=True, exist_ok=True)
    for record in tfds.as_numpy(builder.as_dataset(split="train")):
        file = folder / f"{record['id']}.txt"
        with atomic_write(file) as path:
            path.write_bytes(record["text"])
        print(file, " ".join(record["title"].decode().split()))


def beam_options(words: tuple[str, ...]) -> Any:
    """Returns Beam's own object for --beam_options; None if there are none.

    Before: `runner=A,"experiments=x,y"`; after: `--runner=A`, `--experiments=x,y`.

    Raises:
        UserError: Beam isn't installed.
    """
    if not words:
        return None
    try:
        from apache_beam.options.pipeline_options import PipelineOptions  # an optional requirement
    except ImportError:
        raise UserError("--beam_options: needs Apache Beam; pip install -r requirements/beam.txt") from None
    return PipelineOptions([f"--{word.strip()}" for row in csv.reader(words) for word in row])


if __name__ == "__main__":
    command_line.run(main, PrepareConfig)
