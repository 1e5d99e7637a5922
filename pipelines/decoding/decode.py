"""Bytes → text, in the encoding that the user or a byte order mark gives, in UTF-8, or in a detected one."""

import codecs
import re
import unicodedata
from typing import NamedTuple

from pipelines import UserError
from pipelines.decoding.detection import count_replaced, decoded_as_declared, detect

# UTF-32's little-endian mark begins with UTF-16's, so it is looked for first.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings that use only ASCII bytes, and their escape sequences.
_ESCAPES = (
    (re.compile(rb"\x1b\$[@B]|\x1b\$\("), "iso2022_jp_2"),
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
    (re.compile(rb"~\{(?:[\x21-\x7e]{2})+~\}"), "hz"),
)
_UTF_7 = re.compile(rb"\+[A-Za-z0-9+/]{3,}(?![A-Za-z0-9+/])")
_HEAD_BYTES = 16_384  # enough to recognize UTF-16
_SPACES = 0.03  # spaces and newlines are at least this share of a text, except in East Asian languages
_REPLACED_AT_MOST = 0.1  # more means that the user named the wrong encoding
_FIRST_TAG = re.compile(
    r"\ufeff?(?:\s|<!--.*?-->|<\?xml[^>]*>)*<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)


class Decoded(NamedTuple):
    """A text and how it was read.

    Attributes:
        text: without byte order mark.
        encoding: Python's name of the encoding.
        replaced: bytes that the encoding given by the user lacks, each now U+FFFD.
    """

    text: str
    encoding: str
    replaced: int = 0


def decode(data: bytes, *, encoding: str | None = None, expected: str = "", name: str = "") -> Decoded:
    r"""Returns the text of `data` and the encoding that fits.

    If `encoding` is given, that is used, and bytes that it lacks become U+FFFD. Otherwise, in this order: a byte order
    mark, UTF-8, `expected` or the encoding that a Project Gutenberg header declares if the bytes agree, and the only
    encoding in which the text has the words of a language.

    b"caf\xc3\xa9" → ("café", "utf-8");  b"caf\xe9" with encoding="cp1252" → ("café", "cp1252")

    Raises:
        UserError: nothing fits, several fit, or it isn't text. The message names the file as `name`, the first byte
            that isn't UTF-8, its place, and the flag to give.
    """
    if encoding:
        return _as_given(data, encoding=encoding, name=name)
    for mark, marked in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _marked(data, encoding=marked, name=name)
    if (nul := data.find(b"\0")) >= 0:
        if expected and (text := decoded_as_declared(data, encoding=expected)) is not None:  # UTF-16 and the like
            return Decoded(text, codecs.lookup(expected).name)
        raise UserError(_nul_message(data, nul, name=name))
    if data.isascii():
        return _ascii(data, name=name)
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        offset = error.start
    if expected.lower().replace("_", "-") in ("utf-8", "utf8"):
        return _as_given(data, encoding=expected, name=name)  # the model's text was damaged too
    return Decoded(*detect(data, expected=expected, place=_place(data, offset, name=name)))


def _as_given(data: bytes, *, encoding: str, name: str) -> Decoded:
    """Returns the text in the encoding that the user named.

    Raises:
        UserError: there is no such encoding, or it lacks many of the bytes.
    """
    try:
        known = codecs.lookup(encoding).name
        return Decoded(data.decode(encoding).removeprefix("\ufeff"), known)
    except LookupError:
        raise UserError(
            f"--text_encoding={encoding}: Python doesn't know this encoding; try utf-8, cp1252 or latin-1"
        ) from None
    except UnicodeDecodeError as error:
        offset = error.start
    text, replaced = data.decode(encoding, "replace").removeprefix("\ufeff"), count_replaced(data, encoding)
    if replaced > _REPLACED_AT_MOST * len(text):
        raise UserError(
            f"{_place(data, offset, name=name)} is not {encoding}, nor are {replaced - 1:,} other bytes: "
            "name the right encoding, such as --text_encoding=cp1252"
        )
    return Decoded(text, known, replaced)


def _marked(data: bytes, *, encoding: str, name: str) -> Decoded:
    """Returns the text of a file whose byte order mark gives the encoding. Raises UserError if it is damaged."""
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        mark = 3 if encoding == "utf-8-sig" else 0  # bytes that Python doesn't count
        place, given = _place(data, error.start + mark, name=name), encoding.removesuffix("-sig")
    raise UserError(
        f"{place} is not {given}, although the file begins with its byte order mark: repair the file, or replace such "
        f"bytes by U+FFFD with --text_encoding={given}"
    )


def _nul_message(data: bytes, nul: int, *, name: str) -> str:
    """Returns the message about a NUL: it is part of UTF-16 or UTF-32, or stray, or this isn't text."""
    if wide := _wide(data):
        return f"{_called(name)}this looks like {wide} without a byte order mark: give --text_encoding={wide}"
    return (
        f"{_place(data, nul, name=name)} is NUL, so this is not plain text: leave the file out, remove the byte, or "
        "name the encoding, such as --text_encoding=utf-8, which keeps NUL as a character"
    )


def _wide(data: bytes) -> str:
    """Returns the kind of UTF-16 or UTF-32 that a text without a byte order mark looks like, or "".

    In UTF-16, a NUL is on one side of each ASCII character, and so of all spaces and newlines.
    """
    head = data[:_HEAD_BYTES]
    zeros = [head[place::4].count(b"\0") for place in range(4)]
    for wide, places in ("utf-32-le", zeros[2:]), ("utf-32-be", zeros[:2]):
        if min(places) == len(head) // 4 > 0:
            return wide
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    wide = "utf-16-le" if odd else "utf-16-be"
    text = head.decode(wide, "replace")
    return wide if not (even and odd) and sum(map(str.isspace, text)) > _SPACES * len(text) else ""


def _ascii(data: bytes, *, name: str) -> Decoded:
    """Returns a text of ASCII bytes, some of which may be escape sequences."""
    for shown, encoding in _ESCAPES:
        if shown.search(data):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            if "\x1b" not in text:
                return Decoded(text, encoding)
    if (escape := data.find(b"\x1b")) >= 0 and data[escape + 1 : escape + 2] in (b"$", b"("):
        raise UserError(
            f"{_place(data, escape, name=name)} begins an escape sequence of ISO 2022 that doesn't fit: name the "
            "encoding, such as --text_encoding=iso2022_jp, or keep the characters with --text_encoding=ascii"
        )
    text = data.decode("ascii")
    if (sequence := _UTF_7.search(data)) and _is_utf7(data):
        raise UserError(
            f"{_place(data, sequence.start(), name=name)} begins what may be UTF-7: give --text_encoding=utf-7, or "
            "--text_encoding=ascii to keep the characters"
        )
    return Decoded(text, "ascii")


def _is_utf7(data: bytes) -> bool:
    """Returns whether every "+" begins a letter or sign of UTF-7."""
    try:
        beyond = [character for character in data.decode("utf-7") if not character.isascii()]
    except UnicodeDecodeError:
        return False
    return bool(beyond) and all(unicodedata.category(character)[0] in "LPSZM" for character in beyond)


def _place(data: bytes, offset: int, *, name: str) -> str:
    """Returns "lamp.txt: line 3, byte 70 (0xe9)". Bytes are counted from 0, as a hex viewer does."""
    line = data.count(b"\n", 0, offset) + 1
    return f"{_called(name)}line {line}, byte {offset} (0x{data[offset]:02x})"


def _called(name: str) -> str:
    return f"{name}: " if name else ""


def is_html(text: str) -> bool:
    """Returns whether the first tag after comments is that of a page: "<!-- x --><html>", which a fragment lacks."""
    return bool(_FIRST_TAG.match(text))
