"""Where text comes from, and how it is read."""

from pipelines.sources.documents import Document, Source, SourceLine, joined
from pipelines.sources.lines import Lines
from pipelines.sources.reading import Reader
from pipelines.sources.reference import LanguageReference
from pipelines.sources.text_files import TextFile, text_documents, text_files
from pipelines.sources.typography import Plain

__all__ = [
    "Document",
    "LanguageReference",
    "Lines",
    "Plain",
    "Reader",
    "Source",
    "SourceLine",
    "TextFile",
    "joined",
    "text_documents",
    "text_files",
]
