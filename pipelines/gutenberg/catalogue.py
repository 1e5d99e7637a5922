"""Project Gutenberg's catalogue, searched by author, title, language and subject.

The catalogue is one file of the mirror: 20 MB, with a line for each of some 75,000 books.
"""

import csv
import re
import sys
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from absl import logging

from pipelines import UserError
from pipelines.files import remove
from pipelines.gutenberg.mirror import Mirror, book_number, fetch_file

_PATH = "cache/epub/feeds/pg_catalog.csv"
NAME = "pg_catalog.csv"
_COLUMNS = ("Text#", "Type", "Issued", "Title", "Language", "Authors", "Subjects")
_OLD_SECONDS = 30 * 86_400

# author:Tolstoy, title:"war and peace", or a bare word
_TERM = re.compile(r'(?:(?P<field>\w+):)?(?:"(?P<quoted>[^"]*)"|(?P<word>[^\s"]+))')
FIELDS = ("id", "title", "author", "language", "subject")


@dataclass(frozen=True, kw_only=True)
class Book:
    """What the catalogue says about a book.

    Attributes:
        id: Project Gutenberg's number.
        title: on one line.
        author: "Tolstoy, Leo, graf, 1828-1910", several joined by "; "; without translators and the like.
        language: ISO 639 codes, joined by "; " as the catalogue does: "en" or "en; tl".
        release_date: of the electronic edition, as YYYY-MM-DD.
        subjects: "Historical fiction; Napoleonic Wars, 1800-1815 -- Fiction".
    """

    id: int
    title: str
    author: str = ""
    language: str = ""
    release_date: str = ""
    subjects: str = ""


def load(*, mirror: Mirror, folder: Path) -> list[Book]:
    """Returns all books of the catalogue. It is downloaded if the one in `folder` is damaged or 30 days old.

    Raises:
        UserError: there is none in `folder`, and none can be downloaded.
    """
    file = folder / NAME
    fetch = partial(fetch_file, [_PATH], name=NAME, called="catalogue", mirror=mirror, folder=folder)
    if file.exists() and time.time() - file.stat().st_mtime > _OLD_SECONDS:
        old = file.rename(file.with_name(f".{NAME}.old"))
        try:
            fetch()
        except UserError as error:
            logging.warning("Using an old catalogue: %s", error)
        finally:
            if file.exists():
                old.unlink()
            else:
                old.rename(file)
    try:
        return read(fetch())
    except UserError as damage:
        logging.warning("%s", damage)
        remove(file)
        remove(file.with_name(f"{NAME}.sha256"))
        try:
            return read(fetch())
        except UserError as error:
            raise UserError(f"{damage}; {error}") from None


def read(file: Path) -> list[Book]:
    """Returns the books of a `pg_catalog.csv`, without recordings, pictures and data sets.

    Raises:
        UserError: `file` is damaged, or has other columns.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, strict=True)
            missing = [column for column in _COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise UserError(f"{file}: no column {missing[0]!r}, so this is not a catalogue")
            return [_book(row) for row in rows if row["Type"] == "Text" and row["Text#"].isdecimal()]
    except (UnicodeDecodeError, csv.Error, TypeError, AttributeError) as error:
        raise UserError(f"{file}: a damaged catalogue ({error})") from error


def _book(row: dict[str, str]) -> Book:
    """Returns one line of the catalogue as a record. Raises csv.Error if it is cut short."""
    if any(row[column] is None for column in _COLUMNS):
        raise csv.Error(f"book {row['Text#']} is cut short")
    people = [person.strip() for person in (row["Authors"] or "").split(";")]
    return Book(
        id=int(row["Text#"]),
        title=" ".join(row["Title"].split()),
        author="; ".join(person for person in people if person and not person.endswith("]")),  # [Translator]
        language=row["Language"],
        release_date=row["Issued"],
        subjects=row["Subjects"] or "",
    )


def search(query: str, *, books: Iterable[Book]) -> list[Book]:
    """Returns the books that match every term of `query`, in the catalogue's order.

    author:Tolstoy language:en title:"war and peace" → [Book(id=2600, …), …]

    `author`, `title` and `subject` look for a part, whatever its case and accents; `language` for a
    code, `id` for a number; a bare word for a part of title or author.

    Raises:
        UserError: an empty query, or one that can't be read.
    """
    terms = []
    for match in _TERM.finditer(query):
        field, wanted = match["field"], _plain(match["quoted"] or match["word"] or "")
        if field is not None and field not in FIELDS:
            raise UserError(f"--books={query}: {field} is not one of {', '.join(FIELDS)}")
        if not wanted or (field is None and wanted.endswith(":")):
            raise UserError(f"--books={query}: {match.group()} needs a value after it")
        terms.append((field, wanted))
    if not terms or _TERM.sub("", query).strip():
        raise UserError(f'--books={query}: write terms such as author:Tolstoy title:"war and peace"')
    return [book for book in books if all(_fits(book, field, wanted) for field, wanted in terms)]


def _fits(book: Book, field: str | None, wanted: str) -> bool:
    """Returns whether a book matches one term of a query."""
    if field == "id":
        return str(book.id) == wanted
    if field == "language":
        return wanted in book.language.split("; ")
    searched = {"title": book.title, "author": book.author, "subject": book.subjects}
    found = _plain(searched[field] if field else f"{book.title} {book.author}")
    if field == "author":  # the catalogue has "Carroll, Lewis"
        return all(word in found for word in wanted.split())
    return wanted in found


def _plain(text: str) -> str:
    """Returns `text` without case, accents and curved apostrophes: "Émile’s" → "emile's"."""
    text = text.replace("’", "'").replace("‘", "'")
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def numbers(books: str, *, mirror: Mirror, folder: Path, max_books: int) -> list[int]:
    """Returns the numbers of the books of `--books`. What a search found is printed to stderr.

    "2600, 1399" → [2600, 1399];  "author:Tolstoy language:en" → [985, 1399, …]

    Raises:
        UserError: as `search` and `load`, or it finds nothing, or more than `max_books`.
    """
    if re.fullmatch(r"[\d\s,]+", books):
        return list(dict.fromkeys(book_number(number) for number in books.replace(",", " ").split()))
    search(books, books=())  # so that a mistake in the query shows before 20 MB are downloaded
    found = search(books, books=load(mirror=mirror, folder=folder))
    for book in found[:max_books]:
        print(f"{book.id:>6}  {book.title} ({book.author or 'anonymous'}, {book.language})", file=sys.stderr)
    if not found:
        raise UserError(f"--books={books}: no book matches; check the spelling, or leave a term out")
    if len(found) > max_books:
        raise UserError(
            f"--books={books}: {len(found)} books match, {max_books} are allowed; "
            f"add a term, or --max_books={len(found)}"
        )
    return [book.id for book in found]
