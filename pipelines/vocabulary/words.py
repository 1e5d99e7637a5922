"""Words as tokens: how a text is cut into pieces, and which pieces are frequent.

A letter goes with the letter or the blank before it. Every other character begins a piece, so that a blank belongs to
the word after it, and pieces joined together are the text.

Before: `"Well, my dear"`; after: `"Well" "," " my" " dear"`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from operator import itemgetter


def pattern(letters: Collection[str], *, blank: bool) -> re.Pattern[str]:
    """Returns what matches a piece of a text. With `blank`, a blank belongs to the letters after it."""
    if not letters:
        return re.compile(".", re.DOTALL)
    return re.compile(f"{' ?' * blank}[{''.join(map(re.escape, sorted(letters)))}]+|.", re.DOTALL)


def cut(texts: Iterable[str], piece: re.Pattern[str]) -> Iterator[list[str]]:
    """Yields the pieces of a text that comes in parts, none of them empty. The result doesn't depend on the parts."""
    held = ""  # the last piece, which the next part may continue
    for text in texts:
        *found, held = piece.findall(held + text)
        yield found
    yield [held] if held else []


def frequent(texts: Iterable[str], *, characters: Collection[str], count: int) -> list[str]:
    """Returns the `count` most frequent pieces of two or more characters that occur at least twice, in that order.

    No part of the text is empty. Of other characters than `characters`, none is a letter.
    """
    counts: Counter[str] = Counter()
    # Letters and digits of any script, and marks such as accents.
    letters = [each for each in characters if each.isalnum() or unicodedata.category(each).startswith("M")]
    piece = pattern(letters, blank=" " in characters)
    for pieces in cut(texts, piece):
        counts.update(pieces)
    found = [(piece, number) for piece, number in counts.items() if len(piece) > 1 and number > 1]
    found.sort(key=lambda pair: (-pair[1], pair[0]))
    return list(map(itemgetter(0), found[:count]))
