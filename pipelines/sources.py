"""Where text comes from: files, or the language reference that comes with Python."""

import glob
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipelines import UserError
from pipelines.decoding import decode
from pipelines.gutenberg import cleaning


class Source(Protocol):
    """Something that gives the same text each time."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def fingerprint(self) -> str:
        """Returns a hash of everything the text is made from, without making the text."""

    def documents(self) -> Iterator[str]:
        """Yields texts with `\\n` as line ends."""


@dataclass(frozen=True)
class TextFile:
    """A text file in any encoding. What Project Gutenberg adds to its books is removed.

    Attributes:
        path: the file.
        encoding: its encoding; empty: detected.
        clean: whether to remove headers, footers and licences.
    """

    path: Path
    encoding: str = ""
    clean: bool = True

    @property
    def name(self) -> str:
        """The path as given."""
        return str(self.path)

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the bytes, and how they are read."""
        return f"{hashlib.sha256(self._bytes()).hexdigest()} {self.encoding} {self.clean}"

    def documents(self) -> Iterator[str]:
        """Yields the text.

        Raises:
            UserError: the file can't be read, is empty, or isn't text in its encoding.
        """
        data = self._bytes()
        if not data.strip():
            raise UserError(f"--text={self.path}: the file is empty")
        text = decode(data, encoding=self.encoding or None, name=self.name).text
        yield cleaning.clean(text).text if self.clean else text.replace("\r\n", "\n").replace("\r", "\n")

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise UserError(f"--text={self.path}: {error.strerror}") from error


@dataclass(frozen=True)
class LanguageReference:
    """The Python language reference: some 500,000 characters of English prose and grammar.

    CPython has it for `help()`. Its length differs a little between versions.
    """

    name: str = "the Python language reference"

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the text."""
        return hashlib.sha256("".join(self.documents()).encode()).hexdigest()

    def documents(self) -> Iterator[str]:
        """Yields all topics as one text, in alphabetical order of their names."""
        from pydoc_data.topics import topics  # half a megabyte that only this source needs

        yield "\n".join(topics[name] for name in sorted(topics))


def text_files(patterns: Sequence[str], *, encoding: str = "", clean: bool = True) -> list[TextFile]:
    """Returns the files that `--text` means, in the given order and each once.

    Args:
        patterns: each is a file, a folder (all its `*.txt` files, at any depth, sorted) or a glob, or several of them
            separated by commas.
        encoding: of all files; empty: detected for each.
        clean: whether to remove what Project Gutenberg adds.

    Raises:
        UserError: one of them matches no file.
    """
    paths: dict[Path, None] = {}
    for pattern in patterns:
        for part in [pattern] if Path(pattern).exists() else filter(None, pattern.split(",")):
            paths |= dict.fromkeys(_matches(part))
    return [TextFile(path, encoding, clean) for path in paths]


def _matches(pattern: str) -> list[Path]:
    path = Path(pattern).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(file for file in path.rglob("*.txt") if file.is_file())
        if not found:
            raise UserError(f"--text={pattern}: no *.txt file in this folder; name the files, or give a glob")
        return found
    found = sorted(Path(match) for match in glob.glob(str(path), recursive=True) if Path(match).is_file())
    if not found:
        raise UserError(f"--text={pattern}: no such file, folder or glob")
    return found


def joined(sources: Iterable[Source]) -> Iterator[str]:
    """Yields all documents of all sources. One that doesn't follow a line end gets one before it."""
    line_ended = True
    for source in sources:
        for document in source.documents():
            yield document if line_ended else "\n" + document
            line_ended = document.endswith("\n") or not document
