"""Where Project Gutenberg's own words around a book end and begin: header, licence, small print."""

from __future__ import annotations

import re
from collections.abc import Iterator

# The longest header seen has 15,000 characters (1990s, small print in front), the longest licence
# 19,500. A cut beyond this takes part of a book with it and isn't made.
LONGEST_EDGE = 50_000

_STARS = r"[ \t]*\*{3}[ \t]?"
_OF_GUTENBERG = r" OF (?:THE|THIS)(?: COPYRIGHTED)? PROJECT GUTENBERG\b"
_START_LINE = re.compile(_STARS + "START" + _OF_GUTENBERG, re.IGNORECASE)
_END_LINE = re.compile(_STARS + "END" + _OF_GUTENBERG, re.IGNORECASE)
# A long title wraps: the asterisks that close the marker stand up to three lines below.
_WRAPPED = re.compile(r"[^\n]*?(?:\n[^\n]+?){0,3}?\*{3}[ \t]*(?=\n|\Z)")
_LINE = re.compile(r"[^\n]*")

_SMALL_PRINT_BEGINS = re.compile(
    r"^[ \t]*\*+[ \t]*(?:START\W+THE )?SMALL PRINT!.*", re.IGNORECASE | re.MULTILINE
)
_SMALL_PRINT_ENDS = re.compile(
    r"^[ \t]*\*+END\W+THE SMALL PRINT!.*|^\[\"Small Print\" V\..*", re.IGNORECASE | re.MULTILINE
)

_FIRST_WORDS = re.compile(r"project gutenberg.{0,3}\s+(?:e-?text|e-?book)|e-?text file presented by", re.I)
_HEADER_PARAGRAPH = re.compile(
    r"project gutenberg|e-?texts?\b|e-?books?\b|copyright laws are changing|of volunteers|your donations"
    r"|we encourage you to keep this|do not (?:remove|change) (?:this|it)"
    r"|^(?:title|author|translator|editor|illustrator|language|release date|posting date|last updated"
    r"|credits|edition|character set encoding):",
    re.IGNORECASE | re.MULTILINE,
)
_PATIENCE = 3  # paragraphs of a header in a row that name none of these, such as a postal address
_PARAGRAPH = re.compile(r"[^\n]*\S[^\n]*(?:\n[^\n]*\S[^\n]*)*")

_LAST_WORDS = (
    r"^\W*(?:end of (?:(?:the|this) )?(?:project gutenberg|e-?text|e-?book)"
    r"|ende (?:dieses|des|von) pro[jz]e[ck]t gutenberg|fin (?:de|du) (?:ce )?(?:projet|project) gutenberg)"
)
_BOOK_ENDS = re.compile(_LAST_WORDS, re.IGNORECASE | re.MULTILINE)
_FOOTER_BEGINS = re.compile(
    _LAST_WORDS + r"|^\W*(?:start: full license|the full project gutenberg(?:-tm|™)? license"
    r"|updated editions will replace the previous one|this electronic version of|content note \(added in)",
    re.IGNORECASE | re.MULTILINE,
)
_LICENCE = re.compile(r"gutenberg|e-?text|e-?book", re.IGNORECASE)
_SHORT_REST = 1_500  # characters after a closing line that need not be the licence


def split_books(text: str) -> list[str]:
    """Returns one string for each Project Gutenberg file that was put together in `text`.

    "header START a END licence header START b END" → ["header START a END", " licence header START b END"]
    """
    starts = list(_marker_lines(text, "START OF TH", _START_LINE))
    ends = list(_marker_lines(text, "END OF TH", _END_LINE))
    cuts = [end for _, end in ends if any(end < start for start, _ in starts)]
    return [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def header_end(text: str) -> tuple[int, str]:
    """Returns where the book begins, and the name of what ended the header ("" without one).

    "…Language: English\\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\\nChapter" → (…, "start_marker")
    """
    head = text[:LONGEST_EDGE]
    for _, end in _marker_lines(head, "START OF TH", _START_LINE):
        return end, "start_marker"
    if found := _small_print_in_front(text):
        return found, "small_print"
    if found := _end_of_header_paragraphs(head):
        return found, "header_paragraphs"
    return 0, ""


def footer_start(text: str) -> tuple[int, str]:
    """Returns where what follows the book begins, and the name of what began it ("" without any).

    "…the end.\\n\\nEnd of Project Gutenberg's X, by Y\\n\\n*** END OF THIS…" → (…, "end_marker")
    """
    offset = max(0, len(text) - LONGEST_EDGE)
    tail = text[offset:]
    found = [(start, "end_marker") for start, _ in _marker_lines(tail, "END OF TH", _END_LINE)]
    found += [
        (match.start(), "closing_line")
        for match in _FOOTER_BEGINS.finditer(tail)
        if len(tail) - match.end() < _SHORT_REST or len(_LICENCE.findall(tail, match.end())) > 2
    ]
    found += [(match.start(), "small_print") for match in _SMALL_PRINT_BEGINS.finditer(tail)]
    start, rule = min(found, default=(len(tail), ""))
    # "End of Project Gutenberg's X" stands above the marker, which names the rule all the same.
    return offset + start, "end_marker" if (rule and "end_marker" in dict(found).values()) else rule


def _marker_lines(text: str, literal: str, line: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Yields (start, end) of each marker that holds `literal`, in any of the two cases it is written in.

    `str.find` first: it reads some GB/s, a multi-line regular expression 0.05.
    """
    for spelling in (literal, literal.capitalize()):
        position = text.find(spelling)
        while position >= 0:
            start = text.rfind("\n", 0, position) + 1
            if line.match(text, start):
                end = _WRAPPED.match(text, position) or _LINE.match(text, position)
                yield start, end.end()
            position = text.find(spelling, position + 1)


def _small_print_in_front(text: str) -> int:
    """Returns where the small print ends if the book stands below it, else 0."""
    ends = [match.end() for match in _SMALL_PRINT_ENDS.finditer(text, 0, LONGEST_EDGE)]
    if not ends or _BOOK_ENDS.search(text, 0, ends[-1]) or not text[ends[-1] :].strip():
        return 0
    return ends[-1]


def _end_of_header_paragraphs(head: str) -> int:
    """Returns where the paragraphs end that speak of Project Gutenberg's affairs, 0 if there are none.

    The last resort, for files without a line of their own between header and book.
    """
    if not _FIRST_WORDS.search(head, 0, 500):
        return 0
    end, misses = 0, 0
    for paragraph in _PARAGRAPH.finditer(head):
        if _HEADER_PARAGRAPH.search(paragraph.group()):
            end, misses = paragraph.end(), 0
        else:
            misses += 1
            if misses > _PATIENCE:
                break
    return end
