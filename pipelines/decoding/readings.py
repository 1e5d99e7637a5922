"""Whether a text makes sense: its foreign letters must be parts of words, and the words must be of a language."""

import math
import operator
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.decoding.languages import BORROWED, LANGUAGES

_UNSPACED = frozenset(name for name, language in LANGUAGES.items() if not language.spaced)
_EAST_ASIAN = re.compile("[\u3005\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]+")
_WESTERN = frozenset(name for name, language in LANGUAGES.items() if language.western)

_LETTER = r"[^\W\d_²³¹¼½¾]"
_WORD = re.compile(rf"{_LETTER}+")
_IMPOSSIBLE = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f\x7f-\x9f\ufffd]")  # but tab, newlines and the old ^Z at the end
# What a wrong encoding puts beside letters. The order of the lines: between two letters (K‚s‹bb, se¤or, d«e), after one
# (s³, caf‚), before one (½uvre, ™l, €pfel), beside digits (3Œ, ñ2), marks of other scripts on Latin letters (daًlar).
_MISPLACED = re.compile(
    rf"(?<={_LETTER})[¡-\xac¯-¶¸-¿×÷‘“”•‹›€‰™†‡‚„ƒˆ˜\u0384\u0385\u2100-\u25ff\uf8ff](?={_LETTER})"
    rf"|(?<={_LETTER})[¡¢£¤¥¦§¨¬¯±´µ¶¸¿×÷‚„ƒˆ‰˜\u0384\u0385\u2100-\u25ff\uf8ff]|(?<={_LETTER})(?<![lL])·"
    rf"|[¢¤¥¦¨ª¬¯±²³´µ¶¸¹º¼½¾×÷ƒˆ‰˜™€†‡\u0384\u0385\u2100-\u25ff\uf8ff](?={_LETTER})"
    r"|(?<=\d)[^\W\d_a-zA-Zªº²³¹¼½¾\u2e80-\uffff]|[^\W\d_a-zA-Z²³¹¼½¾\u2e80-\uffff](?=\d)"
    r"|[¤\u2500-\u259f\uf8ff]|(?<=[a-zA-Z])[\uff61-\uff9f]|[\uff61-\uff9f](?=[a-zA-Z])"
    r"|(?<![\u0591-\u06d3])[\u0591-\u05c7\u064b-\u0652]|(?<=[a-zA-Z])[\u200c-\u200f]|[\u200c-\u200f](?=[a-zA-Z])"
)
_MARKS = frozenset("“”‘’–—…")
_PUNCTUATION = re.compile(  # “so” or don’t. Alone, marks may be letters of another encoding: v’z, ni–o, ‘ble, pa’s
    r"(?:^|[\s(—])“\w[^”]*[\w.,;:!?—]”|(?:^|[\s(—])‘\w[^’]*[\w.,;:!?—]’(?!\w)|\bo’clock\b|\bi’m\b"
    r"|\b(?:it|he|she|that|what|there|who)’s\b|\b(?:do|did|does|is|was|ca|wo|could|would|should|have|has|had)n’t\b"
    r"|\b(?:i|you|he|she|we|they)’(?:d|ll|re|ve)\b",
    re.IGNORECASE | re.MULTILINE,
)
_FREQUENT_WORDS = 0.05  # at least, of all words: a tenth to a third are expected
_FREQUENT_CHARACTERS = 0.15  # at least, of characters beyond ASCII: a quarter to a half are expected
_CLEARLY = 2  # times as many frequent words as in another reading: the text is of this language
_STRANGE_WORDS = 0.05  # at most, of the words beyond ASCII: names and quotations


@dataclass(frozen=True)
class Reading:
    """A text that makes sense.

    Attributes:
        language: its name; empty if the text has too few words to tell.
        score: the number of frequent words of the language, less that of words that it can't have.
        words: the distinct words beyond ASCII, in order.
        beyond: the characters beyond ASCII.
        homes: the languages that nearly all of `words` may be of.
        is_punctuated: whether quotation marks, dashes and an ellipsis are all that it has beyond ASCII.
    """

    language: str
    score: float
    words: tuple[str, ...]
    beyond: frozenset[str]
    homes: frozenset[str]
    is_punctuated: bool

    def doubts(self, chosen: "Reading") -> bool:
        """Returns whether this may be right instead of `chosen`.

        Its words may be of one language, and neither the language of the text nor well-known words speak against it.
        """
        if not self.homes:
            return False
        if chosen.language in chosen.homes - {"English"}:  # which borrows words from all others
            clearly = 1 if chosen.language in _UNSPACED else _CLEARLY
            if self.language == chosen.language or chosen.score > clearly * self.score:
                return False
        words, others = set(self.words) - set(chosen.words), set(chosen.words) - set(self.words)
        return _known(words) >= _known(others)


def read(text: str) -> Reading | None:
    """Returns the reading of `text` in the language that fits best, or None if it makes no sense."""
    beyond = Counter(character for character in text if not character.isascii())
    if _IMPOSSIBLE.search(text) or any(unicodedata.category(character) in ("Cn", "Co") for character in beyond):
        return None
    words = Counter(_WORD.findall(text))
    homes = {word: _homes(word) for word in words if not word.isascii()}  # languages that each may be of
    flaws = len(_MISPLACED.findall(text)) + sum(words[word] for word in homes if _is_badly_cased(word))
    small = Counter[str]()
    for word, count in words.items():
        small[word.lower()] += count
    found, best = sum(words[word] for word in homes), ("", -math.inf)
    for name, language in LANGUAGES.items():
        if language.spaced:
            hits = sum(small[word] for word in language.frequent)
            allies = _WESTERN if language.western else {name}
            strange = flaws + sum(words[word] for word, languages in homes.items() if languages.isdisjoint(allies))
            fits = hits >= max(2, _FREQUENT_WORDS * words.total()) and strange <= _STRANGE_WORDS * max(found, 1)
        else:
            hits, strange = sum(beyond[character] for character in language.frequent), flaws
            fits = hits >= max(3, _FREQUENT_CHARACTERS * beyond.total())
        if fits:
            best = max(best, (name, hits - strange), key=operator.itemgetter(1))
    if not best[0]:
        if flaws or beyond.total() > len(text) / 2 or not all(homes.values()):
            return None
        best = "", 0  # too short to tell the language, but each word is possible in one
    counts = Counter(name for languages in homes.values() for name in languages)
    common = frozenset(name for name, count in counts.items() if count >= (1 - _STRANGE_WORDS) * len(homes))
    is_punctuated = _MARKS.issuperset(beyond) and bool(_PUNCTUATION.search(text))  # some can't be letters: don’t, “so”
    return Reading(*best, tuple(homes), frozenset(beyond), common, is_punctuated)


def structural_flaws(text: str) -> float | None:
    """Returns the share of misplaced words and signs beyond ASCII; None if a character can't be in a text."""
    if _IMPOSSIBLE.search(text):
        return None
    words = Counter(word for word in _WORD.findall(text) if not word.isascii())
    strange = sum(count for word, count in words.items() if _is_badly_cased(word) or not _homes(word))
    return (len(_MISPLACED.findall(text)) + strange) / max(words.total(), 1)


def _homes(word: str) -> frozenset[str]:
    """Returns the languages that a word may be of: Czech for Dvořák, none for Dvoøák."""
    if _EAST_ASIAN.fullmatch(word):
        return _UNSPACED
    small = word.lower()
    letters = {letter for letter in small if not letter.isascii()}
    foreign_alone = len(letters) == len(set(small))
    return frozenset(
        name
        for name, language in LANGUAGES.items()
        if letters <= language.letters
        and language.absent.isdisjoint(small)
        and (foreign_alone or language.is_latin)
        and (len(small) > 1 or small in language.frequent)  # few words have a single letter
    )


def _known(words: Iterable[str]) -> int:
    """Returns how many of `words` a language has on every page, or borrows often."""
    small = {word.lower() for word in words}
    return sum(word in BORROWED or any(word in LANGUAGES[name].frequent for name in _homes(word)) for word in small)


def _is_badly_cased(word: str) -> bool:
    """Returns whether a capital letter follows a small one: cafÉ."""
    return not (word.islower() or word.isupper() or word[1:] == word[1:].lower())
