"""A source of texts → a source of their lines, each a document."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.sources.documents import Document, Source


@dataclass(frozen=True)
class Lines:
    """The lines of another source, without their line ends. Empty ones are documents too.

    Attributes:
        source: of texts that end where a line ends.
    """

    source: Source

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source.name

    def fingerprint(self) -> str:
        """Returns a hash of everything the lines are made from."""
        return f"{self.source.fingerprint()} lines"

    def documents(self) -> Iterator[Document]:
        """Yields the lines. Before: a text `"Ada\\nBo\\n"`; after: `"Ada"` and `"Bo"`, named `FILE:1` and `FILE:2`."""
        number = 0
        for text in self.source.documents():
            kept = text  # what was removed from the text is counted with its first line
            for line in lines_of(text.text):
                number += 1
                yield dataclasses.replace(kept, text=line, name=f"{self.name}:{number}")
                kept = Document("", text.encoding)


def lines_of(text: str) -> Iterator[str]:
    """Yields the lines of a text without their ends, and without a list of all of them."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end + 1
