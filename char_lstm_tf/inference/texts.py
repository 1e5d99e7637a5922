"""The texts to measure a model on: files as a whole, documents of files in groups, or lines as they come."""

import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from char_lstm_tf.config import Config
from pipelines import UserError, sources
from pipelines.corpus import Corpus, IdRange
from pipelines.sources import Document

AT_ONCE = 1 << 20  # characters of documents in memory at a time


def reader_for(run: Config, *, encoding: str, clean: bool | None) -> sources.Reader:
    """Returns how to read texts for a run: as its training text was read, unless flags say otherwise."""
    clean = run.prompt_reader.clean if clean is None else clean
    return dataclasses.replace(run.prompt_reader, encoding=encoding, clean=clean)


def read_texts(found: Sequence[sources.Source]) -> list[Document]:
    """Returns the text of each file, and says on stderr how it was read.

    Raises:
        UserError: a file can't be read, or has nothing to score.
    """
    texts = []
    for source in found:
        line = sources.SourceLine(source.name)
        texts.append(Document("".join(sources.joined(line.watch(source.documents()))), name=source.name))
        print(line, file=sys.stderr)
        if len(texts[-1].text) < 2:
            raise UserError(f"--text={source.name}: needs at least two characters, the first isn't scored")
    return texts


def read_documents(found: Sequence[sources.Source]) -> Iterator[Document]:
    """Yields the documents of all files, and says on stderr how each file was read. Empty ones are left out.

    Raises:
        UserError: a file can't be read, or there is no document.
    """
    count = 0
    for source in found:
        line, empty = sources.SourceLine(source.name, documents=True), 0
        for document in line.watch(source.documents()):
            if document.text.strip():
                yield document if document.name else dataclasses.replace(document, name=source.name)
                count += 1
            else:
                empty += 1
        print(line, file=sys.stderr)
        if empty:
            print(f"{source.name}: {empty:,} empty documents were left out", file=sys.stderr)
    if not count:
        raise UserError(f"no document in {', '.join(source.name for source in found)}")


def documents_of_part(corpus: Corpus, part: str, label: str = "") -> Iterator[Document]:
    """Yields the held-out part of a run's own text, as training read it: all of a running text, or each document.

    Args:
        corpus: the text.
        part: `validation` or `test`.
        label: leave out documents with other labels; "": none.

    Raises:
        UserError: there is nothing to score in it.
    """
    held_out, vocabulary = corpus.held_out().get(part), corpus.vocabulary
    if held_out is None:
        raise UserError(f"--part={part}: the run left nothing of its text to it (--split)")
    if isinstance(held_out, IdRange):
        yield Document(vocabulary.decode(held_out[:]), name=part)
        return
    wanted, count = vocabulary.labels.index(label) if label in vocabulary.labels else None, 0
    for packed in held_out.packed(size=AT_ONCE):
        labels = [None] * len(packed.places) if packed.labels is None else packed.labels.tolist()
        for ids, its_label in zip(packed.each(), labels, strict=False):
            count += 1
            if wanted is None or its_label == wanted:
                yield Document(vocabulary.decode(ids[1:-1]), name=f"{part}:{count}", label=label)


def passages(documents: Iterable[Document], size: int) -> Iterator[Document]:
    """Yields the documents cut into passages of `size` characters, and says on stderr how many were too short for one.

    The rest at the end is left out. Before: `"abcdefgh"`, named `f.txt`, of size 3; after: `"abc"`, named `f.txt[0:3]`,
    and `"def"`.
    """
    short = 0
    for document in documents:
        count = len(document.text) // size
        short += not count
        for start in range(0, count * size, size):
            name = f"{document.name}[{start}:{start + size}]"
            yield dataclasses.replace(document, text=document.text[start : start + size], name=name)
    if short:
        print(f"{short:,} documents have fewer than {size:,} characters and were left out", file=sys.stderr)


def in_groups(texts: Iterable[Document]) -> Iterator[list[Document]]:
    """Yields texts in groups of some million characters, so that memory doesn't grow with a file."""
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
                texts.append(Document(text, name=f"-:{number}"))
        if texts:
            yield texts
        if not read:
            return
