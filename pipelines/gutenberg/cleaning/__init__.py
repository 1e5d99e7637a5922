"""Bytes of a Project Gutenberg file → the text of the book alone."""

from pipelines.gutenberg.cleaning.cleaner import Cleaned, clean
from pipelines.gutenberg.cleaning.encoding import decode

__all__ = ["Cleaned", "clean", "decode"]
