"""Ids on disk → batches for training: windows of a text, or whole documents with their labels."""

from pipelines.batches.whole_documents import WholeDocuments
from pipelines.batches.windows import Batching, id_windows, training_batch, training_batches

__all__ = ["Batching", "WholeDocuments", "id_windows", "training_batch", "training_batches"]
