"""Ids on disk → batches for training: windows of a text, or whole documents with their labels."""

from pipelines.batches.batches import Batches
from pipelines.batches.whole_documents import WholeDocuments
from pipelines.batches.windows import Form, Shuffled, Stream, Windows

__all__ = ["Batches", "Form", "Shuffled", "Stream", "WholeDocuments", "Windows"]
