"""Text → ids: the tokens that a model knows, and the labels of its documents."""

from pipelines.vocabulary.framing import Framing
from pipelines.vocabulary.vocabulary import END, START, UNICODE_SIZE, UNKNOWN, Vocabulary, code_points

__all__ = ["END", "START", "UNICODE_SIZE", "UNKNOWN", "Framing", "Vocabulary", "code_points"]
