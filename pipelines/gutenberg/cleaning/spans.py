"""Pieces of a text to leave out, and the text without them."""

import re
from collections.abc import Iterable

Span = tuple[int, int]

PARAGRAPH = re.compile(r"[^\n]*\S[^\n]*(?:\n[^\n]*\S[^\n]*)*")
_BRACKET = re.compile(r"[\[\]]")
_BLANK_LINES = re.compile(r"(?:[ \t]*\n)*")
_LINE = re.compile(r"[^\n]*")
_SPACES = re.compile(r" *")


def remove(text: str, spans: Iterable[Span]) -> str:
    """Returns `text` without `spans`. Of the blank lines before and after one, only the longer run is kept.

    "a\\n\\n[Illustration]\\n\\nb" → "a\\n\\nb";  "[Illustration] It was" → "It was"
    """
    kept, position = [], 0
    for start, end in _merged(text, spans):
        before = text[text.rfind("\n", 0, start) + 1 : start]
        if not before.strip() and not text[end : match_end(_LINE, text, end)].strip():  # it has its lines for itself
            left = text[position:start].rstrip(" \t\n")
            above = text.count("\n", position + len(left), start)
            below = match_end(_BLANK_LINES, text, end)
            kept += [left, "\n" * max(above, text.count("\n", end, below))]
            position = below
        else:
            kept.append(text[position:start])
            position = end
            if text[start - 1 : start] in ("", "\n", " "):
                position = match_end(_SPACES, text, end)
    return "".join([*kept, text[position:]])


def match_end(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Returns where a pattern that starts matching at `start` stops; `start` if it doesn't match there."""
    found = pattern.match(text, start)
    return found.end() if found else start


def closing_bracket(text: str, start: int, stop: int | None = None) -> int:
    """Returns where the bracket that opens at `start` ends: "[a [b] c]"; `start` if it isn't closed before `stop`."""
    depth = 0
    for bracket in _BRACKET.finditer(text, start, len(text) if stop is None else stop):
        depth += 1 if bracket.group() == "[" else -1
        if depth == 0:
            return bracket.end()
    return start


def _merged(text: str, spans: Iterable[Span]) -> list[Span]:
    """Returns the spans in order, with those that touch or overlap joined."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and not text[merged[-1][1] : start].strip():
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
