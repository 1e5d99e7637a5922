"""Labels with few documents: makes sure that each label is trained on and measured.

A hash decides which part a document belongs to, so a label with few documents may have none in a part. Then, for each
label:

- If none of its documents is for training, the longest one is moved there.
- If a held-out part has none, and at least `FEW` different ones are for training, one of these is moved there.
- If there are fewer, a passage is cut out of each of them that is long enough. Training gets the rest.

The result depends neither on the order of the documents nor on other labels. Copies of a text stay in one part.
"""

from collections.abc import Sequence

import numpy as np

from pipelines.corpus.splitting import Spooled, text_hash

FEW = 5
SHORTEST = 8_000  # characters of a document that a passage may be cut out of
LEAST = 2_000  # characters of such a passage
MOST = 0.25  # of a document
CENTRES = (0.0, 1 / 3, 2 / 3)  # where the passage for each part stands in its document


def balance(spooled: Spooled, split: Sequence[float]) -> None:
    """Moves documents between the parts and cuts passages out of them, as described above.

    `spooled.moved` and `spooled.cut` count the documents that were moved and the passages that were cut, by label. The
    parts are still open.
    """
    facts = [part.facts() for part in spooled.parts]
    counts = np.array([np.bincount(labels, minlength=len(spooled.labels)) for _, labels, _ in facts])
    wanted = [part for part, share in enumerate(split) if part == 0 or share]
    lacking = np.flatnonzero((counts[wanted] == 0).any(axis=0))
    if not len(lacking):
        return
    texts = _Texts(spooled, facts, lacking)
    for label in lacking.tolist():
        texts.teach(label)
        for part in wanted[1:]:
            if not texts.of(label, part):
                texts.hold_out(label, part, split[part])


class _Texts:
    """The distinct texts of the labels to change, by their hashes, and the place of each."""

    def __init__(
        self, spooled: Spooled, facts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], labels: np.ndarray
    ) -> None:
        self._spooled, self._parts = spooled, spooled.parts
        self._places: dict[int, list[tuple[int, int]]] = {}
        self._lengths: dict[int, int] = {}
        self._of_label: dict[int, set[int]] = {}
        chosen = np.concatenate([hashes[np.isin(its, labels)] for hashes, its, _ in facts])
        for part, (hashes, its, lengths) in enumerate(facts):
            for place in np.flatnonzero(np.isin(hashes, chosen)).tolist():  # copies may have other labels
                self._note(int(hashes[place]), part, place, int(its[place]), int(lengths[place]))

    def _note(self, key: int, part: int, place: int, label: int, length: int) -> None:
        self._places.setdefault(key, []).append((part, place))
        self._of_label.setdefault(label, set()).add(key)
        self._lengths[key] = length

    def _add(self, text: str, key: int, part: int, label: int) -> None:
        self._note(key, part, self._parts[part].add(text, key, label), label, len(text))

    def of(self, label: int, part: int) -> list[int]:
        """Returns the texts of a label in a part, in the order of their hashes."""
        return sorted(key for key in self._of_label[label] if self._places[key][0][0] == part)

    def teach(self, label: int) -> None:
        """Moves the longest text of a label to training, if none is there."""
        if not self.of(label, 0):
            self._move(max(self._of_label[label], key=lambda key: (self._lengths[key], key)), 0, label)

    def hold_out(self, label: int, part: int, share: float) -> None:
        """Moves a text of a label to a part, or cuts passages for it out of those for training."""
        training = self.of(label, 0)
        if len(training) >= FEW:
            self._move(training[0], part, label)
            return
        for key in training:
            if self._lengths[key] >= SHORTEST:
                self._cut(key, part, share)
                name = self._spooled.labels[label]
                self._spooled.cut[name] = self._spooled.cut.get(name, 0) + 1

    def _move(self, key: int, part: int, label: int) -> None:
        places = self._places.pop(key)
        for source, place in places:
            text, its_label = self._parts[source].take(place)
            self._add(text, key, part, its_label)
        name = self._spooled.labels[label]
        self._spooled.moved[name] = self._spooled.moved.get(name, 0) + len(places)

    def _cut(self, key: int, part: int, share: float) -> None:
        for number, (source, place) in enumerate(self._places.pop(key)):
            text, label = self._parts[source].take(place)
            self._of_label[label].discard(key)
            passage, rest = cut_out(text, share, CENTRES[part])
            self._add(rest, text_hash(rest), 0, label)
            if not number:  # copies lose the passage too, but one is enough to measure on
                self._add(passage, text_hash(passage), part, label)


def cut_out(text: str, share: float, centre: float) -> tuple[str, str]:
    """Returns a passage of a text, and the text without it. Both begin at a line if there are lines, or at a word.

    The text has at least `SHORTEST` characters. The passage gets a share of it, but at least `LEAST` characters, and at
    most the share `MOST`. `centre` is where it stands, from 0 to 1.
    """
    size = int(np.clip(share * len(text), LEAST, MOST * len(text)))
    start = _break_after(text, int(centre * len(text)) - size // 2)
    stop = _break_after(text, start + size)
    return text[start:stop], text[:start] + text[stop:]


def _break_after(text: str, place: int) -> int:
    """Returns the beginning of the next paragraph, line or word after a place, if one begins within 500 characters."""
    for mark in ("\n\n", "\n", " "):
        found = text.find(mark, place, place + 500)
        if found >= 0:
            return found + len(mark)
    return place
