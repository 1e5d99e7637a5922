"""Pieces of a text to leave out, and the text without them."""

from __future__ import annotations

import re
from collections.abc import Iterable

Span = tuple[int, int]

_BLANK_LINES = re.compile(r"(?:[ \t]*\n)*")
_LINE = re.compile(r"[^\n]*")
_SPACES = re.compile(r" *")


def remove(text: str, spans: Iterable[Span]) -> str:
    """Returns `text` without `spans`; the blank lines on both sides of one don't add up.

    "a\\n\\n[Illustration]\\n\\nb" → "a\\n\\nb";  "[Illustration] It was" → "It was"
    """
    kept, position = [], 0
    for start, end in _merged(text, spans):
        if has_own_lines(text, start, end):
            left = text[position:start].rstrip(" \t\n")
            above = text.count("\n", position + len(left), start)
            below = _BLANK_LINES.match(text, end).end()
            kept += [left, "\n" * max(above, text.count("\n", end, below))]
            position = below
        else:
            kept.append(text[position:start])
            position = end
            if text[start - 1 : start] in ("", "\n", " "):
                position = _SPACES.match(text, end).end()
    return "".join([*kept, text[position:]])


def has_own_lines(text: str, start: int, end: int) -> bool:
    """Returns whether nothing but blanks shares the first and the last line with the span."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    after = text[end : _LINE.match(text, end).end()]
    return not before.strip() and not after.strip()


def _merged(text: str, spans: Iterable[Span]) -> list[Span]:
    """Returns the spans in order, those that touch or overlap made one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and not text[merged[-1][1] : start].strip():
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
