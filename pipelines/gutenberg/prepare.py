"""Prepares books of Project Gutenberg as a TFDS dataset, on this machine or on many through Apache Beam.

    python -m pipelines.gutenberg.prepare --books=2600,1399
    python -m pipelines.gutenberg.prepare --books="author:Tolstoy language:en" --max_books=50
    python -m pipelines.gutenberg.prepare --books=everything --beam_options=runner=DirectRunner

Prints where the records lie. What is there already isn't downloaded or cleaned again. With Apache Beam
(an extra requirement), each worker pauses for itself: give --pause_seconds two seconds for each of them,
or fill the folder downloads/gutenberg of --data_dir by rsync from a mirror first, as pg84.txt and so on.
Books that can't be had are left out and logged then, while without Beam the first of them is an error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app, flags

from pipelines import UserError
from pipelines.gutenberg.catalogue import numbers
from pipelines.gutenberg.mirror import DEFAULT_MIRROR, Mirror

_BOOKS = flags.DEFINE_string(
    "books",
    None,
    "Numbers of books, a search of the catalogue, or a configuration: war_and_peace, classics, …",
)
_DATA_DIR = flags.DEFINE_string("data_dir", "data", "Folder of downloads and prepared data.")
_MIRROR = flags.DEFINE_string("mirror", DEFAULT_MIRROR, "Mirror of Project Gutenberg to download from.")
_MAX_BOOKS = flags.DEFINE_integer("max_books", 25, "A search that finds more books than this is an error.")
_PAUSE_SECONDS = flags.DEFINE_float("pause_seconds", 2.0, "Pause between requests to the mirror.")
_BEAM_OPTIONS = flags.DEFINE_list(
    "beam_options",
    [],
    "Have Apache Beam do it, with these options: runner=DataflowRunner,project=… for instance.",
)


def main(argv: Sequence[str]) -> int:
    """Returns 0, or 1 after a line on stderr that says what is wrong."""
    if len(argv) > 1 or not _BOOKS.value:
        raise app.UsageError("say which books: --books=2600,1399")
    try:
        print(_prepare(_BOOKS.value, data_dir=Path(_DATA_DIR.value)))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _prepare(books: str, *, data_dir: Path) -> str:
    """Returns "20 books in data/gutenberg/classics/1.0.0" once that is true."""
    mirror = Mirror(url=_MIRROR.value, pause_seconds=_PAUSE_SECONDS.value)
    named = books.isidentifier()
    folder = data_dir / "downloads" / "gutenberg"
    chosen = books if named else numbers(books, mirror=mirror, folder=folder, max_books=_MAX_BOOKS.value)

    from pipelines.gutenberg.builder import prepare  # TensorFlow, which takes seconds to import

    builder = prepare(chosen, data_dir=data_dir, mirror=mirror, beam_options=_beam_options())
    count = builder.info.splits["train"].num_examples
    return f"{count} book{'s' * (count != 1)} in {builder.data_dir}"


def _beam_options() -> Any:
    """Returns Beam's own object for --beam_options, None without any."""
    if not _BEAM_OPTIONS.value:
        return None
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        raise UserError(
            "--beam_options needs Apache Beam: pip install --requirement requirements-beam.txt"
        ) from None
    return PipelineOptions([f"--{option}" for option in _BEAM_OPTIONS.value])


if __name__ == "__main__":
    app.run(main)
