"""What the header of a Project Gutenberg file says about the book: title, author, language, date."""

import re
from datetime import datetime

from pipelines.gutenberg.catalogue import Book
from pipelines.gutenberg.cleaning.boilerplate import LONGEST_SMALL_PRINT, header_end

# "Title: X", and further lines of X, which are indented
_FIELD = re.compile(
    r"^(title|author|language|release date|posting date):[ \t]*(.*(?:\n[ \t]+\S.*)*)", re.IGNORECASE | re.MULTILINE
)
_FIRST_LINE = re.compile(
    r"project gutenberg(?:'s)? e-?(?:text|book),?(?: of)? (?P<title>.{1,100}?),? (?:by|von) (?:by )?"
    r"(?P<author>.{1,80}?)\**$",
    re.IGNORECASE | re.MULTILINE,
)
_DATE = re.compile(r"(?P<month>[A-Z][a-z]+)(?: (?P<day>\d{1,2}))?,? ?(?P<year>\d{4})")
_OLD_DATE = re.compile(_DATE.pattern + r"\s+\[e-?(?:text|book) ?#", re.IGNORECASE)

# Headers spell languages out; the catalogue has ISO 639 codes.
_CODES = {
    "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en", "esperanto": "eo",
    "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hungarian": "hu", "italian": "it",
    "japanese": "ja", "latin": "la", "norwegian": "no", "polish": "pl", "portuguese": "pt", "russian": "ru",
    "spanish": "es", "swedish": "sv", "tagalog": "tl", "welsh": "cy",
}  # fmt: skip


def read_header(text: str, *, number: int) -> Book:
    """Returns what the header of `text` says. Fields that it doesn't have are empty.

    "Title: The Lamp\\n  Or, a Light\\nAuthor: Ada Quill\\nLanguage: English\\nRelease Date: May 1, 2004" →
    Book(id=…, title="The Lamp Or, a Light", author="Ada Quill", language="en", release_date="2004-05-01")
    """
    text = text[: 2 * LONGEST_SMALL_PRINT].replace("\r\n", "\n")
    end, rule = header_end(text)
    head = text[: end if rule else LONGEST_SMALL_PRINT]
    fields = {name.lower(): re.split(r"\s*\n\s*", value.strip()) for name, value in _FIELD.findall(head)}
    first, languages = _FIRST_LINE.search(head, 0, 500), re.split(r"[,;] *| and ", fields.get("language", [""])[0])
    return Book(
        id=number,
        title=" ".join(fields.get("title", ())) or (first["title"].strip("\"' ") if first else ""),
        author="; ".join(fields.get("author", ())) or (first["author"].strip() if first else ""),
        language="; ".join(_CODES.get(name.lower(), name) for name in languages if name),  # codes, if there are any
        release_date=_date((fields.get("release date") or fields.get("posting date") or [""])[0], head),
    )


def _date(written: str, head: str) -> str:
    """Returns the day, or the month if there is no day: "July 1, 1998" → "1998-07-01", "June, 1998" → "1998-06".

    Headers of the 1990s have no "Release Date:" but "June, 1998  [Etext #1342]".
    """
    found = _DATE.search(written) if written else _OLD_DATE.search(head)
    if not found:
        return ""
    try:
        month = datetime.strptime(found["month"][:3], "%b").month
    except ValueError:
        return ""
    day = f"-{int(found['day']):02}" if found["day"] else ""
    return f"{found['year']}-{month:02}{day}"
