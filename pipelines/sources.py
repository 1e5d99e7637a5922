"""Where text comes from, and how it is read: files, or the language reference that comes with Python."""

import dataclasses
import glob
import hashlib
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipelines import UserError
from pipelines.decoding import decode
from pipelines.files import path_of
from pipelines.gutenberg import cleaning

# Bytes without which the cleaner changes line ends and accents alone, so that its version doesn't matter
_CLEANED = re.compile(rb"utenberg|\[illustra|\[picture|transcri|e-?text", re.IGNORECASE)
_FIRST_WORDS = 40  # characters of a text that its line shows


@dataclass(frozen=True)
class Document:
    """A text and how it was read.

    Attributes:
        text: with `\\n` as line ends.
        encoding: Python's name of the encoding; empty where the text wasn't bytes.
        replaced: bytes that the encoding lacks, each now U+FFFD.
        rules: rules of the cleaner that fired.
        removed: characters that they removed.
    """

    text: str
    encoding: str = ""
    replaced: int = 0
    rules: tuple[str, ...] = ()
    removed: int = 0


@dataclass(frozen=True)
class Reader:
    """How text is read: the same way in training, in evaluation and in prompts.

    Attributes:
        encoding: the encoding of files; empty: detected.
        expected: an encoding to try before detection, such as that of the text the model was trained on.
        clean: whether to remove what Project Gutenberg adds, and to compose accents (NFC).
    """

    encoding: str = ""
    expected: str = ""
    clean: bool = True

    def read(self, data: bytes, *, name: str) -> Document:
        """Returns the text of a file.

        Raises:
            UserError: it isn't text in its encoding.
        """
        text, encoding, replaced = decode(data, encoding=self.encoding, expected=self.expected, name=name)
        if not self.clean:
            return Document(_with_plain_newlines(text), encoding, replaced)
        cleaned = cleaning.clean(text)
        return Document(cleaned.text, encoding, replaced, cleaned.rules, cleaned.dropped)

    def prompt(self, text: str) -> str:
        """Returns a text that isn't a file in the form of the training text. Before: `"\\ufeffe\\u0301\\r\\n"`; after:
        `"é\\n"`.
        """
        text = _with_plain_newlines(text.removeprefix("\ufeff"))
        return unicodedata.normalize("NFC", text) if self.clean else text


def _with_plain_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


class Source(Protocol):
    """Something that gives the same text each time."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def fingerprint(self) -> str:
        """Returns a hash of everything the text is made from, without making the text."""

    def documents(self) -> Iterator[Document]:
        """Yields texts."""


@dataclass(frozen=True)
class TextFile:
    """A text file.

    Attributes:
        path: the file.
        reader: how to read it.
        piped: the bytes of a pipe, which can be read only once.
    """

    path: Path
    reader: Reader = Reader()
    piped: bytes | None = None

    @property
    def name(self) -> str:
        """The path as given."""
        return str(self.path)

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the bytes, and how they are read."""
        data = self._bytes()
        how = f"{self.reader.encoding} {self.reader.clean}"
        if self.reader.clean and _CLEANED.search(data):
            how += f" cleaner {cleaning.VERSION}"
        return f"{hashlib.sha256(data).hexdigest()} {how}"

    def documents(self) -> Iterator[Document]:
        """Yields the text.

        Raises:
            UserError: the file can't be read, is empty, or isn't text in its encoding.
        """
        data = self._bytes()
        if not data.strip():
            raise UserError(f"--text={self.path}: the file is empty")
        yield self.reader.read(data, name=self.name)

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes() if self.piped is None else self.piped
        except OSError as error:
            raise UserError(f"--text={self.path}: {error.strerror}") from error


@dataclass(frozen=True)
class LanguageReference:
    """The Python language reference: some 500,000 characters of English prose and grammar.

    CPython has it for `help()`. Its length differs a little between versions.
    """

    name: str = "the Python language reference, as no other text was given"

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the text."""
        return hashlib.sha256("".join(document.text for document in self.documents()).encode()).hexdigest()

    def documents(self) -> Iterator[Document]:
        """Yields all topics as one text, in alphabetical order of their names."""
        from pydoc_data.topics import topics  # half a megabyte that only this source needs

        yield Document("\n".join(topics[name] for name in sorted(topics)))


def text_files(patterns: Sequence[str], reader: Reader | None = None) -> list[TextFile]:
    """Returns the files that `--text` means, in the given order and each once. Empty files of a folder are left out.

    Args:
        patterns: each is a file, a pipe, a folder (all its `*.txt` files, at any depth, sorted; hidden folders are left
            out) or a glob, or several of them separated by commas.
        reader: how to read them.

    Raises:
        UserError: one of them matches no file, or files can't be read. The message names all of these.
    """
    paths: dict[Path, None] = {}
    for pattern in patterns:
        for part in [pattern] if Path(pattern).exists() else filter(None, pattern.split(",")):
            paths |= dict.fromkeys(_matches(part))
    reader = reader or Reader()
    if len(paths) == 1:
        return [_text_file(path, reader) for path in paths]
    problems, empty = [], []
    for path in paths:
        try:
            with path.open("rb"):
                pass
            if path.is_file() and not path.stat().st_size:
                empty.append(path)
        except OSError as error:
            problems.append(f"{path} ({error.strerror})")
    if problems:
        raise UserError(f"--text: {len(problems)} files can't be read: {', '.join(problems)}")
    if len(empty) == len(paths) > 0:
        raise UserError(f"--text: all {len(paths)} files are empty")
    if empty:
        print(f"left out {len(empty)} empty files: {', '.join(map(str, empty))}", file=sys.stderr)
    return [_text_file(path, reader) for path in paths if path not in empty]


def _text_file(path: Path, reader: Reader) -> TextFile:
    piped = path.exists() and not stat.S_ISREG(path.stat().st_mode)
    return TextFile(path, reader, path.read_bytes() if piped else None)


def _matches(pattern: str) -> list[Path]:
    path = path_of(pattern)
    if path.is_dir():
        found = sorted(_files_below(path))
        if not found:
            raise UserError(f"--text={pattern}: no *.txt file in this folder; name the files, or give a glob")
        return found
    if path.exists():
        return [path]
    found = sorted(Path(match) for match in glob.glob(str(path), recursive=True) if Path(match).is_file())
    if not found:
        raise UserError(f"--text={pattern}: no such file, folder or glob")
    return found


def _files_below(folder: Path) -> Iterator[Path]:
    """Yields the *.txt files below a folder, by way of links too, but not of hidden folders such as checkpoints."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith(".")]  # links may circle
        if real not in seen:
            yield from (Path(place, name) for name in names if name.lower().endswith(".txt"))
        seen.add(real)


def joined(documents: Iterable[Document]) -> Iterator[str]:
    """Yields the texts. One that doesn't follow a line end gets one before it."""
    line_ended = True
    for document in documents:
        yield document.text if line_ended else "\n" + document.text
        line_ended = document.text.endswith("\n") or not document.text


@dataclass
class SourceLine:
    """What a source turned out to be, as a line for the user. It counts the documents that pass through `watch`."""

    name: str
    characters: int = 0
    removed: int = 0
    replaced: int = 0
    first: str = ""
    encodings: dict[str, None] = dataclasses.field(default_factory=dict)
    rules: dict[str, None] = dataclasses.field(default_factory=dict)

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents, and counts them."""
        for document in documents:
            self.characters += len(document.text)
            self.removed += document.removed
            self.replaced += document.replaced
            self.first = self.first or " ".join(document.text[: 4 * _FIRST_WORDS].split())[:_FIRST_WORDS]
            self.encodings |= dict.fromkeys(filter(None, [document.encoding]))
            self.rules |= dict.fromkeys(document.rules)
            yield document

    def __str__(self) -> str:
        """Returns such as `a.txt: utf-8, 1,234 characters, "Chapter I"; cleaned: 56 removed (header, footer)`."""
        encodings = "".join(f"{encoding}, " for encoding in self.encodings)
        line = f'{self.name}: {encodings}{self.characters:,} characters, "{self.first}"'
        if self.rules:
            line += f"; cleaned: {self.removed:,} characters removed ({', '.join(self.rules)})"
        if self.replaced:
            encoding = next(iter(self.encodings), "utf-8")
            line += f"; bytes that aren't {encoding}, now U+FFFD: {self.replaced:,}"
        return line
