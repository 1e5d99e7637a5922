"""Characters and their ids."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipelines import UserError

UNKNOWN = "\ufffd"  # Unicode's replacement character, which decoders also use for broken bytes
UNICODE_SIZE = 0x110000  # code points of Unicode, used or not


@dataclass(frozen=True)
class Vocabulary:
    """The characters that a model knows. A character's id is its place in `characters`.

    Id 0 is `UNKNOWN` and stands for every other character. It has a probability like any other, so a text with new
    characters can be scored.
    """

    characters: str

    def __post_init__(self) -> None:
        if not self.characters.startswith(UNKNOWN) or len(set(self.characters)) != len(self.characters):
            raise ValueError("a vocabulary is UNKNOWN followed by distinct characters")

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
        return Vocabulary(self.characters + "".join(sorted(set(text) - set(self.characters))))

    @property
    def dtype(self) -> str:
        """The smallest numpy type that holds every id: a byte for up to 256 characters."""
        return "uint8" if len(self) <= 256 else "uint16" if len(self) <= 65536 else "int32"

    @cached_property
    def _ids(self) -> np.ndarray:
        table = np.zeros(UNICODE_SIZE, self.dtype)
        table[code_points(self.characters)] = np.arange(len(self))
        return table

    def encode(self, text: str) -> np.ndarray:
        """Returns the ids of a text, `dtype [len(text)]`. Before: `"hex"`; after: `[2, 1, 0]`, x being unknown."""
        return self._ids[code_points(text)]

    def decode(self, ids: np.ndarray) -> str:
        """Returns the text of ids; `UNKNOWN` stands for every character that had no id."""
        return code_points(self.characters)[ids].tobytes().decode("utf-32-le")

    def save(self, path: Path) -> None:
        """Writes JSON: `{"characters": ["\\ufffd", "\\n", " ", …]}`, in the order of their ids."""
        path.write_text(json.dumps({"characters": list(self.characters)}, indent=0) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Reads what `save` wrote.

        Raises:
            UserError: the file is missing or isn't a vocabulary.
        """
        try:
            characters = "".join(json.loads(path.read_text(encoding="utf-8"))["characters"])
            characters.encode()  # half a surrogate pair, which JSON allows, is no character
            return cls(characters)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise UserError(f"{path}: not a vocabulary ({error})") from error


def code_points(text: str) -> np.ndarray:
    """Returns the Unicode code points of a text, uint32 `[len(text)]`."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
