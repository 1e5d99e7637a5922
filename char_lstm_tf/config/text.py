"""Flags of the text: where it comes from, how it is cleaned and split."""

import dataclasses
import math

from pipelines import UserError
from pipelines.gutenberg import DEFAULT_MIRROR
from pipelines.options import Options, option
from pipelines.sources import Reader


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextConfig(Options):
    """Text: where it comes from, how it is cleaned and split."""

    text: tuple[str, ...] = option(
        (),
        "Files, folders (their *.txt files) or globs to train on. Repeat the flag, or separate them by commas. "
        "Without any source: the language reference that comes with Python.",
    )
    books: str = option(
        "",
        "Books of Project Gutenberg instead of --text: numbers such as 2600,1399, or a search of its catalogue such as "
        "'author:Tolstoy language:en' (also title:, subject:, id:).",
    )
    tfds: str = option(
        "",
        "A text dataset of TensorFlow Datasets instead of --text: gutenberg/war_and_peace, gutenberg/shakespeare, "
        "gutenberg/anna_karenina, gutenberg/frankenstein, gutenberg/classics, tiny_shakespeare, pg19 …",
    )
    tfds_text_key: str = option("text", "The feature of --tfds that holds the text.")
    mirror: str = option(DEFAULT_MIRROR, "Mirror of Project Gutenberg to download from, one file every two seconds.")
    max_books: int = option(25, "A --books search that finds more books than this is an error.", at_least=1)
    documents: str = option(
        "text",
        "What a document is: a text with a beginning and an end, which the model learns too. text: "
        "no documents, but one running text. files: each file, book or record. lines: each line. rows: each row "
        "of .tsv, .csv and .jsonl files. Documents are read in a new order each epoch, and each by itself.",
        choices=("text", "files", "lines", "rows"),
    )
    text_field: str = option(
        "text",
        "Where the text of --documents=rows is: the name of a column, or its number from 1 in a table without a "
        "header; in .jsonl, the key.",
    )
    labels: str = option(
        "",
        "Where the label of a document comes from, such as its author or its sentiment. The model learns what texts of "
        "each label are like, so that sample --label writes such texts and classify recognizes them. folder: the name "
        "of the folder that its file is in. file: the name of the file, without .txt. field: a column of rows. Empty: "
        "there are no labels.",
        choices=("", "folder", "file", "field"),
    )
    label_field: str = option(
        "label", "Where the label of --labels=field is: the name of a column or its number, as for --text_field."
    )
    deduplicate: bool = option(False, "Drop documents that have the same text as an earlier one.")
    text_encoding: str = option(
        "", "Encoding of the --text files, such as latin-1. Bytes that it lacks become U+FFFD. Detected by default."
    )
    clean: bool = option(
        True, "Remove Project Gutenberg's headers, footers and licences. --noclean keeps files as they are."
    )
    normalize: str = option(
        "nfc",
        "nfc: compose accents, unless --noclean. plain: also give all texts the same typography and layout, so that "
        "the model learns authors and not editions: quotes, dashes, ellipses and ligatures in ASCII, no _emphasis_, "
        "and one blank for each run of blanks and line ends.",
        choices=("nfc", "plain"),
    )
    tokens: str = option(
        "chars",
        "What the model reads and writes. chars: characters. words: the --max_words most frequent words, and "
        "characters: a rarer word is spelled, so that none is unknown. Losses are nats per character for both.",
        choices=("chars", "words"),
    )
    max_words: int = option(
        20_000,
        "How many words --tokens=words has. A blank belongs to the word after it; a word with a capital letter is "
        "another word.",
        at_least=1,
        at_most=1_000_000,
    )
    split: tuple[float, ...] = option(
        (0.9, 0.05, 0.05),
        "Shares of the text for training, validation and test. Running text is split in this order. A hash of its text "
        "decides where a document goes, so that the same text is never in two parts.",
        at_least=0,
        at_most=1,
    )
    max_vocabulary: int = option(
        0,
        "Largest number of different characters, for Chinese or Japanese. Rarer ones become the unknown "
        "character. 0: no limit.",
        at_least=0,
    )
    data_dir: str = option(
        "~/.cache/char_lstm_tf", "Folder for downloads and for encoded texts. Runs share it.", outcome=False
    )

    @property
    def prompt_reader(self) -> Reader:
        """How texts for the trained model are read. The encoding of the training text is tried, but not forced."""
        cleaned = self.clean and self.tfds.split("/")[0] in ("", "gutenberg")  # other datasets are left as they are
        return Reader(expected=self.text_encoding, clean=cleaned, plain=self.normalize == "plain")

    def check(self) -> None:
        """Checks the sources and the split."""
        super().check()
        sources = [f"--{name}" for name in ("text", "books", "tfds") if getattr(self, name)]
        if len(sources) > 1:
            raise UserError(f"{' and '.join(sources)}: give only one source; leave the others out")
        rows, field = self.documents == "rows", self.labels == "field"
        self.require(bool(self.text) or not rows, "documents", "reads tables; name them, such as --text=table.csv")
        self.require(bool(self.text) or not self.labels, "labels", "goes with files of your own; name them with --text")
        self.require(rows or not field, "labels", "names a column of --documents=rows; use folder or file, or rows")
        for name in ("text_field", "label_field"):
            self.require(bool(getattr(self, name)), name, "must be the name of a column, or its number from 1")
            self.require(getattr(self, name) != "0", name, "columns are counted from 1")
        self.require(
            not field or self.label_field != self.text_field,
            "label_field",
            "is the column of the text; name that of the labels",
        )
        self.require(
            self.max_vocabulary != 1,
            "max_vocabulary",
            "must be at least 2, the unknown character and another one, or 0 for no limit",
        )
        self.require(
            len(self.split) == 3 and math.isclose(sum(self.split), 1, abs_tol=1e-6),
            "split",
            "must be three shares that add up to 1, for training, validation and test, such as 0.9,0.05,0.05",
        )
        self.require(self.split[0] > 0, "split", "the share for training must be above 0")
