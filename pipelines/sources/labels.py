"""Labels: what documents are examples of, from the names of folders and files, or from a column."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines import UserError
from pipelines.sources.documents import Document, Source

LONGEST = 200  # characters of a label


def tidy(label: str) -> str:
    """Returns a label without blanks around it, and with single blanks in it. Before: `" Jane\\nAusten "`; after:
    `"Jane Austen"`.

    Raises:
        UserError: it is too long to be a label.
    """
    label = " ".join(label.split())
    if len(label) > LONGEST:
        raise UserError(
            f"the label {label[:40]!r}… has {len(label):,} characters, and at most {LONGEST} are allowed: is "
            "--label_field the column of the text?"
        )
    return label


@dataclass(frozen=True)
class Labelled:
    """The documents of another source, all with one label.

    Attributes:
        source: the documents.
        label: theirs.
    """

    source: Source
    label: str

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source.name

    def fingerprint(self) -> str:
        """Returns a hash of everything that the documents are made from."""
        return f"{self.source.fingerprint()} label {self.label}"

    def documents(self) -> Iterator[Document]:
        """Yields the documents."""
        label = tidy(self.label)
        for document in self.source.documents():
            yield dataclasses.replace(document, label=label)
