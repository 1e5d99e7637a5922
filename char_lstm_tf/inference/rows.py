"""The results of a command for each text: a line of a table, a line of JSON, or a row of a CSV file."""

import csv
import json
import sys
from typing import Any, Self

from pipelines.files import file_of


class Rows:
    """The results, in the order of the texts. Enter it before the first one.

    Args:
        output: CSV file to write instead of lines to stdout; "": none.
        as_json: print JSON.
    """

    def __init__(self, output: str, *, as_json: bool) -> None:
        self._output, self._as_json = output, as_json
        self._writer: csv.DictWriter[str] | None = None
        self._count = 0

    def __enter__(self) -> Self:
        if self._output:
            with file_of("output", self._output) as path:
                self._file = path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
        return self

    def __exit__(self, *_: object) -> None:
        if self._output:
            self._file.close()
            print(f"{self._output}: {self._count:,} rows", file=sys.stderr)

    def header(self, line: str) -> None:
        """Prints the line above the table."""
        if not (self._output or self._as_json):
            print(line, flush=True)

    def add(self, facts: dict[str, Any], line: str) -> None:
        """Prints or writes a result.

        Args:
            facts: for JSON and CSV. The columns of CSV are those of the first result. A dictionary in it, such as
                `{"probabilities": {"austen": 0.9}}`, has a column for each entry: `probabilities.austen`.
            line: of the table; "": none is printed.
        """
        self._count += 1
        if not self._output:
            shown = json.dumps(facts, ensure_ascii=False) if self._as_json else line
            print(shown, end="\n" if shown else "")
            return
        flat: dict[str, Any] = {}
        for name, value in facts.items():
            inner = value.items() if isinstance(value, dict) else ()
            flat |= {f"{name}.{key}": part for key, part in inner} if inner else {name: value}
        if self._writer is None:
            self._writer = csv.DictWriter(self._file, list(flat))
            self._writer.writeheader()
        self._writer.writerow(flat)

    def flush(self) -> None:
        """Flushes the output, since a program may wait for it at the other end of a pipe."""
        (self._file if self._output else sys.stdout).flush()
