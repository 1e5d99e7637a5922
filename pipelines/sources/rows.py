"""Tables → one document per row: .tsv, .csv and .jsonl files."""

import csv
import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import UserError
from pipelines.sources.derived import Derived, lines_of, tidy
from pipelines.sources.documents import Document

SUFFIXES = (".tsv", ".csv", ".jsonl")

Fields = dict[str, str]  # the flag of each field → the column that it names
Row = tuple[int, list[Any]]  # number of a line, and the values of the fields; [] for an empty row


@dataclass(frozen=True)
class Rows(Derived):
    """The texts in one column of a table, and their labels in another.

    Attributes:
        source: the table as text, not cleaned.
        text_field: the column, by its name in the first line, or by its number from 1 in a table without a header; for
            .jsonl, the key.
        label_field: the column of the labels, in the same way; empty: there are no labels.
        compose: whether to compose accents (NFC).
    """

    text_field: str
    label_field: str = ""
    compose: bool = True

    @property
    def change(self) -> str:
        """The format of the table, its columns, and whether accents are composed."""
        labels = f" label {self.label_field}" if self.label_field else ""
        return f"rows {Path(self.name).suffix.lower()} {self.text_field} {self.compose}{labels}"

    def documents(self) -> Iterator[Document]:
        """Yields one document per row, named `FILE:LINE` by the line that it ends in.

        Raises:
            UserError: the file has another suffix, a row lacks a field or isn't in the format. The message has its
                line.
        """
        read = _READERS.get(Path(self.name).suffix.lower())
        if read is None:
            raise UserError(f"--text={self.name}: not a table; --documents=rows reads {', '.join(SUFFIXES)} files")
        encoding, replaced = "", 0
        fields = {"text_field": self.text_field} | ({"label_field": self.label_field} if self.label_field else {})

        def lines() -> Iterator[str]:
            nonlocal encoding, replaced
            for document in self.source.documents():
                encoding, replaced = document.encoding, replaced + document.replaced
                yield from lines_of(document.text)

        for line, values in read(lines(), fields, self.name):
            text, label = [*values, "", ""][:2]
            if self.compose:
                text = unicodedata.normalize("NFC", text)
            label = _label(label, f"{self.name}:{line}")
            yield Document(text, encoding, replaced, file=self.name, line=line, label=label)
            replaced = 0


def _label(value: Any, place: str) -> str:
    """Returns a label as text. A number or a truth value in .jsonl is written as there, and null is ""."""
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        try:
            return tidy(value if isinstance(value, str) else json.dumps(value))
        except UserError as error:
            raise UserError(f"{place}: {error}") from None
    raise UserError(f"{place}: --label_field holds {type(value).__name__}, which can't be a label; name another field")


def _table(lines: Iterable[str], fields: Fields, name: str) -> Iterator[Row]:
    """Yields the rows of a .csv or .tsv file."""
    if name.lower().endswith(".csv"):  # RFC 4180: a field in quotes may hold commas and line ends
        rows = csv.reader((line + "\n" for line in lines), strict=True)
    else:  # quotes are characters like any other
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
    csv.field_size_limit(sys.maxsize)  # the default is 131,072 characters; it can't be set for one reader
    columns: list[int] | None = None
    if all(field.isdecimal() for field in fields.values()):  # so there is no header
        columns = [int(field) - 1 for field in fields.values()]
    try:
        for row in rows:
            if columns is None:
                columns = [_place(row, flag, field, name) for flag, field in fields.items()]
            elif not row:
                yield rows.line_num, []
            elif max(columns) < len(row):
                yield rows.line_num, [row[column] for column in columns]
            else:
                flag, column = max(zip(fields, columns, strict=True), key=lambda pair: pair[1])
                raise UserError(
                    f"{name}: line {rows.line_num} has {len(row)} columns, and --{flag}={fields[flag]} is column "
                    f"{column + 1}; add what is missing, or remove the line"
                )
    except csv.Error as error:
        raise UserError(f"{name}: line {rows.line_num}: {error}; repair the line, or quote its fields") from error


def _place(header: list[str], flag: str, field: str, name: str) -> int:
    if field in header:
        return header.index(field)
    if field.isdecimal():
        return int(field) - 1
    columns = ", ".join(header)[:200]
    raise UserError(
        f"--{flag}={field}: {name} has no such column; its first line is: {columns}. Name one of them, or give the "
        "number of the column, from 1, if the table has no header"
    )


def _json_lines(lines: Iterable[str], fields: Fields, name: str) -> Iterator[Row]:
    """Yields the rows of a .jsonl file: one object per line."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            yield number, []
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{name}: line {number} is not JSON ({error}); repair or remove it") from error
        for flag, field in fields.items():
            what, kind = ("text", str) if flag == "text_field" else ("label", object)
            if not isinstance(row, dict) or field not in row or not isinstance(row[field], kind):
                keys = ", ".join(row)[:200] if isinstance(row, dict) else "no object"
                raise UserError(
                    f"{name}: line {number} has no {what} in --{flag}={field} (it has: {keys}); name another field, or "
                    "repair the line"
                )
        values = [row[field] for field in fields.values()]
        for place, value in enumerate(values):
            if isinstance(value, str):  # halves of surrogate pairs, which JSON allows, become U+FFFD
                values[place] = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        yield number, values


_READERS: dict[str, Callable[[Iterable[str], Fields, str], Iterator[Row]]] = {
    ".csv": _table,
    ".tsv": _table,
    ".jsonl": _json_lines,
}
