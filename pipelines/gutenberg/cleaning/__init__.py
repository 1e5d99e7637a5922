"""Text of a Project Gutenberg file → the text of the book alone."""

from pipelines.gutenberg.cleaning.cleaner import Cleaned, clean

__all__ = ["Cleaned", "clean"]
