"""Decides who wrote each paragraph near the ends of a text: the author, or Project Gutenberg and its volunteers.

Each paragraph has signs, and each sign has a weight. A change from the author to the volunteers or back has a weight
too, which depends on the blank lines in between. Of all ways to divide the paragraphs between the two, the one with the
greatest sum of weights is chosen. This is Viterbi decoding of a linear-chain conditional random field (Lafferty,
McCallum and Pereira, 2001). `python -m benchmarks.gutenberg --fit` fits the weights.

Names such as `ours` and `theirs` take the side of the volunteers: `ours` is what they wrote, `theirs` the author's.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.gutenberg.cleaning import lists, phrases, signs, weights
from pipelines.gutenberg.cleaning.spans import PARAGRAPH, Span, closing_bracket

ZONE = 20_000  # characters at either end that are judged; the longest list of corrections has 19,000
MOST_LINES = 4  # ends of lines between two paragraphs; more count as 4
_LONGEST_BRACKET = 10_000
_FRAME = r"[\W_]*"  # asterisks, bars and brackets around a note

_WORDS = re.compile(
    r"(?<![^\W_])(?:" + "|".join(f"(?P<{name}>{sign.pattern})" for name, sign in signs.WORDS.items()) + ")",
    re.MULTILINE,
)
_OPENINGS = [(name, re.compile(_FRAME + f"(?:{sign.pattern})")) for name, sign in signs.OPENINGS.items()]
_PROJECT = re.compile(rf"(?<![^\W_])(?:{signs.WORDS['project'].pattern}|{signs.WORDS['partner'].pattern})")
_TITLE_PAGE = 5_000  # characters
_CORRECTION = re.compile(signs.CORRECTION.pattern, re.MULTILINE)
_FOOTNOTE = re.compile(r"\[\W*(?:\d|(?:foot|side)note|greek|.\W)")
_TITLE = re.compile(r"[\W_]*([^.:\n]*)")
_BOX = re.compile(r"[\s*]*(?:\+-|\|)")
_BARE_TITLE = re.compile(r"[^.:]*[\W_]*")
_FIRST_WORDS = phrases.compiled(phrases.FIRST_WORDS, before=phrases.BEFORE_FIRST_WORDS)
_LONGEST_TITLE = 70  # characters
_FARTHEST_LIST = 5_000  # characters between a list of the project's books and the nearer end of the text
_LETTER = re.compile(r"[^\W\d_]")

# Words that stand in few books. With another sign beside them they say more than alone.
RARE = frozenset({"project", "partner", "etext", "agent", "number"})
_NAMES = frozenset({"project", "partner", "etext", "story", "file"})  # what a narrator may speak of
_QUOTED_MARKER = '"*** start of'
_ENDS = (".", "!", "?", '."', ".”", "”")
_TITLES = frozenset({"note", "preface"})
# Signs of a note or a header, in which lines that end in numbers are no table of the author's.
_NO_TABLE = frozenset(
    {"titled", "below", "bracketed", "corrections", "credit", "field", "in_header", "boxed", "typography"}
)
# Signs that count more beside a rare word: "rare_note" and so on.
_BESIDE = ("note", "credit", "deixis", "done", "legal", "typography")
# A title such as "Notes" or "Au lecteur" begins a volunteer's note if one of these is in the next paragraph.
_HINTS = RARE | {"file", "typography", "changed", "corrections"}


@dataclass(frozen=True)
class Paragraph:
    """A paragraph to judge.

    Attributes:
        start: its first character in the text.
        end: the character after its last.
        lines: ends of lines between it and the paragraph above, 2 to `MOST_LINES`.
        tail: whether it is in the last part of the text.
        signs: names of its signs, and how strong each is. A row of asterisks has one sign.
    """

    start: int
    end: int
    lines: int
    tail: bool
    signs: dict[str, float]


def judged(text: str, *, known: bool) -> list[Span]:
    """Returns what Project Gutenberg or its volunteers wrote in the first and in the last `ZONE` characters of a book.

    The book has no header and licence any more; `known` says whether it had marked ones, and so comes from the project.
    """
    spans: list[Span] = []
    for paragraphs in rows(text, known=known):
        answers = most_likely(paragraphs)
        spans += [(paragraph.start, paragraph.end) for paragraph, ours in zip(paragraphs, answers, strict=True) if ours]
        spans += _contents_lines(text, paragraphs, answers)
    return spans


def names_the_project(text: str) -> bool:
    """Returns whether a text names Project Gutenberg, or its proofreaders, near its ends."""
    return any(_PROJECT.search(text[slice(*ends)].lower()) for ends in ((None, _TITLE_PAGE), (-_TITLE_PAGE, None)))


def rows(text: str, *, known: bool) -> list[list[Paragraph]]:
    """Returns the paragraphs at each end of a text that are judged together; all in one row if the ends meet."""
    size = min(ZONE, len(text) // 2)
    last = text.find("\n\n", len(text) - size)
    last = len(text) if last < 0 else last
    first = max(text.rfind("\n\n", 0, size), 0) if size == ZONE else last
    head = _read_zone(text, (0, first), known=known, tail=False)
    tail = _read_zone(text, (last, len(text)), known=known, tail=True)
    return [head + tail] if size < ZONE else [head, tail]


def most_likely(paragraphs: list[Paragraph]) -> list[bool]:
    """Returns for each paragraph whether the volunteers wrote it: the answers with the greatest sum of weights."""
    theirs, ours, steps = 0.0, weights.START[paragraphs[0].tail] if paragraphs else 0.0, []
    for number, paragraph in enumerate(paragraphs):
        weight = sum(weights.WEIGHTS.get(name, 0.0) * strength for name, strength in paragraph.signs.items())
        if number:
            entered = theirs + weights.ENTER[paragraph.tail][paragraph.lines - 2]
            left = ours + weights.LEAVE[paragraph.tail][paragraph.lines - 2]
            steps.append((left > theirs, ours >= entered))  # whether the best way to each state comes from ours
            theirs, ours = max(theirs, left), max(ours, entered)
        ours += weight
    answers = [ours > theirs]
    for from_ours in reversed(steps):
        answers.append(from_ours[answers[-1]])
    return _trimmed(paragraphs, answers[::-1]) if paragraphs else []


def _trimmed(paragraphs: list[Paragraph], answers: list[bool]) -> list[bool]:
    """Returns `answers` without the rows of asterisks at the ends of the volunteers' words."""
    trimmed = list(answers)
    for order in (range(len(answers)), range(len(answers) - 1, -1, -1)):
        before = False
        for number in order:
            trimmed[number] &= before or "bias" in paragraphs[number].signs
            before = trimmed[number]
    return trimmed


def _read_zone(text: str, zone: Span, *, known: bool, tail: bool) -> list[Paragraph]:
    """Returns the paragraphs of a part of `text` with all their signs, also those that depend on their place."""
    paragraphs, above = [], zone[0]
    for start, end in _split(text, zone):
        lines = min(max(text.count("\n", above, start), 2), MOST_LINES)
        paragraphs.append(Paragraph(start, end, lines, tail, read(text[start:end])))
        above = end
    _add_titles(text, paragraphs)
    _add_lists(text, paragraphs)
    passed = 0
    for paragraph in reversed(paragraphs) if tail else paragraphs:
        found = paragraph.signs
        # Characters of the book between the paragraph and the nearer end of the text.
        found["passed"] = math.log1p(passed / 200)
        passed += 0 if RARE & found.keys() else max(0, paragraph.end - paragraph.start - 100)
        for name in ("credit", "field") if known else ():
            if name in found:
                found[f"known_{name}"] = 1.0
        if tail:
            found["tail"] = 1.0
    return paragraphs


def _split(text: str, zone: Span) -> Iterator[Span]:
    """Yields the spans of paragraphs. A bracket with blank lines in it is one paragraph."""
    position, stop = zone
    while found := PARAGRAPH.search(text, position, stop):
        position = found.end()
        if found.group().lstrip(" \t|*_=").startswith("["):
            opened = text.index("[", found.start())
            position = max(position, closing_bracket(text, opened, min(stop, opened + _LONGEST_BRACKET)))
        yield found.start(), position


def read(words: str) -> dict[str, float]:
    """Returns the signs of a paragraph, without those of its place."""
    first = _LETTER.search(words)
    if not first:
        return {"rows" if "\n" in words.strip() else "row": 1.0}
    words, is_capital = words.strip().lower(), not first.group().islower()
    matches = [str(match.lastgroup) for match in _WORDS.finditer(words)]
    found = set(matches) | {name for name, pattern in _OPENINGS if pattern.match(words)}
    only_names = RARE & found and found <= _NAMES and words.endswith(_ENDS) and not _FIRST_WORDS.match(words)
    if only_names or _QUOTED_MARKER in words:
        found = {"story"}  # a narrator's sentence, which has names and no other sign, or a line of a program
    rare = RARE & found
    if rare:
        found |= {f"rare_{name}" for name in _BESIDE if name in found}
    shapes = {
        "two_rare": len(rare) > 1,
        "typography_done": {"typography", "done"} <= found,
        "corrections": len(_CORRECTION.findall(words[:2_000])) > 1,
        "titled": is_capital and not found.isdisjoint(_TITLES) and _has_title(words),
        "bracketed": words.startswith("[") and closing_bracket(words, 0) == len(words) and not _FOOTNOTE.match(words),
        "boxed": bool(_BOX.match(words)),
        "line": len(words) < 60 and "\n" not in words,
        "plain": not matches,
        "bias": True,
    }
    found |= {name for name, is_so in shapes.items() if is_so}
    density = min(1.0, 60 * len(matches) / (150 + len(words)))
    size = 0.0 if not found.isdisjoint({"corrections", "bracketed", "titled"}) else math.log1p(len(words) / 100)
    return {**dict.fromkeys(sorted(found), 1.0), "density": density, "size": size}


def _has_title(words: str) -> bool:
    """Returns whether a paragraph starts with a title of volunteers: "transcriber's note:", but not "notes"."""
    title = _TITLE.match(words)
    if not title or len(title[1]) > _LONGEST_TITLE:
        return False
    named = {match.lastgroup for match in _WORDS.finditer(title[1])}
    is_apart = words[title.end() : title.end() + 1] != "."
    return not RARE.isdisjoint(named) or (is_apart and "typography" in named)


def _add_titles(text: str, paragraphs: list[Paragraph]) -> None:
    """Adds the signs of titles such as "Notes", of lines in a table of contents, and of what stands below a title."""
    last_place = {line: part.start for part in paragraphs for line in _lines(text[part.start : part.end])}
    is_below = just_below = in_header = above_rows = False
    for number, paragraph in enumerate(paragraphs):
        found, below = paragraph.signs, paragraphs[number + 1 : number + 2]
        lines = _lines(text[paragraph.start : paragraph.end])
        if not found.keys().isdisjoint(_TITLES) and len(lines) > 1 and last_place[lines[0]] > paragraph.start:
            _make_contents(found)
            is_below = in_header = False
        is_below &= just_below or paragraph.lines == 2 or not _HINTS.isdisjoint(found)
        in_header &= paragraph.lines == 2
        if is_below and "bias" in found:
            _put_below(found)
        if in_header:
            found["in_header"] = 1.0
        is_capital = text[paragraph.start : paragraph.end].strip()[:1].isupper()
        hinted = above_rows or not _HINTS.isdisjoint({*found, *(below[0].signs if below else ())})
        if (
            hinted
            and is_capital
            and {"line", "note"} <= found.keys()
            and "bracketed" not in found
            and text.count(f"\n{lines[0]}") < 2
        ):
            found["titled"] = 1.0
        alone = _BARE_TITLE.fullmatch(text, paragraph.start, paragraph.end)  # unlike "Note: the lamp"
        just_below = {"line", "titled"} <= found.keys() and bool(alone)
        is_below |= just_below
        in_header |= bool(_FIRST_WORDS.match(text, paragraph.start, paragraph.end))
        above_rows = "rows" in found


def _make_contents(found: dict[str, float]) -> None:
    """Replaces the signs of a paragraph by those of a table of contents."""
    found.clear()
    found.update(contents=1.0, plain=1.0, bias=1.0)


def _put_below(found: dict[str, float]) -> None:
    """Adds the sign of a paragraph below a title of volunteers, and takes away those that it has by itself."""
    for name in ("plain", "story", "version"):
        found.pop(name, None)
    found.update(below=1.0, size=0.0)


def _add_lists(text: str, paragraphs: list[Paragraph]) -> None:
    """Adds the signs of a title, and of what stands below one, to lists of the project's books."""
    title, is_listed = "", False  # the title above, and whether the paragraph above is a list
    titled: Paragraph | None = None
    for paragraph in paragraphs:
        words = text[paragraph.start : paragraph.end].strip()
        to_end = paragraphs[-1].end - paragraph.end if paragraph.tail else paragraph.start - paragraphs[0].start
        if is_listed and paragraph.lines > 2:
            title, titled = "", None
        is_listed = to_end < _FARTHEST_LIST and lists.is_list(words.lower(), title=title)
        if is_listed:
            _put_below(paragraph.signs)
            if titled and (title.endswith(":") or lists.names_files(title)):
                titled.signs["titled"] = 1.0
        elif "bias" in paragraph.signs:
            if _NO_TABLE.isdisjoint(paragraph.signs) and lists.is_authors(words.lower()):
                _make_contents(paragraph.signs)
            is_title = words[:1].isupper() and lists.can_be_title(words)
            title, titled = (words.lower(), paragraph) if is_title else ("", None)


def _lines(words: str) -> list[str]:
    return [line.strip(" \t.:") for line in words.strip().split("\n")]


def _contents_lines(text: str, paragraphs: list[Paragraph], answers: list[bool]) -> Iterator[Span]:
    """Yields the lines in tables of contents that name a removed title."""
    for paragraph, ours in zip(paragraphs, answers, strict=True):
        if ours and {"line", "titled"} <= paragraph.signs.keys():
            line = re.compile(
                rf"^[ \t]*{re.escape(text[paragraph.start : paragraph.end].strip())}[ \t]*$", re.MULTILINE
            )
            for other in paragraphs:
                if "contents" in other.signs:
                    yield from (match.span() for match in line.finditer(text, other.start, other.end))
