"""Books of authors, for the benchmarks that ask who wrote a text."""

import zipfile
from pathlib import Path

from pipelines.sources import typography


def read_books(path: Path, author: str) -> dict[str, str]:
    """Returns the books of an author by name, `plain`."""
    if path.is_dir():
        data = {file.name: file.read_bytes() for file in (path / author).glob("*.txt")}
    else:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if Path(name).parent.name == author and name.endswith(".txt")]
            data = {Path(name).name: archive.read(name) for name in names}
    return {name: typography.plain(text.decode("utf-8", "replace")) for name, text in data.items()}
