"""Text of a Project Gutenberg file → the text of the book alone."""

from pipelines.gutenberg.cleaning.cleaner import VERSION, Cleaned, clean

__all__ = ["VERSION", "Cleaned", "clean"]
