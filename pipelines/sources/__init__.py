"""Where text comes from, and how it is read."""

from pipelines.sources.derived import Lines, Plain
from pipelines.sources.documents import Document, Source, SourceLine, in_short, joined
from pipelines.sources.reading import Reader
from pipelines.sources.text_files import LanguageReference, TextFile, text_documents, text_files

__all__ = [
    "Document",
    "LanguageReference",
    "Lines",
    "Plain",
    "Reader",
    "Source",
    "SourceLine",
    "TextFile",
    "in_short",
    "joined",
    "text_documents",
    "text_files",
]
