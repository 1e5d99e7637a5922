"""What the flags of the text mean: one running text, or documents, and where it comes from. See `settings`."""

from pathlib import Path
from typing import Annotated, ClassVar

from char_lstm_tf.config.variants import Variant
from pipelines.files import path_of
from pipelines.sources import LanguageReference, Lines, Plain, Reader, Source, text_documents


class Files(Variant, chosen_by="--text"):
    """Files of one's own."""

    text: tuple[str, ...]
    text_encoding: str
    clean: bool

    def find(self, how: "Running | Documents") -> list[Source]:
        """Returns the files, each with its documents. Raises UserError if there are none."""
        return text_documents(
            self.text,
            Reader(encoding=self.text_encoding, clean=self.clean, plain=how.plain),
            documents=how.documents,
            text_field=how.text_field or "",
            labels=how.labels,
            label_field=how.label_field or "",
        )


class Books(Variant, chosen_by="--books"):
    """Books of Project Gutenberg."""

    books: str
    max_books: int
    mirror: str

    def find(self, how: "Running | Documents") -> list[Source]:
        """Returns the books, downloaded if need be. Raises UserError if there are none."""
        from pipelines.sources import datasets  # takes a while

        return how.cut(datasets.books(self.books, data_dir=how.data_path, mirror=self.mirror, max_books=self.max_books))


class Dataset(Variant, chosen_by="--tfds"):
    """A dataset of TensorFlow Datasets."""

    tfds: str
    tfds_text_key: str
    mirror: Annotated[str | None, "--tfds=gutenberg*"]

    def find(self, how: "Running | Documents") -> list[Source]:
        """Returns the dataset, prepared if need be. Raises UserError if there is none."""
        from pipelines.sources import datasets  # takes a while

        return how.cut(
            datasets.dataset(self.tfds, text_key=self.tfds_text_key, data_dir=how.data_path, mirror=self.mirror or "")
        )


class Reference(Variant):
    """The source without any of these flags."""

    def find(self, how: "Running | Documents") -> list[Source]:
        """Returns the language reference that comes with Python."""
        return how.cut(LanguageReference())


class Text(Variant):
    """What all texts have."""

    source: Files | Books | Dataset | Reference
    normalize: str
    tokens: str
    max_words: Annotated[int | None, "--tokens=words"]
    split: tuple[float, ...]
    max_vocabulary: int
    data_dir: str
    ends: ClassVar[bool]  # whether the model learns where a text ends

    @property
    def data_path(self) -> Path:
        """The folder for downloads and for encoded texts."""
        return path_of(self.data_dir)

    @property
    def plain(self) -> bool:
        """Whether all texts get plain typography."""
        return self.normalize == "plain"

    def can_continue(self, other: "Text") -> bool:
        """Returns whether a model of another text can continue with this one: one that writes ends needs documents."""
        return self.ends or not other.ends

    def cut(self, source: Source) -> list[Source]:
        """Returns a source in the form in which it is read."""
        return [Plain(source) if self.plain else source]


class Running(Text):
    """One running text, without a beginning and an end."""

    documents: ClassVar[str] = "text"
    text_field: ClassVar[None] = None
    labels: ClassVar[str] = ""
    label_field: ClassVar[None] = None
    deduplicate: ClassVar[bool] = False
    ends: ClassVar[bool] = False
    from_lines: ClassVar[bool] = False  # whether each line is a text
    one_line_each: ClassVar[bool] = False  # whether a text is shown in one line
    texts_in_sample: ClassVar[int] = 1
    length_flag: ClassVar[str] = "--chars=500"  # of `sample`: how much to write


class Documents(Text, chosen_by="--documents=files|lines|rows"):
    """Texts with a beginning and an end."""

    documents: str
    text_field: Annotated[str | None, "--documents=rows"]
    labels: str
    label_field: Annotated[str | None, "--labels=field"]
    deduplicate: bool
    ends: ClassVar[bool] = True
    texts_in_sample: ClassVar[int] = 8  # at two temperatures, 16 rows
    length_flag: ClassVar[str] = "--num_samples=5"

    @property
    def from_lines(self) -> bool:
        """Whether each line is a text."""
        return self.documents == "lines"

    @property
    def one_line_each(self) -> bool:
        """Whether a text is shown in one line."""
        return self.documents != "files"

    def cut(self, source: Source) -> list[Source]:
        """Returns a source, or its lines, in the form in which it is read."""
        return super().cut(Lines(source) if self.from_lines else source)
