"""Sources made from another source: its lines, its texts with a label, or its texts in plain typography."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines import UserError
from pipelines.sources import typography
from pipelines.sources.documents import Document, Source

LONGEST_LABEL = 200  # characters


@dataclass(frozen=True)
class Derived(ABC):
    """The texts of another source, changed. Subclasses have `documents`."""

    source: Source

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source.name

    @property
    @abstractmethod
    def change(self) -> str:
        """What is done to the texts, for the fingerprint."""

    def fingerprint(self) -> str:
        """Returns a hash of everything that the texts are made from."""
        return f"{self.source.fingerprint()} {self.change}"


class Lines(Derived):
    """The lines of another source, without their line ends. Empty ones are documents too."""

    change = "lines"

    def documents(self) -> Iterator[Document]:
        """Yields the lines. Before: a text `"Ada\\nBo\\n"`; after: `"Ada"` and `"Bo"`, named `FILE:1` and `FILE:2`."""
        number = 0
        for text in self.source.documents():
            kept = text  # the first line has what was removed from the text
            for line in lines_of(text.text):
                number += 1
                yield dataclasses.replace(kept, text=line, file=self.name, line=number)
                kept = Document("", text.encoding)


class Plain(Derived):
    """The documents of another source, `typography.plain`."""

    change = f"plain {typography.VERSION}"

    def documents(self) -> Iterator[Document]:
        """Yields the texts."""
        for document in self.source.documents():
            yield dataclasses.replace(document, text=typography.plain(document.text))


@dataclass(frozen=True)
class Labelled(Derived):
    """The documents of another source, all with one label."""

    label: str

    @property
    def change(self) -> str:
        """The label."""
        return f"label {self.label}"

    def documents(self) -> Iterator[Document]:
        """Yields the documents."""
        label = tidy(self.label)
        for document in self.source.documents():
            yield dataclasses.replace(document, label=label)


def tidy(label: str) -> str:
    """Returns a label without blanks around it, and with single blanks in it. Before: `" Jane\\nAusten "`; after:
    `"Jane Austen"`.

    Raises:
        UserError: it is too long to be a label.
    """
    label = " ".join(label.split())
    if len(label) > LONGEST_LABEL:
        raise UserError(
            f"the label {label[:40]!r}… has {len(label):,} characters, and at most {LONGEST_LABEL} are allowed: is "
            "--label_field the column of the text?"
        )
    return label


def lines_of(text: str) -> Iterator[str]:
    """Yields the lines of a text without their ends, and without a list of all of them."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end + 1
