"""Characters and labels, and their ids."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipelines import UserError

UNKNOWN = "\ufffd"  # Unicode's replacement character, which decoders also use for broken bytes
END = "\uffff"  # holds the place of the end symbol; Unicode never gives this code point to a character
START = "\n"  # what a running text continues where there is no prompt
UNICODE_SIZE = 0x110000  # code points of Unicode, used or not


@dataclass(frozen=True)
class Vocabulary:
    """The characters that a model knows. A character's id is its place in `characters`.

    Id 0 is `UNKNOWN` and stands for every other character. It has a probability like any other, so a text with new
    characters can be scored.

    Attributes:
        characters: in the order of their ids.
        end: the id of the end symbol, which ends each document and stands before each; None for running text, which
            has no ends. The symbol is no character: `END` holds its place in `characters`, and a text that contains
            `END` has an unknown character there.
        labels: what documents may be examples of, in the order of their ids; () where they have no labels.
    """

    characters: str
    end: int | None = None
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.characters.startswith(UNKNOWN) or len(set(self.characters)) != len(self.characters):
            raise ValueError("a vocabulary is UNKNOWN followed by distinct characters")
        if self.end is not None and self.characters.find(END) != self.end:
            raise ValueError("the end symbol isn't where its id says")
        if len(set(self.labels)) != len(self.labels) or not all(self.labels) or (self.labels and self.end is None):
            raise ValueError("labels are distinct, not empty, and of documents")

    def __len__(self) -> int:
        return len(self.characters)

    @classmethod
    def fit(cls, text: str) -> "Vocabulary":
        """Returns the vocabulary of a text, sorted. Before: `"hello"`; after: `UNKNOWN + "ehlo"`."""
        return cls(UNKNOWN).extended(text)

    def extended(self, text: str) -> "Vocabulary":
        """Returns this vocabulary, followed by the new characters of a text, sorted. Existing ids stay.

        Before: `UNKNOWN + "ehlo"`, extended by `"held up"`; after: `UNKNOWN + "ehlo" + " dpu"`.
        """
        characters = self.characters + "".join(sorted(set(text) - set(self.characters)))
        return Vocabulary(characters, self.end, self.labels)

    def with_labels(self, labels: Iterable[str]) -> "Vocabulary":
        """Returns this vocabulary, with the new ones of some labels after its own, sorted. Existing ids stay."""
        return Vocabulary(self.characters, self.end, (*self.labels, *sorted(set(labels) - set(self.labels))))

    def label_id(self, label: str) -> int:
        """Returns the id of a label.

        Raises:
            UserError: it isn't known. The message lists those that are.
        """
        if label not in self.labels:
            known = ", ".join(self.labels) if self.labels else "none, as its documents had no labels"
            raise UserError(f"label {label!r} isn't known to the model; it knows {known}")
        return self.labels.index(label)

    def with_end(self) -> "Vocabulary":
        """Returns this vocabulary with an end symbol, which gets the next id unless there is one already.

        Raises:
            UserError: it has `END` as a character.
        """
        if self.end is not None:
            return self
        if END in self.characters:
            raise UserError("the vocabulary of --init_from has U+FFFF as a character, so it can't get an end symbol")
        return Vocabulary(self.characters + END, len(self), self.labels)

    @property
    def dtype(self) -> str:
        """The smallest numpy type that holds every id: a byte for up to 256 characters."""
        return "uint8" if len(self) <= 256 else "uint16" if len(self) <= 65536 else "int32"

    @cached_property
    def _ids(self) -> np.ndarray:
        table = np.zeros(UNICODE_SIZE, self.dtype)
        table[code_points(self.characters)] = np.arange(len(self))
        if self.end is not None:
            table[ord(END)] = 0
        return table

    def encode(self, text: str) -> np.ndarray:
        """Returns the ids of a text, `dtype [len(text)]`. Before: `"hex"`; after: `[2, 1, 0]`, x being unknown."""
        return self._ids[code_points(text)]

    def encode_whole(self, text: str) -> np.ndarray:
        """Returns what a model reads and predicts of a whole text: a document stands between two end symbols.

        Before: `"he"`; after, with an end symbol of id 1: `[1, 4, 3, 1]`; without: `[2, 1]`.
        """
        return self._after_end(self.encode(text), [self.end])

    def encode_prompt(self, text: str) -> np.ndarray:
        """Returns what a model reads before it continues a text; at least one id.

        Before: `"he"`; after, with an end symbol of id 1: `[1, 4, 3]`; without: `[2, 1]`, and `START` for `""`.
        """
        return self._after_end(self.encode(text if text or self.end is not None else self.start), [])

    @property
    def start(self) -> str:
        """What a running text continues where there is no prompt: a new line, or a blank if it knows no new line."""
        return " " if START not in self.characters and " " in self.characters else START

    def _after_end(self, ids: np.ndarray, what_follows: list) -> np.ndarray:
        return ids if self.end is None else np.array([self.end, *ids.tolist(), *what_follows], ids.dtype)

    def decode(self, ids: np.ndarray) -> str:
        """Returns the text of ids; `UNKNOWN` stands for every character that had no id, nothing for the end symbol."""
        text = code_points(self.characters)[ids].tobytes().decode("utf-32-le")
        return text if self.end is None else text.replace(END, "")

    @property
    def tokens(self) -> list[str]:
        """What each id stands for: a character, or "" for the end symbol."""
        return ["" if number == self.end else character for number, character in enumerate(self.characters)]

    def save(self, path: Path) -> None:
        """Writes JSON: `{"characters": ["\\ufffd", "\\n", " ", …]}`, in the order of ids; the end symbol is "".

        Labels, if there are any, are in `labels`, likewise.
        """
        kept = {"characters": self.tokens} | ({"labels": self.labels} if self.labels else {})
        path.write_text(json.dumps(kept, indent=0) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Reads what `save` wrote.

        Raises:
            UserError: the file is missing or isn't a vocabulary.
        """
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            tokens, labels = kept["characters"], tuple(kept.get("labels", ()))
            end = tokens.index("") if "" in tokens else None
            characters = "".join(token or END for token in tokens)
            characters.encode()  # half a surrogate pair, which JSON allows, is no character
            "".join(labels).encode()
            return cls(characters, end, labels)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(f"{path}: not a vocabulary ({error})") from error


def code_points(text: str) -> np.ndarray:
    """Returns the Unicode code points of a text, uint32 `[len(text)]`."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
