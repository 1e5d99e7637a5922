"""Tokens and labels, and their ids."""

import itertools
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipelines import UserError
from pipelines.vocabulary import words
from pipelines.vocabulary.framing import RUNNING, Framing, of_documents

UNKNOWN = "\ufffd"  # Unicode's replacement character, which decoders also use for broken bytes
END = "\uffff"  # stands for the end symbol in a text; a code point that is no character in Unicode
START = "\n"  # what an empty prompt of running text is read as
UNICODE_SIZE = 0x110000  # code points of Unicode, used or not


@dataclass(frozen=True)
class Vocabulary:
    """What a model reads and writes: characters, and perhaps words. A token's id is its place in `tokens`.

    Id 0 is `UNKNOWN` and stands for every other character. It has a probability like any other, so a text with new
    characters can be scored.

    A text is cut into pieces as `words` says; letters are those of the words of the vocabulary. A piece that is one of
    the words is a token. Any other is spelled: each of its characters is a token. So no word is unknown.

    Attributes:
        tokens: in the order of their ids: characters, words of two or more characters, and "", the end symbol, which
            ends each document and stands before each. Running text has no ends.
        labels: those of documents, in the order of their ids; () if there are none.
    """

    tokens: Sequence[str]
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", tuple(self.tokens))
        if self.tokens[:1] != (UNKNOWN,) or len(set(self.tokens)) != len(self.tokens):
            raise ValueError("a vocabulary is UNKNOWN followed by distinct tokens")
        if not set().union(*self.words) <= set(self.tokens):
            raise ValueError("a word has a character that isn't in the vocabulary")
        if len(set(self.labels)) != len(self.labels) or not all(self.labels) or (self.labels and self.end is None):
            raise ValueError("labels are distinct, not empty, and of documents")

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def end(self) -> int | None:
        """The id of the end symbol; None for running text. A text can't contain it: `END` is an unknown character."""
        return self.tokens.index("") if "" in self.tokens else None

    @cached_property
    def framing(self) -> Framing:
        """What stands around a text."""
        return RUNNING if self.end is None else of_documents(self.end)

    @cached_property
    def characters(self) -> str:
        """The tokens that are characters, in the order of their ids; `END` stands for the end symbol."""
        return "".join(token or END for token in self.tokens if len(token) < 2)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The tokens that are words, in the order of their ids; () for a vocabulary of characters."""
        return tuple(token for token in self.tokens if len(token) > 1)

    @property
    def unit(self) -> str:
        """What a token is called: `character`, or `token` if words are tokens too."""
        return "token" if self.words else "character"

    @cached_property
    def lengths(self) -> np.ndarray:
        """How many characters each token has, int64 `[V]`; the end symbol counts as one."""
        return np.array([max(len(token), 1) for token in self.tokens], np.int64)

    @cached_property
    def ranks(self) -> np.ndarray:
        """The place of each token among all of them, sorted, int64 `[V]`: the same for the same tokens in any order."""
        ranks = np.empty(len(self), np.int64)
        ranks[sorted(range(len(self)), key=lambda id: self.tokens[id])] = np.arange(len(self))
        return ranks

    @property
    def bits(self) -> int:
        """How many bits a rank has: B."""
        return (len(self) - 1).bit_length()

    def count_characters(self, ids: np.ndarray) -> int:
        """Returns how many characters ids stand for; an end symbol counts as one."""
        return int(self.lengths[ids].sum()) if self.words else ids.size

    @cached_property
    def piece(self) -> re.Pattern[str]:
        """Matches the pieces of a text, one after the other."""
        return words.pattern(self.letters, blank=" " in self.tokens)

    @cached_property
    def letters(self) -> frozenset[str]:
        """The characters of the words of the vocabulary, without the blank."""
        return frozenset().union(*self.words) - {" "}

    @classmethod
    def fit(cls, text: str) -> "Vocabulary":
        """Returns the characters of a text, sorted. Before: `"hello"`; after: `UNKNOWN + "ehlo"`."""
        return cls(UNKNOWN).extended(text)

    def extended(self, tokens: Iterable[str]) -> "Vocabulary":
        """Returns this vocabulary, followed by new tokens, sorted. Existing ids stay.

        Before: `UNKNOWN + "ehlo"`, extended by `"held up"`; after: `UNKNOWN + "ehlo" + " dpu"`.
        """
        return Vocabulary((*self.tokens, *sorted(set(tokens) - set(self.tokens))), self.labels)

    def with_labels(self, labels: Iterable[str]) -> "Vocabulary":
        """Returns this vocabulary, extended by the labels that it lacks, sorted. Existing ids stay."""
        return Vocabulary(self.tokens, (*self.labels, *sorted(set(labels) - set(self.labels))))

    def most_frequent(self, count: int) -> list[int]:
        """Returns the ids of the most frequent words, which come in this order, or else of the first characters."""
        words = [id for id, token in enumerate(self.tokens) if len(token) > 1]
        return (words or [id for id, token in enumerate(self.tokens) if id and token])[:count]

    def label_id(self, label: str) -> int:
        """Returns the id of a label. Raises UserError if it isn't known. The message lists those that are."""
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
        if END in self.tokens:
            raise UserError("the vocabulary of --init_from has U+FFFF as a character, so it can't get an end symbol")
        return Vocabulary((*self.tokens, ""), self.labels)

    @property
    def dtype(self) -> str:
        """The smallest numpy type that holds every id: a byte for up to 256 tokens."""
        return "uint8" if len(self) <= 256 else "uint16" if len(self) <= 65536 else "int32"

    @cached_property
    def _ids(self) -> np.ndarray:
        """The id of each code point, in a vocabulary of characters."""
        table = np.zeros(UNICODE_SIZE, self.dtype)
        table[code_points(self.characters)] = np.arange(len(self))
        if self.end is not None:
            table[ord(END)] = 0
        return table

    @cached_property
    def _id_of(self) -> dict[str, int]:
        return {token or END: id for id, token in enumerate(self.tokens)}

    def encode(self, text: str) -> np.ndarray:
        """Returns the ids of a text, `dtype [tokens]`. Before: `"hex"`; after: `[2, 1, 0]`, x being unknown."""
        if not self.words:
            return self._ids[code_points(text)]
        return self.encode_pieces(self.piece.findall(text if self.end is None else text.replace(END, UNKNOWN)))

    def cut(self, text: str) -> list[str]:
        """Returns the part of a text that each of its ids stands for. Before: `"hex"`; after: `["h", "e", "x"]`."""
        ends = np.cumsum(self.lengths[self.encode(text)]).tolist()
        return [text[start:end] for start, end in itertools.pairwise([0, *ends])]

    def encode_pieces(self, pieces: Sequence[str]) -> np.ndarray:
        """Returns the ids of pieces, `dtype [tokens]`; `END` is the end symbol, if there is one."""
        id_of = self._id_of.get
        # One lookup per piece: 50 million characters per second. The few pieces that are no tokens are spelled later.
        ids = np.array(list(map(id_of, pieces, itertools.repeat(-1))), np.int32)
        rare = np.flatnonzero(ids < 0).tolist()
        spelled, lengths = [pieces[place] for place in rare], np.ones(len(ids), np.int64)
        lengths[rare] = list(map(len, spelled))
        ids = np.repeat(ids, lengths)
        ids[ids < 0] = [id_of(character, 0) for character in "".join(spelled)]
        return ids.astype(self.dtype)

    def encode_whole(self, text: str) -> np.ndarray:
        """Returns what a model reads and predicts of a whole text: a document stands between two end symbols.

        Before: `"he"`; after, with an end symbol of id 1: `[1, 4, 3, 1]`; without: `[2, 1]`.
        """
        return self.framing.whole(self.encode(text))

    def encode_prompt(self, text: str) -> np.ndarray:
        """Returns what a model reads before it continues a text; at least one id.

        Before: `"he"`; after, with an end symbol of id 1: `[1, 4, 3]`; without: `[2, 1]`, and `start` for `""`.
        """
        return self.framing.prompt(self.encode(text or self.start))

    @property
    def start(self) -> str:
        """What an empty prompt is read as: a new line, or a blank if there is no new line in the vocabulary.

        Empty for documents, whose prompts follow an end symbol.
        """
        if self.end is not None:
            return ""
        return " " if START not in self.tokens and " " in self.tokens else START

    def decode(self, ids: np.ndarray) -> str:
        """Returns the text of ids. Unknown characters are `UNKNOWN`, and end symbols are left out."""
        return "".join(self.tokens[id] for id in ids.tolist())

    def save(self, path: Path) -> None:
        """Writes JSON: `{"characters": ["\\ufffd", "\\n", " ", …]}`, in the order of ids; the end symbol is "".

        If there are words, the key is `tokens`. Labels, if there are any, are in `labels`.
        """
        kept = {"tokens" if self.words else "characters": self.tokens}
        kept |= {"labels": self.labels} if self.labels else {}
        path.write_text(json.dumps(kept, indent=0) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Reads what `save` wrote. Raises UserError if the file is missing or isn't a vocabulary."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            tokens, labels = kept["tokens" if "tokens" in kept else "characters"], tuple(kept.get("labels", ()))
            for text in (*tokens, *labels):
                text.encode()  # half a surrogate pair, which JSON allows, is no character
            return cls(tokens, labels)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(f"{path}: not a vocabulary ({error})") from error


def code_points(text: str) -> np.ndarray:
    """Returns the Unicode code points of a text, uint32 `[len(text)]`."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
