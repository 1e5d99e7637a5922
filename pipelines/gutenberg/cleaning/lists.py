"""Lists of Project Gutenberg's books that its volunteers put above or below a book, such as the volumes of a series.

"ALSO AT PROJECT GUTENBERG:\\n\\nVOLUME  TITLE     NUMBER\\n1       The Lamp  1257\\n2       The Wick  1259"

All functions take a paragraph without blanks at its ends and in small letters.
"""

import re

from pipelines.gutenberg.cleaning import signs

_LONGEST_TITLE = 200  # characters: "The other volumes are in Project Gutenberg under these numbers:"
# Columns with a number in the first or a later one, a link, or "#" and a number.
_ENTRY = re.compile(
    r"\W*\d+[.)]?(?: {2,}|\t)\S|.*\S(?: {2,}|\t| *\| *| ?\.{3,})(?:.*[\s.|#(])?\d|.*(?:https?:|www\.)|.*#\s?\d"
)
_NUMBER_LAST = re.compile(r".*\d[\])]?$")


def _any_of(*names: str) -> re.Pattern[str]:
    """Returns the expression that finds any of these signs."""
    return re.compile(r"(?<![^\W_])(?:" + "|".join(signs.WORDS[name].pattern for name in names) + ")")


_PROJECT = _any_of("project", "number")
_FILES = _any_of("project", "number", "partner", "etext")
_COLUMN_OF_NUMBERS = re.compile(r"\be-?(?:text|book)s?\s*(?:no|nr|id|number|#)(?![^\W_])")
_ONE_BOOK = re.compile(r"gutenberg\.\w+/|gutenberg #?\d{2,}|\be-?(?:text|book)s?\s*(?:no\.?|nr\.?|number|#)\s*\d")


def is_list(words: str, *, title: str) -> bool:
    """Returns whether a paragraph is such a list: half of its lines are entries, and something names the project.

    This is the title, the heads of the columns, or half of the lines. `title` is the paragraph above if it can be one.
    """
    lines = [line.strip() for line in words.split("\n") if line.strip(" \t|+-=*")]
    announced = title.endswith(":") and names_files(title)
    entries = [
        bool(_ENTRY.match(line) or _ONE_BOOK.search(line) or (announced and _NUMBER_LAST.match(line))) for line in lines
    ]
    if not any(entries) or 2 * sum(entries) < len(lines):
        return False
    if announced or _PROJECT.search(title):
        return True
    if not entries[0] and (_PROJECT.search(lines[0]) or _COLUMN_OF_NUMBERS.search(lines[0])):
        return True
    return sum(entries) > 1 and _has_books(lines)


def is_authors(words: str) -> bool:
    """Returns whether a paragraph is an author's table or index, in which a line may name the project."""
    lines = words.split("\n")
    numbers = sum(bool(_NUMBER_LAST.match(line)) for line in lines)
    return numbers > 1 and 2 * numbers >= len(lines) and not _has_books(lines)


def can_be_title(words: str) -> bool:
    """Returns whether a paragraph is short and no sentence."""
    return len(words) < _LONGEST_TITLE and not words.endswith((".", "!", "?", "”", '"'))


def _has_books(lines: list[str]) -> bool:
    """Returns whether at least half of the lines have the link or the number of an e-book."""
    return 2 * sum(bool(_ONE_BOOK.search(line)) for line in lines) >= len(lines)


def names_files(words: str) -> bool:
    """Returns whether words name the project, its partners or an e-book."""
    return bool(_FILES.search(words))
