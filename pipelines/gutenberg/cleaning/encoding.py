"""Bytes of a book → text. The encoding that a header declares is used only if the bytes agree with it."""

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress

from pipelines import UserError

# UTF-32's little-endian mark begins with UTF-16's, so it is looked for first.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEADER_BYTES = 20_000  # headers of the 1990s, the longest, take 15,000
_START_OF_BOOK = re.compile(rb"\*\*\* ?START OF TH", re.IGNORECASE)
_DECLARATION = re.compile(rb"^character set encoding:[ \t]*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_SAMPLE_BYTES = 65_536  # of lines that aren't ASCII: enough to decide, and 0.1 s of detection
_LATIN_NAMES = ("iso8859-1", "cp1252")

_FOREIGN = re.compile(r"[^\W\d_a-zA-Z]")  # a letter that ASCII lacks
# What a wrong 8-bit encoding makes of words, with an example for each:
_ABSURD = re.compile(
    "[\x80-\x9f]"  # Latin-1 has controls where cp1252 has “ and ”
    "|[A-Za-zÀ-ɏ][Ͱ-ӿ]|[Ͱ-ӿ][A-Za-zÀ-ɏ]"  # French as cp1251: йtй
    "|(?<=[a-zà-ÿ])[¡-¿×÷‚ƒ„†‡ˆ‰‹›À-ÞŠŽŸŒ](?=[a-zà-ÿ])"  # Polish or cp850 as cp1252: w³asny, caf‚s
)
_RUN = re.compile(r"[^\W\d_a-zA-Z]{3,}")  # Russian as cp1252: Ïðèâåò


def decode(data: bytes, *, encoding: str | None = None, name: str = "") -> tuple[str, str]:
    r"""Returns the text of `data` without byte order mark, and the name of the encoding that fits.

    If `encoding` is given, only that is tried. Otherwise, in this order: a byte order mark, UTF-8, the encoding that a
    Project Gutenberg header declares, cp1252, and what charset_normalizer detects. The last three must give letters
    that look like writing.

    b"caf\xc3\xa9" → ("café", "utf-8");  b"caf\xe9" with encoding="cp1252" → ("café", "cp1252")

    Raises:
        UserError: nothing fits, or NUL bytes show that this isn't text. The message calls the file `name`.
    """
    if encoding:
        return _decode_as_told(data, encoding=encoding, name=name)
    for mark, marked in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_as_told(data, encoding=marked, name=name)
    if (nul := data.find(b"\0")) >= 0:
        raise UserError(
            f"{_called(name)}byte {nul} is NUL, so this is not plain text: leave the file out, "
            "or name its encoding, such as --text_encoding=utf-16-le"
        )
    if data.isascii():
        return data.decode("ascii"), "ascii"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        offset = error.start
    sample = _lines_beyond_ascii(data)
    if _is_damaged_utf8(sample):
        raise UserError(
            f"{_called(name)}byte {offset} (0x{data[offset]:02x}) is not UTF-8, although the rest is: "
            "repair the file or download it again, or force an encoding, such as --text_encoding=cp1252"
        )
    for candidate in _candidates(data, sample=sample):
        if _looks_written(sample, encoding=candidate):
            with suppress(UnicodeDecodeError):
                return data.decode(candidate), candidate
    raise UserError(
        f"{_called(name)}byte {offset} (0x{data[offset]:02x}) is not UTF-8 and no other encoding fits: "
        "name the right one, such as --text_encoding=cp1252"
    )


def _decode_as_told(data: bytes, *, encoding: str, name: str) -> tuple[str, str]:
    """Returns the text and the encoding. Raises UserError if there is no such encoding or it doesn't fit."""
    try:
        return data.decode(encoding).removeprefix("\ufeff"), codecs.lookup(encoding).name
    except LookupError:
        raise UserError(
            f"--text_encoding={encoding}: Python doesn't know this encoding; try utf-8, cp1252 or latin-1"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{_called(name)}byte {error.start} (0x{data[error.start]:02x}) is not {encoding}: "
            "name the right encoding, such as --text_encoding=cp1252"
        ) from None


def _lines_beyond_ascii(data: bytes) -> bytes:
    """Returns the lines that aren't ASCII, or a sample of them if they are many."""
    lines, size = [], 0
    for line in data.splitlines():
        if not line.isascii():
            lines.append(line)
            size += len(line)
            if size > _SAMPLE_BYTES:
                break
    return b"\n".join(lines)


def _is_damaged_utf8(sample: bytes) -> bool:
    """Returns whether `sample` is UTF-8 with some damage: an 8-bit encoding would spoil all the rest."""
    text = sample.decode("utf-8", "replace")
    return text.count("\ufffd") * 5 < len(_FOREIGN.findall(text))


def _candidates(data: bytes, *, sample: bytes) -> Iterator[str]:
    """Yields encodings to try, likeliest first. Detection is slow, so it runs only if the others don't fit."""
    yield from _declared(data)
    # Before detection, which took an English book with a dozen accents for a Baltic one (cp775).
    yield "cp1252"
    yield from _detected(sample)


def _called(name: str) -> str:
    return f"{name}: " if name else ""


def _declared(data: bytes) -> list[str]:
    """Returns Python's name of the encoding in the header's "Character set encoding:" line, if there is one.

    "CP-1251" → ["cp1251"];  "ISO-8859-1" → ["iso8859-1"];  "none" → []
    """
    head = data[:_HEADER_BYTES]
    if start := _START_OF_BOOK.search(head):
        head = head[: start.start()]  # a declaration inside a book is about something else
    if not (found := _DECLARATION.search(head)):
        return []
    words = found.group(1).decode("ascii", "replace").strip().lower()
    spelling = re.sub(r"^(?:codepage |windows[- ]|cp-)(?=\d)", "cp", words)
    try:
        return [codecs.lookup(re.sub(r"^iso[- ]latin", "latin", spelling)).name]
    except LookupError:
        return []


def _detected(sample: bytes) -> list[str]:
    """Returns the encodings that charset_normalizer detects, best first."""
    import charset_normalizer  # slow to import, and seldom needed

    return [codecs.lookup(match.encoding).name for match in charset_normalizer.from_bytes(sample)]


def _looks_written(sample: bytes, *, encoding: str) -> bool:
    """Returns whether `sample` decodes, and its letters look like words.

    Real files have accidents (a stray mark, a name in another script), so an encoding is rejected only if a fifth of
    the letters outside ASCII contradict it. A wrong encoding spoils nearly all of them.
    """
    try:
        text = sample.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    absurd = len(_ABSURD.findall(text))
    if encoding in _LATIN_NAMES:  # no language written in Latin-1 puts three accented letters together
        absurd += sum(map(len, _RUN.findall(text)))
    return absurd * 5 <= len(_FOREIGN.findall(text))
