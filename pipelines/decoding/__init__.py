"""Bytes → text: the encoding of a file."""

from pipelines.decoding.decode import Decoded, decode, is_html

__all__ = ["Decoded", "decode", "is_html"]
