"""Bytes → text. An encoding that the file doesn't declare must read as writing, and no other may read as well."""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from pipelines import UserError
from pipelines.decoding.readings import Reading, read, structural_flaws

# UTF-32's little-endian mark begins with UTF-16's, so it is looked for first.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings to try, all of which agree with ASCII. If two read the same, the first gives its name.
_ENCODINGS = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("iso8859-15", "iso8859-2", "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-10"),
    *("iso8859-13", "iso8859-16", "iso8859-3", "koi8-r", "koi8-u"),
    *("cp850", "cp437", "cp852", "cp855", "cp857", "cp862", "cp865", "cp866", "cp737", "cp775"),
    *("mac_roman", "mac_latin2", "mac_cyrillic", "mac_greek", "mac_turkish"),
    *("cp932", "euc_jp", "gb18030", "cp950", "big5hkscs", "cp949", "johab"),
)
_MULTIBYTE = ("cp932", "euc_jp", "gb18030", "cp950", "big5hkscs", "cp949", "johab")
# Encodings that write with ASCII bytes alone, and what shows them.
_ESCAPES = (
    (re.compile(rb"\x1b\$[@B]|\x1b\$\("), "iso2022_jp_2"),
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
    (re.compile(rb"~\{(?:[\x21-\x7e]{2})+~\}"), "hz"),
)
_UTF_7 = re.compile(rb"\+[A-Za-z0-9+/]{3,}(?![A-Za-z0-9+/])")

_HEADER_BYTES = 20_000  # headers of the 1990s, the longest, take 15,000
_START_OF_BOOK = re.compile(rb"\*\*\* ?START OF TH", re.IGNORECASE)
_DECLARATION = re.compile(rb"^character set encoding:[ \t]*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_SAMPLE_BYTES = 16_384  # of lines beyond ASCII, and as much again of others: enough to decide in half a second
# Real files have accidents (a stray mark, a name in another script). A wrong encoding spoils nearly all of them.
_TOLERATED_IN_DECLARED = 0.2
_SPACES = 0.03  # spaces and newlines are at least this share of a text, but for East Asian ones
_REPLACED_AT_MOST = 0.1  # more means that the encoding named by the user is another


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
    mark, UTF-8, `expected` and the encoding that a Project Gutenberg header declares if the bytes agree, and the only
    encoding in which the text has the words of a language.

    b"caf\xc3\xa9" → ("café", "utf-8");  b"caf\xe9" with encoding="cp1252" → ("café", "cp1252")

    Raises:
        UserError: nothing fits, several fit, or it isn't text. The message names the file as `name`, the first byte
            that isn't UTF-8, its place, and the flag to give.
    """
    if encoding:
        return _as_told(data, encoding=encoding, name=name)
    for mark, marked in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _marked(data, encoding=marked, name=name)
    if (nul := data.find(b"\0")) >= 0:
        raise UserError(_nul_message(data, nul, name=name))
    if data.isascii():
        return _ascii(data, name=name)
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        offset = error.start
    _require_no_utf8(data, offset, name=name)
    for declared in (*filter(None, [expected]), *_declared(data)):
        if found := _decoded_as_declared(data, encoding=declared):
            return found
    return _detected(data, offset, name=name)


def _as_told(data: bytes, *, encoding: str, name: str) -> Decoded:
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
    text = data.decode(encoding, "replace").removeprefix("\ufeff")
    replaced = text.count("\ufffd")
    if replaced > _REPLACED_AT_MOST * len(text):
        raise UserError(
            f"{_place(data, offset, name=name)} is not {encoding}, nor are {replaced - 1:,} other bytes: "
            "name the right encoding, such as --text_encoding=cp1252"
        )
    return Decoded(text, known, replaced)


def _marked(data: bytes, *, encoding: str, name: str) -> Decoded:
    """Returns the text of a file whose byte order mark tells the encoding. Raises UserError if it is damaged."""
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError as error:
        mark = 3 if encoding == "utf-8-sig" else 0  # which Python doesn't count
        place, told = _place(data, error.start + mark, name=name), encoding.removesuffix("-sig")
    raise UserError(
        f"{place} is not {told}, although the file begins with its byte order mark: repair the file, or replace such "
        f"bytes by U+FFFD with --text_encoding={told}"
    )


def _nul_message(data: bytes, nul: int, *, name: str) -> str:
    """Returns what to do about a NUL: it is part of UTF-16 or UTF-32, or stray, or this is no text at all."""
    if wide := _wide(data):
        return f"{_called(name)}this looks like {wide} without a byte order mark: give --text_encoding={wide}"
    return (
        f"{_place(data, nul, name=name)} is NUL, so this is not plain text: leave the file out, remove the byte, or "
        "name the encoding, such as --text_encoding=utf-8, which keeps NUL as a character"
    )


def _wide(data: bytes) -> str:
    """Returns "utf-16-le" if a text without a byte order mark looks like that, or its likes; else "".

    The NULs of UTF-16 stand on one side of ASCII characters, among which are all spaces and newlines.
    """
    head = data[: _SAMPLE_BYTES // 4 * 4]
    zeros = [head[place::4].count(b"\0") for place in range(4)]
    for wide, places in ("utf-32-le", zeros[2:]), ("utf-32-be", zeros[:2]):
        if min(places) == len(head) // 4 > 0:
            return wide
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    wide = "utf-16-le" if odd else "utf-16-be"
    text = head.decode(wide, "replace")
    return wide if not (even and odd) and sum(map(str.isspace, text)) > _SPACES * len(text) else ""


def _ascii(data: bytes, *, name: str) -> Decoded:
    """Returns a text of ASCII bytes alone, which may stand for others."""
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
    """Returns whether every "+" of ASCII bytes begins letters or signs of UTF-7."""
    try:
        beyond = [character for character in data.decode("utf-7") if not character.isascii()]
    except UnicodeDecodeError:
        return False
    return bool(beyond) and all(unicodedata.category(character)[0] in "LPSZM" for character in beyond)


def _require_no_utf8(data: bytes, offset: int, *, name: str) -> None:
    """Raises UserError if `data` is damaged UTF-8, or if some of its lines are UTF-8 and others are not.

    An 8-bit text has few sequences that are valid in UTF-8, and hardly a line with three and nothing else.
    """
    replaced = data.decode("utf-8", "replace").count("\ufffd") - data.count("\ufffd".encode())
    valid = len(data.decode("utf-8", "ignore")) - len(data.translate(None, bytes(range(128, 256))))
    if valid >= replaced:
        raise UserError(
            f"{_place(data, offset, name=name)} is not UTF-8, although {valid:,} characters are: repair the file or "
            f"download it again, or replace {replaced:,} such byte{'s' * (replaced != 1)} by U+FFFD with "
            "--text_encoding=utf-8"
        )
    for line in data.splitlines():
        if not line.isascii():
            try:
                whole = line.decode("utf-8")
            except UnicodeDecodeError:
                continue
            if sum(not character.isascii() for character in whole) >= 3:
                raise UserError(_mixed_message(data, offset, name=name))


def _mixed_message(data: bytes, offset: int, *, name: str) -> str:
    return (
        f"{_place(data, offset, name=name)} is not UTF-8, but other parts of the file are: convert it to one encoding, "
        "or force one, such as --text_encoding=cp1252"
    )


def _declared(data: bytes) -> list[str]:
    """Returns Python's name of the encoding in the header's "Character set encoding:" line, if there is one.

    "CP-1251" → ["cp1251"];  "ISO-8859-1" → ["iso8859-1", "cp1252"];  "none" → []
    """
    head = data[:_HEADER_BYTES]
    if start := _START_OF_BOOK.search(head):
        head = head[: start.start()]  # a declaration inside a book is about something else
    if not (found := _DECLARATION.search(head)):
        return []
    words = found.group(1).decode("ascii", "replace").strip().lower()
    spelling = re.sub(r"^(?:codepage |windows[- ]|cp-)(?=\d)", "cp", words)
    try:
        name = codecs.lookup(re.sub(r"^iso[- ]latin", "latin", spelling)).name
    except LookupError:
        return []
    return [name, "cp1252"] if name == "iso8859-1" else [name]  # the same with quotation marks, often confused


def _decoded_as_declared(data: bytes, *, encoding: str) -> Decoded | None:
    """Returns the text in the encoding that the header declares, unless the bytes contradict it."""
    try:
        text = data.decode(encoding)
        flaws = structural_flaws(_sample(data).decode(encoding))
    except (UnicodeDecodeError, LookupError):
        return None
    fits = flaws is not None and flaws <= _TOLERATED_IN_DECLARED
    return Decoded(text, codecs.lookup(encoding).name) if fits else None


def _detected(data: bytes, offset: int, *, name: str) -> Decoded:
    """Returns the text in the one encoding in which it reads as writing. Raises UserError if none or several do."""
    readings = list(_readings(data))
    best = max((reading for reading, _ in readings), default=None, key=lambda reading: reading.score)
    rivals = [(reading, encoding) for reading, encoding in readings if reading.ties(best)] if best else []
    if not rivals:
        raise UserError(
            f"{_place(data, offset, name=name)} is not UTF-8 and no other encoding fits: name the right one, such as "
            "--text_encoding=cp1252"
        )
    likeliest = next(filter(_is_usual, rivals), None) if len(rivals) > 1 else rivals[0]
    if likeliest is None:
        raise UserError(
            f"{_place(data, offset, name=name)} is not UTF-8, and several encodings fit: {_choices(rivals)}"
        )
    encoding = likeliest[1]
    text = data.decode(encoding)
    if encoding not in _MULTIBYTE:
        by_chance = set(data.decode("utf-8", "ignore"))
        if any(not character.isascii() and character in by_chance for character in set(text)):
            raise UserError(_mixed_message(data, offset, name=name))  # é as one byte here and as two there
    return Decoded(text, encoding)


def _is_usual(rival: tuple[Reading, str]) -> bool:
    """Returns whether a reading may be preferred to another as good.

    An English page has few foreign words to tell by, and borrows them from the languages of cp1252. Where marks read as
    punctuation, letters in their place are a coincidence.
    """
    reading, encoding = rival
    return reading.is_punctuated or (encoding == "cp1252" and reading.language == "English")


def _choices(rivals: list[tuple[Reading, str]]) -> str:
    """Returns "give --text_encoding=cp1252 (très) or --text_encoding=cp1250 (trčs)"."""
    shown = rivals[:3]
    columns = zip(*(reading.words for reading, _ in shown), strict=False)
    differing = next((words for words in columns if len(set(words)) > 1), None)
    words = [f" ({word})" for word in differing] if differing else [""] * len(shown)
    flags = [f"--text_encoding={encoding}{word}" for (_, encoding), word in zip(shown, words, strict=True)]
    return f"give {' or '.join(flags)}"


def _readings(data: bytes) -> Iterator[tuple[Reading, str]]:
    """Yields each way to read the file, and the first encoding that reads it so."""
    sample, seen = _sample(data), set()
    for encoding in _ENCODINGS:
        try:
            text = sample.decode(encoding)
            if text in seen:
                continue
            seen.add(text)
            if reading := read(text):
                data.decode(encoding)
                yield reading, encoding
        except UnicodeDecodeError:
            continue


def _sample(data: bytes) -> bytes:
    """Returns lines beyond ASCII, and as many others, which tell the language."""
    beyond: list[bytes] = []
    plain: list[bytes] = []
    sizes = [0, 0]
    for line in data.split(b"\n"):
        kind = line.isascii()
        if sizes[kind] < _SAMPLE_BYTES:
            (plain if kind else beyond).append(line)
            sizes[kind] += len(line)
        elif min(sizes) >= _SAMPLE_BYTES:
            break
    return b"\n".join(beyond + plain)


def _place(data: bytes, offset: int, *, name: str) -> str:
    """Returns "lamp.txt: line 3, byte 70 (0xe9)". Bytes are counted from 0, as a hex viewer does."""
    line = data.count(b"\n", 0, offset) + 1
    return f"{_called(name)}line {line}, byte {offset} (0x{data[offset]:02x})"


def _called(name: str) -> str:
    return f"{name}: " if name else ""
