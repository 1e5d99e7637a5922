"""Where a book starts and ends between Project Gutenberg's own words: header, licence and small print."""

import re
from collections.abc import Iterator

from pipelines.gutenberg.cleaning import phrases
from pipelines.gutenberg.cleaning.spans import PARAGRAPH, match_end

# A cut longer than these would take part of the book with it, so it isn't made. The longest header seen has 1,600
# characters, and 13,500 with the small print of the 1990s. The longest footer has 22,000 (licence and a note).
LONGEST_HEADER = 8_000
LONGEST_SMALL_PRINT = 20_000
LONGEST_FOOTER = 30_000

_STARS = r"[ \t]*(?:\*+[ \t]?)?"  # a few markers have lost their asterisks
_OF_GUTENBERG = r" OF (?:THE|THIS)(?: COPYRIGHTED)? PROJECT GUTENBERG\b"
_START_LINE = re.compile(_STARS + "START" + _OF_GUTENBERG, re.IGNORECASE)
_END_LINE = re.compile(_STARS + "END" + _OF_GUTENBERG, re.IGNORECASE)
# A long title wraps, so the asterisks that close the marker stand up to three lines below.
_WRAPPED = re.compile(r"[^\n]*?(?:\n[^\n]+?){0,3}?\*{3}[ \t]*(?=\n|\Z)")
# Or the asterisks stand both behind the first line of the title and below the others.
_WRAPPED_TWICE = re.compile(r"(?:\n[^a-z\n*]*[A-Z][^a-z\n*]*){1,3}\*{3}[ \t]*(?=\n|\Z)")
_LINE = re.compile(r"[^\n]*")
_MARKER_IN_A_LINE = re.compile(
    r"[ \t]+(?P<marker>\*{3} ?(?:START|END)" + _OF_GUTENBERG + r" E-?BOOK\b[^*\n]{0,300}\*{3})[ \t]*", re.IGNORECASE
)
_LOST_LINE_ENDS = 20_000  # characters of a line that no paragraph has

_SMALL_PRINT_BEGINS = phrases.compiled(phrases.SMALL_PRINT_BEGINS)
_SMALL_PRINT_ENDS = phrases.compiled(phrases.SMALL_PRINT_ENDS)
_FIRST_WORDS = phrases.compiled(phrases.FIRST_WORDS, before=phrases.BEFORE_FIRST_WORDS)
_BOOK_ENDS = phrases.compiled(phrases.LAST_WORDS)
_FOOTER_BEGINS = phrases.compiled(phrases.LAST_WORDS + phrases.FOOTERS)
_SHORT_REST = 1_500  # characters after a closing line that don't have to be the licence


def with_own_lines(text: str) -> str:
    """Returns `text` with each marker on a line of its own, where a file's line ends were lost.

    "The … English *** START OF THE PROJECT GUTENBERG EBOOK X *** I was …" → "The … English\n*** START … ***\nI was …"
    """
    if _longest_line(text) < _LOST_LINE_ENDS:
        return text
    return _MARKER_IN_A_LINE.sub(r"\n\g<marker>\n", text)


def _longest_line(text: str) -> int:
    """Returns the length of the longest line, or of the first that has lost its line ends."""
    start = longest = 0
    while start < len(text) and longest < _LOST_LINE_ENDS:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        start, longest = end + 1, max(longest, end - start)
    return longest


def split_books(text: str) -> list[str]:
    """Returns a string for each Project Gutenberg file that was joined in `text`.

    "header START a END licence header START b END" → ["header START a END", "START b END"]
    """
    starts = list(_marker_lines(text, "START OF TH", _START_LINE))
    if "mall print!" in text.lower():  # a search by `in` is much quicker
        ends_of_print = (match.span() for match in _SMALL_PRINT_ENDS.finditer(text))
        starts += [span for span in ends_of_print if len(text) - span[1] > _SHORT_REST]  # otherwise that of a footer
    starts.sort()
    ends = [end for _, end in _marker_lines(text, "END OF TH", _END_LINE)]
    ends += [match.end() for match in _BOOK_ENDS.finditer(text)] if len(starts) > 1 else []
    ends.sort()
    books, begin = [], 0
    for end in ends:
        following = next((start for start, _ in starts if start >= end), None)
        if end > begin and following is not None and following - end < LONGEST_FOOTER + LONGEST_HEADER:
            if not any(begin <= start < end for start, _ in starts):
                continue  # this closes nothing
            books.append(text[begin:end])
            begin = _header_start(text, end, following)
    return [*books, text[begin:]]


def _header_start(text: str, end: int, marker: int) -> int:
    """Returns where the header above a marker begins, after the end of the book above; the marker without one."""
    for paragraph in PARAGRAPH.finditer(text, max(end, marker - LONGEST_SMALL_PRINT), marker):
        if _FIRST_WORDS.match(paragraph.group()):
            return paragraph.start()
    return marker


def header_end(text: str) -> tuple[int, str]:
    """Returns where the book starts, and the name of what ended the header ("" without one).

    "…Language: English\\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\\nChapter" → (…, "start_marker")
    """
    for start, end in _marker_lines(text, "START OF TH", _START_LINE):
        if start < LONGEST_HEADER or _ends_small_print(text, start):
            return end, "start_marker"
        if not _small_print_in_front(text):
            return 0, "guard:start_marker"
        break
    if found := _small_print_in_front(text):
        return found, "small_print"
    return 0, ""


def footer_start(text: str) -> tuple[int, str]:
    """Returns where the book ends, and the name of what follows it ("" if nothing does).

    "…the end.\\n\\nEnd of Project Gutenberg's X, by Y\\n\\n*** END OF THIS…" → (…, "end_marker")
    """
    earliest = max(0, len(text) - LONGEST_FOOTER)
    markers = [start for start, _ in _marker_lines(text, "END OF TH", _END_LINE)]
    found = [(start, "end_marker") for start in markers if start >= earliest]
    found += [
        (match.start(), "closing_line")
        for match in _FOOTER_BEGINS.finditer(text, earliest)
        if len(text) - match.end() < _SHORT_REST or text.count("utenberg", match.end()) > 2
    ]
    found += [(match.start(), "small_print") for match in _SMALL_PRINT_BEGINS.finditer(text, earliest)]
    if not found:
        return len(text), "guard:end_marker" if markers else ""
    start, rule = min(found)
    # "End of Project Gutenberg's X" stands above the marker, but the marker gives the rule its name.
    return start, "end_marker" if any(rule == "end_marker" for _, rule in found) else rule


def _marker_lines(text: str, literal: str, line: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Yields (start, end) of each marker that contains `literal`, written in capitals or not.

    It uses `str.find` first, which reads some GB/s. A multi-line regular expression reads 0.05.
    """
    for spelling in (literal, literal.capitalize()):
        position = text.find(spelling)
        while position >= 0:
            start = text.rfind("\n", 0, position) + 1
            if line.match(text, start):
                wrapped = _WRAPPED.match(text, position)
                end = wrapped.end() if wrapped else match_end(_LINE, text, position)
                yield start, match_end(_WRAPPED_TWICE, text, end)
            position = text.find(spelling, position + 1)


def _ends_small_print(text: str, marker: int) -> bool:
    """Returns whether a marker stands just below the small print of the same header."""
    ends = [match.end() for match in _SMALL_PRINT_ENDS.finditer(text, 0, min(marker, LONGEST_SMALL_PRINT))]
    return bool(ends) and marker - ends[-1] < LONGEST_HEADER


def _small_print_in_front(text: str) -> int:
    """Returns where the small print ends if the book is below it, else 0."""
    ends = [match.end() for match in _SMALL_PRINT_ENDS.finditer(text, 0, LONGEST_SMALL_PRINT)]
    if not ends or _BOOK_ENDS.search(text, 0, ends[-1]) or not text[ends[-1] :].strip():
        return 0
    return ends[-1]
