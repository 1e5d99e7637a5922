"""What a source gives: texts, and how each was read."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

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
        name: where it stands, such as `names.txt:3`; empty where it is all of its source.
        label: what it is an example of, such as its author; empty where none is known.
        part_of: name of the document that it is a passage of; empty: it is a whole document.
    """

    text: str
    encoding: str = ""
    replaced: int = 0
    rules: tuple[str, ...] = ()
    removed: int = 0
    name: str = ""
    label: str = ""
    part_of: str = ""


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
    """Yields the texts. One that doesn't follow a line end gets one before it."""
    line_ended = True
    for document in documents:
        yield document.text if line_ended else "\n" + document.text
        line_ended = document.text.endswith("\n") or not document.text


@dataclass
class SourceLine:
    """What a source turned out to be, as a line for the user. It counts the documents that pass through `watch`.

    Attributes:
        name: of the source.
        documents: whether each text is a document of its own, so that their number says something.
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

    def __str__(self) -> str:
        """Returns such as `a.txt: utf-8, 1,234 characters, "Chapter I"; cleaned: 56 removed (header, footer)`."""
        encodings = "".join(f"{encoding}, " for encoding in self.encodings)
        count = f"{self.count:,} documents, " if self.documents else ""
        line = f'{self.name}: {encodings}{count}{self.characters:,} characters, "{self.first}"'
        if self.rules:
            line += f"; cleaned: {self.removed:,} characters removed ({', '.join(self.rules)})"
        if self.replaced:
            encoding = next(iter(self.encodings), "utf-8")
            line += f"; bytes that aren't {encoding}, now U+FFFD: {self.replaced:,}"
        return line
