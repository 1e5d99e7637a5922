"""The text to train on when none is given."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.sources.documents import Document


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
