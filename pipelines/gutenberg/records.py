"""Number of a book → its record: downloaded, decoded, described and cleaned. TFDS isn't needed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from pipelines import UserError
from pipelines.decoding import decode
from pipelines.gutenberg import catalogue
from pipelines.gutenberg.catalogue import Book
from pipelines.gutenberg.cleaning import clean
from pipelines.gutenberg.header import read_header
from pipelines.gutenberg.mirror import Mirror, fetch_book, fetch_books

Record = tuple[int, dict[str, Any]]


def known_books(numbers: Sequence[int], *, mirror: Mirror, folder: Path) -> list[Book]:
    """Returns what the catalogue says about each book; about all books if there are no `numbers`.

    For a few books, the catalogue (20 MB) is used only if a search has downloaded it already: the headers of the books
    say nearly as much.
    """
    if numbers and not (folder / catalogue.NAME).exists():
        return [Book(id=number, title="") for number in numbers]
    books = catalogue.load(mirror=mirror, folder=folder)
    by_number = {book.id: book for book in books}
    return [by_number.get(number, Book(id=number, title="")) for number in numbers or by_number]


def records(books: Sequence[Book], *, mirror: Mirror, folder: Path) -> Iterator[Record]:
    """Yields the record of each book, downloaded with a progress bar. Raises what `fetch_book` does."""
    files = fetch_books([book.id for book in books], mirror=mirror, folder=folder)
    for position, (book, (_, file)) in enumerate(zip(books, files, strict=True)):
        yield position, record(book, file)


def record_or_none(numbered: tuple[int, Book], *, mirror: Mirror, folder: Path) -> Iterator[Record]:
    """Yields the record of a book, or nothing if that fails: a few of 75,000 aren't texts and mustn't stop the rest."""
    position, book = numbered
    try:
        yield position, record(book, fetch_book(book.id, mirror=mirror, folder=folder))
    except UserError as error:
        logging.warning("Left out: %s", error)


def record(known: Book, file: Path) -> dict[str, Any]:
    """Returns the record of a downloaded book, by the catalogue or else by its header.

    Raises:
        UserError: its bytes can't be decoded.
    """
    text = decode(file.read_bytes(), name=str(file)).text
    says = read_header(text, number=known.id)
    fields = ("title", "author", "language", "release_date")
    about = {field: getattr(known, field) or getattr(says, field) for field in fields}
    return {"id": known.id, **about, "text": clean(text).text}
