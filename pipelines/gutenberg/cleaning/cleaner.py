"""Text of a Project Gutenberg file → the book alone, without markers, licences, credits, notes and pictures."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipelines.gutenberg.cleaning import boilerplate, brackets, judging
from pipelines.gutenberg.cleaning.spans import Span, match_end, remove

VERSION = 6  # raise it when the cleaner removes other text, so that texts are encoded again
# The guard. Editions with long lists of corrections lose at most 5 % to a rule (pg47629: 2 %). A rule that would
# remove more than this share is wrong about the text, so it is left out.
LARGEST_SHARE = 0.25
# What stands between both markers is the book, even a haiku. Where only one end is certain, less than this share of
# the file can't be a book: a short poem in front of the licence is 3 %.
SMALLEST_REST = 0.01
LONGEST_REMARK = 3_000  # characters that a rule may remove from a text however short
_BLANKS = " \t*\x1a\u3000\ufeff"  # and ^Z, which ended files in CP/M, and the wide space of Japanese
_EMPTY_LINES = re.compile(rf"(?:[{_BLANKS}]*\n)*")


Change = tuple[str, str]  # the rule, and the text that it removed, if any


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """A cleaned text and what was done to it.

    Attributes:
        text: what is left.
        rules: names of the rules that changed something, in order; "guard:RULE" for a rule that would have removed too
            much and was left out.
        dropped: characters removed, not counting newlines and accents.
        removed: (rule, text) of each piece that was removed, in the order in which the rules fired.
    """

    text: str
    rules: tuple[str, ...] = ()
    dropped: int = 0
    removed: tuple[tuple[str, str], ...] = ()

    @property
    def kept(self) -> int:
        """Characters of `text`."""
        return len(self.text)


def clean(text: str) -> Cleaned:
    """Returns `text` without what Project Gutenberg and its volunteers put around and into the book.

    "The Project Gutenberg eBook of X…*** START OF…***\\r\\nCHAPTER I\\r\\n…*** END OF…" → "CHAPTER I\\n…"
    """
    changes: list[Change] = []
    text = boilerplate.with_own_lines(normalized(text, changes))
    books = [_clean_book(book, changes) for book in boilerplate.split_books(text)]
    cleaned = books[0] if len(books) == 1 else "\n\n\n".join(book.strip("\n") for book in books) + "\n"
    return Cleaned(
        text=cleaned,
        rules=tuple(dict.fromkeys(rule for rule, _ in changes)),
        dropped=len(text) - len(cleaned),
        removed=tuple((rule, piece) for rule, piece in changes if piece),
    )


def normalized(text: str, changes: list[Change]) -> str:
    """Returns `text` with newlines as "\\n" and in NFC: "e\\u0301\\r\\n" → "é\\n"."""
    if "\r" in text:
        changes.append(("newlines", ""))
        # Two carriage returns before a newline come from converting it twice.
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    if not unicodedata.is_normalized("NFC", text):
        changes.append(("nfc", ""))
        text = unicodedata.normalize("NFC", text)
    return text


def _clean_book(book: str, changes: list[Change]) -> str:
    """Returns one book without its boilerplate, and appends what each rule removed to `changes`."""
    text = _inside(book, changes)
    known = text is not book
    named = known or judging.names_the_project(text)
    steps: tuple[tuple[str, Callable[[str], Iterable[Span]]], ...] = (
        ("licences", brackets.licences),
        ("illustrations", brackets.pictures if named else lambda text: ()),
        ("notes", brackets.titled_notes),
        ("notes", lambda text: judging.judged(text, known=known)),
    )
    for rule, find in steps:
        spans = list(find(text))
        if not spans:
            continue
        shorter = remove(text, spans)
        allowed = max(LARGEST_SHARE * len(text), LONGEST_REMARK)
        if len(text) - len(shorter) > allowed or not shorter.strip():
            changes.append((f"guard:{rule}", ""))
        else:
            changes += [(rule, text[start:end]) for start, end in spans]
            text = shorter
    return text if text is book else _trimmed(text)


def _inside(book: str, changes: list[Change]) -> str:
    """Returns the text between header and footer, or all of `book` if that would be too little."""
    start, header = boilerplate.header_end(book)
    end, footer = boilerplate.footer_start(book[start:])
    inside = book[start : start + end]
    fired = [(rule, piece) for rule, piece in ((header, book[:start]), (footer, book[start + end :])) if rule]
    smallest = 0 if (header, footer) == ("start_marker", "end_marker") else SMALLEST_REST * len(book)
    if len(inside) < len(book) and not len(inside.strip()) > smallest:
        changes += [(f"guard:{rule}", "") for rule, _ in fired]
        return book
    changes += fired
    return inside if len(inside) < len(book) else book


def _trimmed(text: str) -> str:
    """Returns `text` without blank lines and lines of asterisks at its ends.

    "\\n* * *\\nI.\\n\\n" → "I.\\n"
    """
    start, end = match_end(_EMPTY_LINES, text, 0), len(text)
    while end > start and not text[(line := text.rfind("\n", start, end) + 1 or start) : end].strip(_BLANKS):
        end = line - 1
    return text[start:end] + "\n"
