"""What stands in brackets anywhere in a book: markers of illustrations, titled notes of volunteers, a licence.

Each function yields the spans (start, end) to remove from the text. `spans.remove` removes them.
"""

import re
from collections.abc import Iterator

from pipelines.gutenberg.cleaning import judging, phrases
from pipelines.gutenberg.cleaning.spans import Span, closing_bracket

_PICTURE = phrases.compiled(phrases.PICTURES, before=r"\[[ _]*", after=r"(?![a-zà-ÿ])")
_LONGEST_CAPTION = _LONGEST_LICENCE = 3_000  # characters
IMAGE_FILE = re.compile(r"^[ \t]*(?:[\w-]+\.(?:jpe?g|png|gif)(?: \(\d+K\))?\s+Full Size|\d{4,5}m)[ \t]*$", re.MULTILINE)
_TITLE_PAGE = 5_000  # characters at the start of a book in which the first picture stands
_TITLED = re.compile(r"\[[ \n_=*|]*[A-ZÀ-Þ][^\[\]\n]{0,60}")
_LONGEST_LIST = 60_000  # characters of corrections; 19,000 in Josefine Mutzenbacher
_ELECTRONIC_VERSION = "<<THIS ELECTRONIC VERSION OF"  # the licence between the plays of old Shakespeares


def pictures(text: str) -> Iterator[Span]:
    """Yields the markers of illustrations: "[Illustration: A cat\\n  and a dog]"."""
    position = 0
    while picture := _PICTURE.search(text, position):
        start, position = picture.start(), picture.end()
        position = max(position, end := closing_bracket(text, start, start + _LONGEST_CAPTION))
        if end > start:
            yield start, end
    if IMAGE_FILE.search(text, 0, _TITLE_PAGE):
        yield from (match.span() for match in IMAGE_FILE.finditer(text))


def titled_notes(text: str) -> Iterator[Span]:
    """Yields the brackets that begin with a title of volunteers: "[Transcriber's note: …]"."""
    position = 0
    while title := _TITLED.search(text, position):
        start, position = title.start(), title.start() + 1
        found = judging.read(title[0]).keys()
        if "note" in found and ("changed" in found or {"rare_note", "titled"} <= found):
            position = max(position, end := closing_bracket(text, start, start + _LONGEST_LIST))
            if end > start:
                yield start, end


def licences(text: str) -> Iterator[Span]:
    """Yields licences inside a book: "<<THIS ELECTRONIC VERSION OF … FOR MEMBERSHIP.>>"."""
    start = text.find(_ELECTRONIC_VERSION)
    while start >= 0:
        end = text.find(">>", start, start + _LONGEST_LICENCE)
        if end > 0:
            yield start, end + 2
        start = text.find(_ELECTRONIC_VERSION, start + 1)
