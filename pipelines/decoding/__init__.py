"""Bytes → text: the encoding of a file."""

from pipelines.decoding.decode import Decoded, decode

__all__ = ["Decoded", "decode"]
