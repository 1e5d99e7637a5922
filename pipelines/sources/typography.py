"""The same typography and layout for all texts, so that a model learns authors and not editions."""

import re
import unicodedata

VERSION = 1  # part of fingerprints: raise it when `plain` changes

ASCII = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´‹›ʼ", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–−", "-"),
        **dict.fromkeys("—―⸺⸻", "--"),
        **{"…": "...", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ĳ": "ij", "Ĳ": "Ij"},
        **{"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"},
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff", ""),  # invisible hyphens and blanks
    }
)
# A pair of underscores around one or more words; not snake_case or ____.
_EMPHASIS = re.compile(r"(?<!\w)_([^_\s](?:[^_]*[^_\s])?)_(?!\w)")


def plain(text: str) -> str:
    """Returns a text in the typography of a typewriter, on one line.

    Quotes, dashes, ellipses and ligatures become ASCII, accents are composed (NFC), underscores that mark emphasis are
    removed, and each run of blanks and line ends becomes one blank.

    Before: `“It is _very_\\nold” — she`; after: `"It is very old" -- she`.
    """
    text = unicodedata.normalize("NFC", text).translate(ASCII)
    return re.sub(r"\s+", " ", _EMPHASIS.sub(r"\1", text))
