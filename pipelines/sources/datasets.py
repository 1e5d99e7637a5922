"""Datasets of TensorFlow Datasets, and books of Project Gutenberg → documents.

TFDS imports TensorFlow, which takes seconds, so both are imported only when a dataset is asked for.
"""

import contextlib
import hashlib
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pipelines import UserError
from pipelines.gutenberg import catalogue
from pipelines.gutenberg.mirror import Mirror
from pipelines.sources.documents import Document
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


@dataclass(frozen=True)
class PreparedDataset:
    """A TFDS dataset on disk: the feature `text_key` of each record of each split, in the order of TFDS."""

    builder: "tfds.core.DatasetBuilder"
    text_key: str = "text"

    @property
    def name(self) -> str:
        """The full name, such as gutenberg/war_and_peace:2.0.0."""
        return self.builder.info.full_name

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the record files."""
        digest = hashlib.sha256(f"{self.name} {self.text_key}".encode())
        for file in sorted(Path(self.builder.data_dir).iterdir()):
            if file.is_file() and file.suffix != ".json":  # these hold sizes and dates
                with file.open("rb") as records:
                    digest.update(hashlib.file_digest(records, "sha256").digest())
        return digest.hexdigest()

    def documents(self) -> Iterator[Document]:
        """Yields the texts. Raises UserError if the records have no text under this key."""
        tfds = _tfds()
        for split in self.builder.info.splits:
            records = tfds.as_numpy(self.builder.as_dataset(split=split))
            for record in records:
                text = record.get(self.text_key) if isinstance(record, dict) else None
                if not isinstance(text, bytes):
                    keys = ", ".join(record) if isinstance(record, dict) else "none"
                    raise UserError(f"--tfds_text_key={self.text_key}: no text in {self.name}, its features: {keys}")
                plain = text.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
                yield Document(plain, replaced=plain.count("\ufffd") - text.count("\ufffd".encode()))


def books(query: str, *, data_dir: Path, mirror: str, max_books: int) -> PreparedDataset:
    """Returns the books of `--books`. They are downloaded and cleaned unless an earlier run did so.

    `query` is numbers such as `2600,1399`, or a search such as `author:Tolstoy language:en`. TFDS owns `data_dir`.

    Raises:
        UserError: there is no such book, there are too many, or the mirror can't be reached.
    """
    site = Mirror(url=mirror)
    folder = data_dir / "downloads" / "gutenberg"
    numbers = catalogue.numbers(query, mirror=site, folder=folder, max_books=max_books)

    _tfds()
    from pipelines.gutenberg.builder import prepare  # imports TFDS

    return PreparedDataset(prepare(numbers, data_dir=data_dir, mirror=site))


def dataset(name: str, *, text_key: str, data_dir: Path, mirror: str) -> PreparedDataset:
    """Returns the dataset of `--tfds`. It is prepared unless an earlier run did so.

    `name` is `gutenberg/war_and_peace` and the like, whose books come from the mirror, or any name that TFDS knows.
    `text_key` is the feature that holds the text.

    Raises:
        UserError: TFDS doesn't know the dataset, or can't prepare it.
    """
    tfds = _tfds()
    if name.split("/")[0] == "gutenberg":
        from pipelines.gutenberg.builder import prepare  # imports TFDS

        config = name.partition("/")[2] or "classics"
        return PreparedDataset(prepare(config, data_dir=data_dir, mirror=Mirror(url=mirror)), text_key)
    try:
        builder = tfds.builder(name, data_dir=str(data_dir), try_gcs=False)
        how = tfds.download.DownloadConfig(try_download_gcs=False)
        with contextlib.redirect_stdout(sys.stderr):  # where progress belongs
            builder.download_and_prepare(download_config=how)
    except tfds.core.registered.DatasetNotFoundError:
        raise UserError(f"--tfds={name}: TFDS knows no such dataset; tiny_shakespeare is one") from None
    except (OSError, ValueError, tfds.download.DownloadError) as error:
        raise UserError(f"--tfds={name}: {str(error).splitlines()[0]}") from error
    return PreparedDataset(builder, text_key)


def _tfds() -> ModuleType:
    """Returns TensorFlow Datasets, imported without TensorFlow's log."""
    import_tensorflow()
    return importlib.import_module("tensorflow_datasets")
