"""The texts that a command reads: whole files, groups of documents, or lines as they come."""

import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from char_lstm_tf.config import Config
from pipelines import UserError, sources
from pipelines.corpus import Corpus
from pipelines.options import Options, option
from pipelines.sources import Document

AT_ONCE = 1 << 20  # characters of documents in memory at a time


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextOptions(Options):
    """Texts: which ones, and how they are read."""

    text: tuple[str, ...] = option(
        (),
        "Files, folders (their *.txt files) or globs. - reads lines from standard input as they come.",
    )
    documents: str = option(
        "",
        "What a document is: files (or text), lines or rows, as for train. Default: what the model was trained on.",
        choices=("", "text", "files", "lines", "rows"),
    )
    text_field: str = option("", "Where the text of rows is, as for train. Default: as for the training text.")
    text_encoding: str = option(
        "", "Encoding of the --text files, such as latin-1. Default: detected, and that of the training text is tried."
    )
    clean: bool | None = option(
        None,
        "Remove Project Gutenberg's headers, footers and licences. --noclean keeps files as they are. Default: as for "
        "the training text.",
    )
    output: str = option(
        "",
        "CSV file to write, instead of printing rows: the place of each text, the text unless it is a whole file, and "
        "what --json prints about it. The totals are still printed.",
    )

    def check(self) -> None:
        """Checks the flags that don't go with standard input."""
        super().check()
        if self.from_stdin:
            self.require(self.text == ("-",), "text", "- is standard input, which is read alone; leave the files out")
            self.require(self.documents in ("", "lines"), "documents", "--text=- reads lines; leave the flag out")

    @property
    def from_stdin(self) -> bool:
        """Whether lines come from standard input."""
        return "-" in self.text

    def reader(self, run: Config) -> sources.Reader:
        """Returns how to read texts for a run: as its training text was read, unless flags say otherwise."""
        clean = run.prompt_reader.clean if self.clean is None else self.clean
        return dataclasses.replace(run.prompt_reader, encoding=self.text_encoding, clean=clean)

    def documents_for(self, run: Config) -> str:
        """Returns what a document is: `text`, `files`, `lines` or `rows`."""
        return "lines" if self.from_stdin else self.documents or run.documents

    def find_sources(self, run: Config, *, labels: str = "", label_field: str = "") -> list[sources.Source]:
        """Returns the files to read for a run; none for standard input.

        Args:
            run: the flags of the run.
            labels: as for `train`.
            label_field: as for `train`.

        Raises:
            UserError: there is no such file.
        """
        return sources.text_documents(
            () if self.from_stdin else self.text,
            self.reader(run),
            documents=self.documents_for(run),
            text_field=self.text_field or run.text_field,
            labels=labels,
            label_field=label_field or run.label_field,
        )

    def read(self, run: Config, found: Sequence[sources.Source], *, passage: int = 0) -> Iterator[list[Document]]:
        """Returns the documents of files, or else the lines of standard input as they come, in groups.

        Args:
            run: the flags of the run.
            found: what `find_sources` returned.
            passage: cut the documents of files into passages of this many characters; 0: don't.

        Raises:
            UserError: a file can't be read, or there is no document.
        """
        if self.from_stdin:
            return lines_as_they_come(sys.stdin.buffer, self.reader(run))
        documents = read_documents(found)
        return in_groups(passages(documents, passage) if passage else documents)


def read_texts(found: Sequence[sources.Source]) -> list[Document]:
    """Returns the text of each file, and prints to stderr how they were read.

    Raises:
        UserError: a file can't be read, or has nothing to score.
    """
    texts, lines = [], [sources.SourceLine(source.name) for source in found]
    for source, line in zip(found, lines, strict=True):
        texts.append(Document("".join(sources.joined(line.watch(source.documents()))), file=source.name))
        if len(texts[-1].text) < 2:
            raise UserError(f"--text={source.name}: needs at least two characters, the first isn't scored")
    print(*sources.in_short(lines), sep="\n", file=sys.stderr)
    return texts


def read_documents(found: Sequence[sources.Source]) -> Iterator[Document]:
    """Yields the documents of all files, and prints to stderr how these were read. Empty documents are left out.

    Raises:
        UserError: a file can't be read, or there is no document.
    """
    lines, empty = [sources.SourceLine(source.name, documents=True) for source in found], 0
    for source, line in zip(found, lines, strict=True):
        for document in line.watch(source.documents()):
            if document.text.strip():
                yield document if document.file else dataclasses.replace(document, file=source.name)
            else:
                empty += 1
    print(*sources.in_short(lines), sep="\n", file=sys.stderr)
    if empty:
        print(f"{empty:,} empty documents were left out", file=sys.stderr)
    if empty == sum(line.count for line in lines):
        raise UserError(f"no document in {', '.join(source.name for source in found)}")


def documents_of_part(corpus: Corpus, part: str, label: str = "") -> Iterator[Document]:
    """Yields a held-out part of a run's own text: all of a running text, or each document.

    Args:
        corpus: the text.
        part: `validation` or `test`.
        label: leave out documents with other labels; "": none.

    Raises:
        UserError: there is nothing to score in it.
    """
    if part not in corpus.held_out():
        raise UserError(f"--part={part}: the run left nothing of its text to it (--split)")
    yield from corpus.texts(part, label)


def passages(documents: Iterable[Document], size: int) -> Iterator[Document]:
    """Yields the documents cut into passages of `size` characters, and prints to stderr how many were too short.

    The rest at the end is left out. Before: `"abcdefgh"`, named `f.txt`, of size 3; after: `"abc"`, named `f.txt[0:3]`,
    and `"def"`.
    """
    short = 0
    for document in documents:
        count = len(document.text) // size
        short += not count
        for start in range(0, count * size, size):
            yield dataclasses.replace(document, text=document.text[start : start + size], start=start)
    if short:
        print(f"{short:,} documents have fewer than {size:,} characters and were left out", file=sys.stderr)


def in_groups(texts: Iterable[Document]) -> Iterator[list[Document]]:
    """Yields texts in groups of about a million characters, so that memory doesn't grow with a file."""
    group: list[Document] = []
    size = 0
    for text in texts:
        group.append(text)
        size += len(text.text) + 1
        if size >= AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def lines_as_they_come(stream: BinaryIO, reader: sources.Reader) -> Iterator[list[Document]]:
    """Yields the lines of a stream, as many as there are at the time; empty ones are left out."""
    number, waiting = 0, b""
    encoding = reader.encoding or reader.expected or "utf-8"
    while True:
        read = os.read(stream.fileno(), 1 << 16)
        *lines, waiting = (waiting + read).split(b"\n") if read else [waiting, b""]
        texts = []
        for line in lines:
            number += 1
            try:
                text = reader.prompt(line.decode(encoding, "replace")).rstrip("\n")
            except LookupError:
                raise UserError(f"--text_encoding={encoding}: Python doesn't know this encoding; try utf-8") from None
            if text.strip():
                texts.append(Document(text, file="-", line=number))
        if texts:
            yield texts
        if not read:
            return
