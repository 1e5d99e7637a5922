"""8-bit and East Asian bytes → text, in the encoding that the header declares, or the only one that makes sense."""

import codecs
import re
from collections.abc import Iterator
from typing import AnyStr

from pipelines import UserError
from pipelines.decoding.readings import Reading, read, structural_flaws

# Encodings to try, all of which agree with ASCII. If two read the same, the first gives its name.
SINGLE_BYTE = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("iso8859-15", "iso8859-2", "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8", "iso8859-10"),
    *("iso8859-13", "iso8859-16", "iso8859-3", "koi8-r", "koi8-u"),
    *("cp850", "cp437", "cp852", "cp855", "cp857", "cp862", "cp865", "cp866", "cp737", "cp775"),
    *("mac_roman", "mac_latin2", "mac_cyrillic", "mac_greek", "mac_turkish"),
)
MULTIBYTE = ("cp932", "euc_jp", "gb18030", "cp950", "big5hkscs", "cp949", "johab")

_HEADER_BYTES = 20_000  # headers of the 1990s, the longest, take 15,000
_START_OF_BOOK = re.compile(rb"\*\*\* ?START OF TH", re.IGNORECASE)
_DECLARATION = re.compile(rb"^character set encoding:[ \t]*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_SAMPLE_SIZE = 16_384  # of lines beyond ASCII, and as much again of others: enough to decide in half a second
# Real files have accidents (a stray mark, a name in another script). A wrong encoding spoils nearly all of them.
_TOLERATED_IN_DECLARED = 0.2


def detect(data: bytes, *, expected: str, place: str) -> tuple[str, str]:
    """Returns the text of bytes that aren't UTF-8, and the encoding that fits: `expected` is tried first, if given.

    Raises:
        UserError: nothing fits, several fit, or some of it is UTF-8.
    """
    _require_no_utf8(data, place)
    for declared in (*filter(None, [expected]), *_declared(data)):
        if (text := decoded_as_declared(data, encoding=declared)) is not None:
            return text, codecs.lookup(declared).name
    return _detected(data, place)


def _require_no_utf8(data: bytes, place: str) -> None:
    """Raises UserError if `data` is damaged UTF-8, or if some of its lines are UTF-8 and others are not.

    An 8-bit text has few sequences that are valid in UTF-8, and hardly a line with three and nothing else.
    """
    replaced = count_replaced(data, "utf-8")
    valid = len(data.decode("utf-8", "ignore")) - len(data.translate(None, bytes(range(128, 256))))
    if valid >= replaced:
        raise UserError(
            f"{place} is not UTF-8, although {valid:,} characters are: repair the file or "
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
                raise UserError(_mixed_message(place))


def count_replaced(data: bytes, encoding: str) -> int:
    """Returns how many U+FFFD stand for bytes that an encoding lacks, when they are replaced."""
    return data.decode(encoding, "replace").count("\ufffd") - data.decode(encoding, "ignore").count("\ufffd")


def _mixed_message(place: str) -> str:
    return (
        f"{place} is not UTF-8, but other parts of the file are: convert it to one encoding, or force one, such as "
        "--text_encoding=cp1252"
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


def decoded_as_declared(data: bytes, *, encoding: str) -> str | None:
    """Returns the text in an encoding that was declared, or None if the bytes contradict it."""
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    flaws = structural_flaws(_sample(text, newline="\n"))
    return text if flaws is not None and flaws <= _TOLERATED_IN_DECLARED else None


def _detected(data: bytes, place: str) -> tuple[str, str]:
    """Returns the text in the only encoding in which it makes sense. Raises UserError if there are none or several."""
    readings = list(_readings(data))
    if not readings:
        raise UserError(
            f"{place} is not UTF-8 and no other encoding fits: name the right one, such as --text_encoding=cp1252"
        )
    best = max(reading.score for reading, _ in readings)
    rivals = [(reading, encoding) for reading, encoding in readings if reading.score == best]
    likeliest = next(filter(_is_usual, rivals), None) if len(rivals) > 1 else rivals[0]
    if likeliest is None:
        raise UserError(f"{place} is not UTF-8, and several encodings fit: {_choices(rivals)}")
    encoding = likeliest[1]
    text = data.decode(encoding)
    if encoding in SINGLE_BYTE:
        by_chance = set(data.decode("utf-8", "ignore"))
        if any(not character.isascii() and character in by_chance for character in set(text)):
            raise UserError(_mixed_message(place))  # é as one byte here and as two there
    doubts = [(other, name) for other, name in readings if other is not likeliest[0] and other.doubts(likeliest[0])]
    if doubts and not likeliest[0].is_punctuated:
        raise UserError(f"{place} is not UTF-8, and several encodings fit: {_choices([likeliest, *doubts])}")
    return text, encoding


def _is_usual(rival: tuple[Reading, str]) -> bool:
    """Returns whether a reading may be preferred to one with the same score.

    An English page has only a few foreign words as evidence, from the languages of cp1252. If marks make sense as
    punctuation, that letters in their place do so too is a coincidence.
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
    """Yields each way to read the file, and the first encoding that gives it."""
    sample, seen = _sample(data, newline=b"\n"), set()
    for encoding in SINGLE_BYTE + MULTIBYTE:
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


def _sample(data: AnyStr, *, newline: AnyStr) -> AnyStr:
    """Returns lines beyond ASCII, and as many others, which show the language."""
    beyond: list[AnyStr] = []
    plain: list[AnyStr] = []
    sizes = [0, 0]
    for line in data.split(newline):
        kind = line.isascii()
        if sizes[kind] < _SAMPLE_SIZE:
            (plain if kind else beyond).append(line)
            sizes[kind] += len(line)
        elif min(sizes) >= _SAMPLE_SIZE:
            break
    return newline.join(beyond + plain)
