"""Documents, and the interface of their sources."""

import dataclasses
import functools
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

_FIRST_WORDS = 40  # characters of a text that its line shows
_FEW = 5  # sources that get a line each


@dataclass(frozen=True)
class Document:
    """A text and how it was read.

    Attributes:
        text: with `\\n` as line ends.
        encoding: Python's name of the encoding; empty if the text wasn't read from bytes.
        replaced: bytes that the encoding lacks, each now U+FFFD.
        rules: rules of the cleaner that fired.
        removed: characters that they removed.
        file: its file; empty if nobody needs it.
        line: its line in the file, from 1; 0 if it is the whole file. For a row of a table, the line that it ends in.
        start: the place of a passage in its document, from 0; -1 if it is the whole document.
        label: its label, such as the author; empty if it isn't known.
    """

    text: str
    encoding: str = ""
    replaced: int = 0
    rules: tuple[str, ...] = ()
    removed: int = 0
    file: str = ""
    line: int = 0
    start: int = -1
    label: str = ""

    @property
    def name(self) -> str:
        """Its place, such as `names.txt:3`, or for a passage `book.txt[1000:2000]`."""
        return f"{self.whole}[{self.start}:{self.start + len(self.text)}]" if self.start >= 0 else self.whole

    @property
    def whole(self) -> str:
        """The name of the document that a passage is of."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def place(self) -> dict[str, str | int]:
        """Its place as JSON, with the text unless it is the whole file."""
        line = {"line": self.line} if self.line else {}
        passage = {"start": self.start, "end": self.start + len(self.text)} if self.start >= 0 else {}
        return {"file": self.file, **line, **passage, **({"text": self.text} if line or passage else {})}


class Source(Protocol):
    """Something that gives the same text each time."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def fingerprint(self) -> str:
        """Returns a hash of everything the text is made from, without making the text."""

    def documents(self) -> Iterator[Document]:
        """Yields texts."""


def joined(documents: Iterable[Document]) -> Iterator[str]:
    """Yields the texts, each on a new line."""
    line_ended = True
    for document in documents:
        yield document.text if line_ended else "\n" + document.text
        line_ended = document.text.endswith("\n") or not document.text


@dataclass
class SourceLine:
    """A summary of a source, as a line for the user. It counts the documents that pass through `watch`.

    With `documents`, each text is a document, and their number is shown.
    """

    name: str
    documents: bool = False
    count: int = 0
    characters: int = 0
    removed: int = 0
    replaced: int = 0
    first: str = ""
    encodings: dict[str, None] = dataclasses.field(default_factory=dict)
    rules: dict[str, None] = dataclasses.field(default_factory=dict)

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents, and counts them."""
        for document in documents:
            self.count += 1
            self.characters += len(document.text)
            self.removed += document.removed
            self.replaced += document.replaced
            self.first = self.first or " ".join(document.text[: 4 * _FIRST_WORDS].split())[:_FIRST_WORDS]
            self.encodings |= dict.fromkeys(filter(None, [document.encoding]))
            self.rules |= dict.fromkeys(document.rules)
            yield document

    def __add__(self, other: "SourceLine") -> "SourceLine":
        """Returns the summary of both sources together, without a name."""
        return SourceLine(
            "",
            self.documents,
            self.count + other.count,
            self.characters + other.characters,
            self.removed + other.removed,
            self.replaced + other.replaced,
            encodings=self.encodings | other.encodings,
            rules=self.rules | other.rules,
        )

    def __str__(self) -> str:
        """Returns `a.txt: utf-8, 1,234 characters, "Chapter I"; cleaned: 56 removed (header, footer)`."""
        encodings = "".join(f"{encoding}, " for encoding in self.encodings)
        count = f"{self.count:,} documents, " if self.documents and self.count != 1 else ""
        line = f"{self.name}: {encodings}{count}{self.characters:,} characters"
        line += f', "{self.first}"' if self.first else ""
        if self.rules:
            removed = f"{self.removed:,} characters removed " if self.removed else ""
            line += f"; cleaned: {removed}({', '.join(self.rules)})"
        if self.replaced:
            encoding = next(iter(self.encodings), "utf-8")
            line += f"; bytes that aren't {encoding}, now U+FFFD: {self.replaced:,}"
        return line


def in_short(lines: Sequence[SourceLine]) -> list[str]:
    """Returns a line for each source; of many, one for all, and one for each with bytes that aren't in its encoding."""
    if len(lines) <= _FEW:
        return list(map(str, lines))
    total = functools.reduce(operator.add, lines)
    total.name, total.replaced = f"{len(lines):,} files", 0
    return [str(total), *(str(line) for line in lines if line.replaced)]
