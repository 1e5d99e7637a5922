"""Tables → a document a row: .tsv, .csv and .jsonl files."""

import csv
import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import UserError
from pipelines.sources.documents import Document, Source
from pipelines.sources.lines import lines_of

SUFFIXES = (".tsv", ".csv", ".jsonl")


@dataclass(frozen=True)
class Rows:
    """The texts in one column of a table.

    Attributes:
        source: of the table as text, not cleaned.
        text_field: the column by its name in the first line, or by its number from 1 in a table without a header; of
            .jsonl, the key.
        compose: whether to compose accents (NFC).
    """

    source: Source
    text_field: str
    compose: bool = True

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.source.name

    def fingerprint(self) -> str:
        """Returns a hash of everything the texts are made from."""
        kind = Path(self.name).suffix.lower()
        return f"{self.source.fingerprint()} rows {kind} {self.text_field} {self.compose}"

    def documents(self) -> Iterator[Document]:
        """Yields a document a row, named `FILE:LINE` by the line that it ends in.

        Raises:
            UserError: the file has another suffix, a row lacks the field or isn't in the format. The message has its
                line.
        """
        read = _READERS.get(Path(self.name).suffix.lower())
        if read is None:
            raise UserError(f"--text={self.name}: not a table; --documents=rows reads {', '.join(SUFFIXES)} files")
        encoding, replaced = "", 0

        def lines() -> Iterator[str]:
            nonlocal encoding, replaced
            for document in self.source.documents():
                encoding, replaced = document.encoding, replaced + document.replaced
                yield from lines_of(document.text)

        for line, text in read(lines(), self.text_field, self.name):
            if self.compose:
                text = unicodedata.normalize("NFC", text)
            yield Document(text, encoding, replaced, name=f"{self.name}:{line}")
            replaced = 0


def _comma_separated(lines: Iterable[str], field: str, name: str) -> Iterator[tuple[int, str]]:
    """Yields line numbers and texts of a .csv file: RFC 4180, so a field in quotes may hold commas and line ends."""
    return _table(csv.reader((line + "\n" for line in lines), strict=True), field, name)


def _tab_separated(lines: Iterable[str], field: str, name: str) -> Iterator[tuple[int, str]]:
    """Yields line numbers and texts of a .tsv file, in which quotes are characters like any other."""
    rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
    return _table(rows, field, name)


def _table(rows: Any, field: str, name: str) -> Iterator[tuple[int, str]]:
    csv.field_size_limit(sys.maxsize)  # it is 131,072 characters, and there is no way to set it for one reader
    column = int(field) - 1 if field.isdecimal() else None
    try:
        for row in rows:
            if column is None:
                column = _place(row, field, name)
            elif not row:
                yield rows.line_num, ""
            elif column < len(row):
                yield rows.line_num, row[column]
            else:
                raise UserError(
                    f"{name}: line {rows.line_num} has {len(row)} columns, and --text_field={field} is column "
                    f"{column + 1}; add what is missing, or remove the line"
                )
    except csv.Error as error:
        raise UserError(f"{name}: line {rows.line_num}: {error}; repair the line, or quote its fields") from error


def _place(header: list[str], field: str, name: str) -> int:
    if field in header:
        return header.index(field)
    columns = ", ".join(header)[:200]
    raise UserError(
        f"--text_field={field}: {name} has no such column; its first line is: {columns}. Name one of them, or give the "
        "number of the column, from 1, if the table has no header"
    )


def _json_lines(lines: Iterable[str], field: str, name: str) -> Iterator[tuple[int, str]]:
    """Yields line numbers and texts of a .jsonl file: an object a line."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            yield number, ""
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{name}: line {number} is not JSON ({error}); repair or remove it") from error
        text = row.get(field) if isinstance(row, dict) else None
        if not isinstance(text, str):
            keys = ", ".join(row)[:200] if isinstance(row, dict) else "no object"
            raise UserError(
                f"{name}: line {number} has no text in --text_field={field} (it has: {keys}); name another field, or "
                "repair the line"
            )
        yield number, _whole_characters(text)


def _whole_characters(text: str) -> str:
    """Returns a text in which halves of surrogate pairs, which JSON allows, are U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_READERS: dict[str, Callable[[Iterable[str], str, str], Iterator[tuple[int, str]]]] = {
    ".csv": _comma_separated,
    ".tsv": _tab_separated,
    ".jsonl": _json_lines,
}
