"""Large files of plain UTF-8, read a piece at a time, so that memory doesn't grow with a file."""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from pipelines.decoding import is_html
from pipelines.sources.documents import Document
from pipelines.sources.reading import Reader

LARGE = 1 << 24  # bytes; smaller files are read as a whole
PIECE = 1 << 20  # bytes read at a time
_OVERLAP = 64  # bytes of a piece that are searched again with the next; longer than any match
# What texts from Project Gutenberg contain. In other texts, the cleaner changes only line ends and accents.
TRACES = re.compile(rb"utenberg|\[illustra|\[picture|transcri|e-?text", re.IGNORECASE)
# Signs of other encodings than ASCII and UTF-8 (NUL, and escape sequences), and line ends that were converted twice.
_NOT_PLAIN = re.compile(rb"[\x00\x1b]|~\{|\+[A-Za-z0-9+/]{3}|\r\r\n")
_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def found_in(path: Path, pattern: re.Pattern[bytes]) -> bool:
    """Returns whether a file contains a pattern of at most 64 bytes."""
    before = b""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            if pattern.search(before + piece):
                return True
            before = piece[-_OVERLAP:]
    return False


def is_plain(path: Path, reader: Reader) -> bool:
    """Returns whether a file can be read in pieces: it is certainly ASCII or UTF-8, and there is nothing to clean."""
    if reader.encoding.lower().replace("_", "-") not in ("", "utf-8", "utf8"):
        return False
    if found_in(path, _NOT_PLAIN) or (reader.clean and found_in(path, TRACES)):
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        head = file.read(PIECE)
        if head.startswith(_BYTE_ORDER_MARKS) or (reader.clean and is_html(head.decode("utf-8", "ignore"))):
            return False
        try:
            decoder.decode(head)
            while piece := file.read(PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def pieces(path: Path, reader: Reader) -> Iterator[Document]:
    """Yields the text of a file for which `is_plain` holds, cut where lines end."""
    with path.open(encoding="utf-8", newline=None) as file:
        while lines := file.readlines(PIECE):
            text = "".join(lines)
            yield Document(unicodedata.normalize("NFC", text) if reader.clean else text, "utf-8")
