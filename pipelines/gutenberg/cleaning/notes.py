"""What volunteers added inside a book: credits, transcribers' notes, markers of illustrations.

Each function yields the spans (start, end) to remove from the text. `spans.remove` removes them.
"""

import re
from collections.abc import Iterator

from pipelines.gutenberg.cleaning import phrases
from pipelines.gutenberg.cleaning.spans import Span

_PARAGRAPH = re.compile(r"[^\n]*\S[^\n]*(?:\n[^\n]*\S[^\n]*)*")
_TWO_BLANK_LINES = re.compile(r"\n[ \t]*\n[ \t]*\n")  # between sections

_CAPITAL = r"(?-i:(?=[A-ZÀ-Þ]))"  # unlike the same words inside a sentence
_NOTE_TITLE = _CAPITAL + phrases.any_of(phrases.NOTE_TITLES) + r"\b"
_BRACKETED_NOTE = re.compile(
    r"\[[ \n_=*]*" + _NOTE_TITLE + r"|\[" + phrases.any_of(phrases.BRACKETED_REMARKS), re.IGNORECASE
)
_SHARED_TITLE = phrases.compiled(
    phrases.SHARED_TITLES, before=r"[ \t|*=_~]*(?P<title>" + _CAPITAL, after=r"[ \t:.]*$)(?P<words>)"
)
_ABOUT_THE_FILE = phrases.compiled(phrases.ABOUT_THE_FILE)
# Rows of asterisks, one shifted against the next, are how some volunteers begin what they add below a book.
_SHIFTED_ROWS = re.compile(r"(?:[ \t]*(?:\*[ \t]+){3,}\*[ \t]*\n){2,}\s*\Z")
_CLUE = 500  # characters below a title that authors use too in which the clue must stand
_TITLED_NOTE = re.compile(
    r"(?:[ \t]*[|+*=~_-][|+*=~_ \t-]*\n)*"  # the upper edge of a box
    r"[ \t|*=_~]*(?P<title>" + _NOTE_TITLE + r"[^\n.:|]{0,40}(?:[:.|]|$))(?P<words>[^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_MORE_OF_THE_NOTE = phrases.compiled(phrases.MORE_OF_THE_NOTE)
_NOTE_ZONE = 30_000  # characters at either end of a book in which a title may start a note
_LONGEST_NOTE = 10_000  # the longest between a title and a book has 3,800 (Leviathan)
_LONGEST_LIST = 60_000  # of corrections, in brackets; 19,000 in Josefine Mutzenbacher
_END_NOTES = 0.8  # a note that starts after this share of the book extends to its end

_CREDIT = phrases.compiled(phrases.CREDITS)
_PROJECT = phrases.compiled(phrases.PROJECT)
_ABOUT_THE_COPY = phrases.compiled(phrases.ABOUT_THE_COPY)
_SIGNED_CREDIT = phrases.compiled(phrases.SIGNED_CREDIT)
_TITLE_PAGE = 5_000  # characters at either end of a book in which volunteers name their project
LONGEST_REMARK = 3_000

_PICTURE = phrases.compiled(phrases.PICTURES, before=r"\[[ _]*", after=r"(?![a-zà-ÿ])")
_BRACKET = re.compile(r"[\[\]]")
_LONGEST_CAPTION = 3_000
_IMAGE_FILE = re.compile(
    r"^[ \t]*(?:[\w-]+\.(?:jpe?g|png|gif)(?: \(\d+K\))?\s+Full Size|\d{4,5}m)[ \t]*$", re.MULTILINE
)
_ELECTRONIC_VERSION = "<<THIS ELECTRONIC VERSION OF"  # the licence between the plays of old Shakespeares


def names_the_project(text: str) -> bool:
    """Returns whether a text without header and footer names Project Gutenberg, or its proofreaders, at its ends."""
    return any(_PROJECT.search(text, *zone) for zone in _ends(text, size=_TITLE_PAGE))


def pictures(text: str, *, from_gutenberg: bool) -> Iterator[Span]:
    """Yields the markers of illustrations: "[Illustration: A cat\\n  and a dog]", but none that others wrote."""
    if not from_gutenberg:
        return
    yield from _brackets(text, _PICTURE, longest=_LONGEST_CAPTION)
    if _IMAGE_FILE.search(text, 0, _TITLE_PAGE):
        yield from (match.span() for match in _IMAGE_FILE.finditer(text))


def licences(text: str) -> Iterator[Span]:
    """Yields licences inside a book: "<<THIS ELECTRONIC VERSION OF … FOR MEMBERSHIP.>>"."""
    start = text.find(_ELECTRONIC_VERSION)
    while start >= 0:
        end = text.find(">>", start, start + LONGEST_REMARK)
        if end > 0:
            yield start, end + 2
        start = text.find(_ELECTRONIC_VERSION, start + 1)


def transcribers_notes(text: str) -> Iterator[Span]:
    """Yields notes in brackets anywhere, and notes with a title near either end of the book."""
    yield from _brackets(text, _BRACKETED_NOTE, longest=_LONGEST_LIST)
    for zone in _ends(text, size=_NOTE_ZONE):
        for paragraph in _PARAGRAPH.finditer(text, *zone):
            titled = _TITLED_NOTE.match(text, paragraph.start(), paragraph.end())
            if not titled and (titled := _SHARED_TITLE.match(text, paragraph.start(), paragraph.end())):
                titled = titled if _is_about_the_file(text, titled) else None
            if titled:
                yield from _titled_note(text, titled, paragraph.end())


def credits(text: str, *, from_gutenberg: bool) -> Iterator[Span]:
    """Yields the paragraphs at either end that say who made the file, and for which project.

    After a header, "Produced by Ann Other" is enough. A text from elsewhere has to name the project.
    """
    at_top = True
    for zone in _ends(text, size=_TITLE_PAGE):
        for paragraph in _PARAGRAPH.finditer(text, *zone):
            words = paragraph.group()
            credit = bool(_CREDIT.match(words))
            project = bool(_PROJECT.search(words))
            if len(words) < LONGEST_REMARK and (
                (project and (credit or (from_gutenberg and _ABOUT_THE_COPY.search(words))))
                or (credit and from_gutenberg and (at_top or _SIGNED_CREDIT.search(words)))
            ):
                yield paragraph.span()
            elif not words.lstrip().startswith("["):
                at_top = False


def _ends(text: str, *, size: int) -> list[Span]:
    """Returns the first and the last `size` characters as spans of whole paragraphs, one span if they meet."""
    if len(text) <= 2 * size:
        return [(0, len(text))]
    first, last = text.rfind("\n\n", 0, size), text.find("\n\n", len(text) - size)
    return [(0, max(first, 0)), (last if last >= 0 else len(text), len(text))]


def _brackets(text: str, opening: re.Pattern[str], *, longest: int) -> Iterator[Span]:
    """Yields from each `opening` to the bracket that closes it: "[Illustration: [_Copyright_]]"."""
    position = 0
    while opened := opening.search(text, position):
        start, depth, position = opened.start(), 0, opened.end()
        for bracket in _BRACKET.finditer(text, start, start + longest):
            depth += 1 if bracket.group() == "[" else -1
            if depth == 0:
                position = bracket.end()
                yield start, position
                break


def _is_about_the_file(text: str, titled: re.Match[str]) -> bool:
    """Returns whether a title that authors use too begins a volunteer's note; below each chapter it is the author's."""
    often = titled["title"].lower().startswith(("note", "errat")) and text.count(f"\n{titled['title'].strip()}\n") > 1
    added = _SHIFTED_ROWS.search(text, max(titled.start() - _CLUE, 0), titled.start())
    return not often and bool(added or _ABOUT_THE_FILE.search(text, titled.end(), titled.end() + _CLUE))


def _titled_note(text: str, titled: re.Match[str], paragraph_end: int) -> Iterator[Span]:
    """Yields the note that `titled` starts, and its line in a table of contents."""
    start = titled.start()
    same_line = re.compile(rf"^[ \t]*{re.escape(titled['title'])}[ \t]*$", re.MULTILINE)
    in_a_list = titled.end() < paragraph_end and not titled["title"].endswith((":", "."))
    if in_a_list and same_line.search(text, titled.end(), start + _NOTE_ZONE):
        return  # a line of the table of contents, which is removed with the note itself
    yield from (match.span() for match in same_line.finditer(text, 0, start))
    if titled["words"].strip(" |_=*") or titled.end() < paragraph_end:  # the note is in the paragraph
        following = _PARAGRAPH.search(text, paragraph_end)
        while following and text.count("\n", paragraph_end, following.start()) == 2:
            if not _MORE_OF_THE_NOTE.search(following.group()):
                break
            paragraph_end = following.end()
            following = _PARAGRAPH.search(text, paragraph_end)
        yield start, paragraph_end
        return
    if start > max(_END_NOTES * len(text), _TITLE_PAGE):
        yield start, len(text)
        return
    if following := _PARAGRAPH.search(text, paragraph_end):
        apart = _TWO_BLANK_LINES.search(text, following.end(), start + _LONGEST_NOTE)
        yield start, apart.start() if apart else following.end()
