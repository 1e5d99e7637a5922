"""A text as batches for Keras models of one's own.

text = Text.from_files("book.txt")
model.fit(text.windows(64), shuffle=False, validation_data=text.windows(64, part="validation"))
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tensorflow as tf

from char_lstm_tf.config import TextConfig
from pipelines import UserError
from pipelines.batches import Form, Shuffled, Stream, Windows
from pipelines.corpus import SPLITS, Corpus, prepare
from pipelines.files import path_of
from pipelines.sources import Document, LanguageReference, Reader, Source, text_files
from pipelines.vocabulary import Vocabulary

__all__ = ["Text"]

ENCODINGS = {"one_hot": "one_hot", "ids": "embedding"}  # and what `Form` calls them
TARGETS = ("sequence", "next_char")


@dataclass(frozen=True)
class Text:
    """A running text as ids on disk, split into training, validation and test, with its vocabulary.

    `from_files`, `from_strings` and `built_in` make one. The ids are those that runs on the same text use, so they are
    encoded once, and memory doesn't grow with the text.
    """

    corpus: Corpus

    @classmethod
    def from_files(
        cls,
        *patterns: str | Path,
        encoding: str = "",
        clean: bool = True,
        split: Sequence[float] = TextConfig.split,
        vocabulary: Vocabulary | None = None,
        data_dir: str | Path = TextConfig.data_dir,
    ) -> "Text":
        """Returns the text of files, one after the other.

        Args:
            *patterns: files, folders (all their .txt files) or globs.
            encoding: of the files; empty: detected.
            clean: whether to remove what Project Gutenberg adds, and to compose accents (NFC).
            split: shares of training, validation and test, which follow each other in the text.
            vocabulary: of an earlier text. Other characters are unknown. None: the characters of the training part.
            data_dir: where encoded texts are kept.

        Raises:
            UserError: there is no such file, it isn't text, or the split isn't three shares that add up to 1.
        """
        sources = text_files(list(map(str, patterns)), Reader(encoding=encoding, clean=clean))
        return cls._prepare(sources, split, vocabulary, data_dir)

    @classmethod
    def from_strings(
        cls,
        texts: Sequence[str],
        *,
        split: Sequence[float] = TextConfig.split,
        vocabulary: Vocabulary | None = None,
        data_dir: str | Path = TextConfig.data_dir,
    ) -> "Text":
        """Returns strings as one text, each on a new line. Line ends become `\\n`, and accents one code point (NFC).

        Arguments and errors are those of `from_files`.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise UserError("texts: must be a list of str, such as [text]")
        return cls._prepare([_Strings(tuple(map(Reader().prompt, texts)))], split, vocabulary, data_dir)

    @classmethod
    def built_in(
        cls, *, split: Sequence[float] = TextConfig.split, data_dir: str | Path = TextConfig.data_dir
    ) -> "Text":
        """Returns the language reference that comes with Python: half a million characters to try things with."""
        return cls._prepare([LanguageReference()], split, None, data_dir)

    @classmethod
    def _prepare(
        cls, sources: Sequence[Source], split: Sequence[float], known: Vocabulary | None, data_dir: str | Path
    ) -> "Text":
        TextConfig(split=tuple(split))  # checks it
        limit = 0 if known is None else len(known.characters)
        folder = path_of(str(data_dir)) / "corpora"
        return cls(prepare(sources, split=split, folder=folder, max_vocabulary=limit, known=known))

    @property
    def vocabulary(self) -> Vocabulary:
        """The characters and their ids."""
        return self.corpus.vocabulary

    def windows(
        self,
        window: int,
        *,
        part: str = "train",
        batch_size: int = 32,
        stride: int = 0,
        encoding: str = "one_hot",
        target: str = "sequence",
        seed: int = 0,
    ) -> tf.data.Dataset:
        """Returns windows of the text, in a new order each epoch, as batches of inputs and targets.

        Before: the window `"hell"`, which `"o"` follows. After: inputs `"hell"`, and as targets `"ello"` for
        `sequence`, `"o"` for `next_char`. With `one_hot`, inputs are float32 `[B, T, V]` and targets one-hot too,
        `[B, T, V]` or `[B, V]`, for `categorical_crossentropy`. With `ids`, inputs are int32 `[B, T]` and targets
        `[B, T]` or `[B]`, for `sparse_categorical_crossentropy`.

        Args:
            window: T, characters of each.
            part: `train`, `validation` or `test`.
            batch_size: B. The last batch of an epoch may be shorter.
            stride: characters from the start of a window to that of the next; 0: `window`, so that none overlap.
            encoding: `one_hot` or `ids`.
            target: `sequence`: each character after one of the window; `next_char`: the one after the last.
            seed: of the orders.

        Raises:
            UserError: an argument is wrong, or the part is shorter than a window.
        """
        _require_sizes(window=window, batch_size=batch_size, stride=stride or window)
        cut = partial(Shuffled, stride=stride or window, seed=seed)
        batches = self._batches(cut, part, self._form(encoding, target), window=window, batch_size=batch_size)
        return batches.one_epoch(seed=seed)

    def stream(
        self,
        window: int,
        *,
        part: str = "train",
        batch_size: int = 32,
        encoding: str = "one_hot",
        target: str = "sequence",
    ) -> tf.data.Dataset:
        """Returns windows for layers with `stateful=True`: each row of a batch continues that of the batch before.

        The state must be reset when an epoch starts. Batches and arguments are those of `windows`, but all batches have
        `batch_size` rows, each a contiguous part of the text.
        """
        _require_sizes(window=window, batch_size=batch_size)
        form = self._form(encoding, target)
        return self._batches(Stream, part, form, window=window, batch_size=batch_size).one_epoch()

    def _batches(self, cut: Callable[..., Windows], part: str, form: Form, *, window: int, batch_size: int) -> Windows:
        _require_one_of(SPLITS, part=part)
        ids = self.corpus.split(part)
        try:
            return cut(ids, form, window=window, batch_size=batch_size)
        except UserError:
            raise UserError(
                f"part={part!r}: its {len(ids):,} characters are too few for window={window} and "
                f"batch_size={batch_size}; give more text, another split, or smaller sizes"
            ) from None

    def _form(self, encoding: str, target: str) -> Form:
        _require_one_of(tuple(ENCODINGS), encoding=encoding)
        _require_one_of(TARGETS, target=target)
        return Form(ENCODINGS[encoding], target, len(self.vocabulary), sparse=encoding == "ids")


@dataclass(frozen=True)
class _Strings:
    """A source of texts in memory."""

    texts: tuple[str, ...]
    name: str = "texts"

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the texts."""
        return hashlib.sha256("\0".join(self.texts).encode("utf-8", "surrogatepass")).hexdigest()

    def documents(self) -> Iterator[Document]:
        """Yields the texts."""
        yield from map(Document, self.texts)


def _require_one_of(choices: tuple[str, ...], **given: str) -> None:
    for name, value in given.items():
        if value not in choices:
            raise UserError(f"{name}={value!r}: must be {' or '.join(choices)}")


def _require_sizes(**given: int) -> None:
    for name, value in given.items():
        if not isinstance(value, int) or value < 1:
            raise UserError(f"{name}={value!r}: must be a whole number of at least 1")
