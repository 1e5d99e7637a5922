"""Books of Project Gutenberg as a TFDS dataset: a record for each book, cleaned, in ArrayRecord files.

    tfds.load("gutenberg/war_and_peace")  # once this module is imported

The commands use `prepare`. For thousands of books, Apache Beam does the same work on any number of machines; see
pipelines/gutenberg/prepare.py.
"""

import contextlib
import dataclasses
import functools
import hashlib
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from pipelines import UserError
from pipelines.gutenberg import cleaning
from pipelines.gutenberg.mirror import Mirror, book_number
from pipelines.gutenberg.records import Record, known_books, record_or_none, records

CLASSICS = {
    11: "Alice's Adventures in Wonderland", 84: "Frankenstein", 98: "A Tale of Two Cities",
    100: "The Complete Works of William Shakespeare", 174: "The Picture of Dorian Gray",
    345: "Dracula", 768: "Wuthering Heights", 1260: "Jane Eyre", 1342: "Pride and Prejudice",
    1399: "Anna Karenina", 1400: "Great Expectations", 1661: "The Adventures of Sherlock Holmes",
    1727: "The Odyssey", 2554: "Crime and Punishment", 2600: "War and Peace", 2701: "Moby Dick",
    2814: "Dubliners", 4300: "Ulysses", 28054: "The Brothers Karamazov", 996: "Don Quixote",
}  # fmt: skip
_SPELLED_OUT = 5  # numbers in the name of a list; longer lists are named by a hash


@dataclasses.dataclass(eq=False, kw_only=True)
class GutenbergConfig(tfds.core.BuilderConfig):
    """Which books.

    Attributes:
        books: numbers of books, in the order of the records; empty: all of the catalogue.
        beam: whether Apache Beam does the work.
        name: made from `books` by default: (2600, 84) → "books_2600_84".
    """

    name: str = ""
    books: Sequence[int | str] = ()
    beam: bool = False

    def __post_init__(self) -> None:
        """Raises UserError if one of `books` isn't the number of a book."""
        self.books = tuple(dict.fromkeys(map(book_number, self.books)))
        if not self.name:
            numbers = "_".join(map(str, self.books))
            short = f"{len(self.books)}_{hashlib.sha256(numbers.encode()).hexdigest()[:12]}"
            self.name = f"books_{numbers if len(self.books) <= _SPELLED_OUT else short}"


class Gutenberg(tfds.core.GeneratorBasedBuilder):
    """Books of Project Gutenberg. A change in what the cleaner removes is a new version."""

    VERSION = tfds.core.Version(f"{cleaning.VERSION}.0.0")
    RELEASE_NOTES: Mapping[str, str] = {
        str(VERSION): f"Books as version {cleaning.VERSION} of the cleaner leaves them."
    }
    BUILDER_CONFIGS = [  # noqa: RUF012 (TFDS reads a list)
        GutenbergConfig(name="war_and_peace", books=(2600,)),
        GutenbergConfig(name="shakespeare", books=(100,)),
        GutenbergConfig(name="anna_karenina", books=(1399,)),
        GutenbergConfig(name="frankenstein", books=(84,)),
        GutenbergConfig(name="classics", books=tuple(CLASSICS), description="Twenty novels, plays, epics."),
        GutenbergConfig(name="everything", beam=True, description="All texts of the catalogue."),
    ]

    def __init__(
        self, *, mirror: Mirror | None = None, beam: bool = False, file_format: str = "array_record", **kwargs: Any
    ) -> None:
        """Takes the arguments of any TFDS builder, the mirror, and whether Apache Beam does the work."""
        self.mirror = mirror or Mirror()
        self.beam = beam
        super().__init__(file_format=file_format, **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="Books of Project Gutenberg without its headers, licences and notes.",
            features=tfds.features.FeaturesDict(
                {
                    "id": np.int32,
                    "title": tfds.features.Text(),
                    "author": tfds.features.Text(),
                    "language": tfds.features.Text(),
                    "release_date": tfds.features.Text(),
                    "text": tfds.features.Text(),
                }
            ),
            homepage="https://www.gutenberg.org/",
            supervised_keys=None,
            disable_shuffling=True,  # records in the order in which the books were asked for
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        """Returns the only split. Training splits the text itself."""
        # Books are cached beside other downloads, or on each worker if those are in the cloud.
        downloads = dl_manager.download_dir
        folder = tempfile.gettempdir() if "://" in str(downloads) else downloads
        return {"train": self._generate_examples(Path(folder) / "gutenberg")}

    def _generate_examples(self, folder: Path) -> Iterator[Record] | Any:
        """Yields (position, record) of each book, or returns the Beam pipeline that does."""
        known = known_books(self.builder_config.books, mirror=self.mirror, folder=folder)
        if not (self.beam or self.builder_config.beam):
            return records(known, mirror=self.mirror, folder=folder)
        beam = tfds.core.lazy_imports.apache_beam
        make = functools.partial(record_or_none, mirror=self.mirror, folder=folder)
        # The reshuffle gives the numbers to all machines. Without it, one machine would do all the work.
        return beam.Create(list(enumerate(known))) | beam.Reshuffle() | beam.FlatMap(make)

    def _as_dataset(self, split: Any, **_: Any) -> tf.data.Dataset:
        """Returns the records for TensorFlow. TFDS 4.9.10 reads ArrayRecord only by random access."""
        records = self.as_data_source(split=split)
        return tf.data.Dataset.from_generator(
            lambda: iter(records), output_signature=self.info.features.get_tensor_spec()
        )


def prepare(
    books: str | Sequence[int | str], *, data_dir: str | Path, mirror: Mirror, beam_options: Any = None
) -> Gutenberg:
    """Returns a builder for a configuration or for numbers of books. Its data are prepared unless they exist.

    TFDS keeps its data in `data_dir`, and downloads go to `downloads/gutenberg` in it. With `beam_options`, Apache Beam
    does the work.

    Raises:
        UserError: there is no such configuration, or a book can't be downloaded.
    """
    if isinstance(books, str) and books not in Gutenberg.builder_configs:
        raise UserError(f"--tfds=gutenberg/{books}: must be one of {', '.join(Gutenberg.builder_configs)}")
    config = books if isinstance(books, str) else GutenbergConfig(books=books)
    beam = beam_options is not None
    if books == "everything" and not beam:
        raise UserError(
            "gutenberg/everything: 75,000 books need Apache Beam: "
            "python -m pipelines.gutenberg.prepare --books=everything --beam_options=runner=DirectRunner"
        )
    builder = Gutenberg(config=config, data_dir=str(data_dir), mirror=mirror, beam=beam)
    how = tfds.download.DownloadConfig(try_download_gcs=False, beam_options=beam_options)
    with contextlib.redirect_stdout(sys.stderr):  # TFDS prints its progress to stdout
        builder.download_and_prepare(download_config=how)
    return builder
