"""A text as ids on disk, split into training, validation and test."""

from pipelines.corpus.documents import DocumentGroup, DocumentRange
from pipelines.corpus.id_range import IdRange
from pipelines.corpus.preparing import prepare
from pipelines.corpus.shuffling import ShuffledDocuments
from pipelines.corpus.stored import SPLITS, Corpus

__all__ = ["SPLITS", "Corpus", "DocumentGroup", "DocumentRange", "IdRange", "ShuffledDocuments", "prepare"]
