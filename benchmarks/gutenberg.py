"""Measures the cleaner on books that its weights weren't fitted on. With --fit, fits the weights on all books.

    python -m benchmarks.gutenberg --data=../shared/data
    python -m benchmarks.gutenberg --data=../shared/data --fit

The books are divided into two halves by their number, so all editions of a book are in the same half. The weights are
fitted on each half and tried on the other. Then they are fitted and tried on all books. `gutenberg_labels.tsv` says
which lines of each file the author didn't write. --fit writes `pipelines/gutenberg/cleaning/weights.py`. It all takes
about 75 seconds.
"""

import csv
import dataclasses
import re
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.conditional_field import Fitted, Row, fit
from pipelines import command_line
from pipelines.decoding import decode
from pipelines.gutenberg.cleaning import brackets, clean, judging, weights
from pipelines.gutenberg.cleaning.__main__ import texts
from pipelines.gutenberg.cleaning.cleaner import normalized
from pipelines.gutenberg.cleaning.spans import Span, remove
from pipelines.options import Options, option

_LABELS = Path(__file__).with_name("gutenberg_labels.tsv")
_TOLERANCE = 130  # characters that may be wrongly kept or lost in a file that counts as right
_LETTER = re.compile(r"[^\W\d_]")
_START_MARKER = re.compile(r"^\*\*\* ?START OF TH.*\n(?:.+\*\*\*\n)?", re.MULTILINE)

# Paragraphs of authors. In the files, no author speaks of such things, so these teach that one may.
_AUTHORS = (
    "My uncle typed for Project Gutenberg every evening of that winter, and my aunt read the proofs.",
    "Project Gutenberg was forty years old when she discovered it. She had read half its e-books by the spring.",
    "The Internet Archive opened its doors in 1996, and the Distributed Proofreaders came four years later.",
    "He closed the e-book, put out the lamp and went to bed.",
    "You can have the e-books of Project Gutenberg for nothing. Nobody asks what you do with them.",
    "The transcriber of the manuscript was a monk of Cluny. His hand is clear, and the spelling is his own.",
    "In this edition I have corrected the misprints of the first, and restored the notes which the printer left out.",
    "The editor has to thank the trustees of the library for permission to print these letters.",
    "The scanner hummed in the cellar while the volunteers came in out of the rain, one by one.",
    'MARK = "*** START OF THIS PROJECT GUTENBERG EBOOK"',
    "She read the Project Gutenberg edition on the train. It was made by people whom she had never met.",
    "Note: the lamp is lit at dusk.",
    "CONTENTS\n1. Oil           3\n2. E-books       17\n3. Project Gutenberg  41",
)
# Paragraphs of authors in a text that doesn't come from Project Gutenberg, where they would be credits.
_ELSEWHERE = ("Produced by hand, as all my lamps are.", "Prepared for my aunt.", "Typed by my brother on a Sunday.")
# Notes and lists of volunteers, of kinds that few files have.
_VOLUNTEERS = (
    "Scanner's Note\n\nThe pages were photographed in a barn.\n\nI read them twice.",
    "Foreword to the eBook\n\nMy father had a copy.\n\nIt lay in the barn.",
    "Nota do transcritor:\n\nA ortografia foi mantida.",
    "Anmerkungen zur Transkription\n\nGesperrte Stellen sind so dargestellt.\n\nSeite 3: Dochte durch Docht",
    "Au lecteur\n\nLa présente édition électronique suit celle de 1880.\n\nLes coquilles ont été corrigées.",
    "Notes\n\nPage 12: lanp changed to lamp\nPage 40: ligth changed to light",
    "Nota del transcriptor\n\n\n  Las comillas son del original.\n\n\n\n  Página 5: luz por lus.",
    "Errors corrected by the scanner\n\n\n  Wicks are wicks.\n\n\n\n  Page 9, light changed to lights.",
    "     *     *     *     *\n  *     *     *     *\n\nErrata\n\n  For wick read oil.",
    "This is the June 1993 Project Gutenberg release of:\n\nWicks\n\nThis etext is the first.",
    "The Project Gutenberg Etext of Wicks\n\nby Bo Nother\n\n***** This file should be named wick11.txt *****",
    "Wicks in Project Gutenberg:\n\nPart   Name     Number\n1      Tallow   4001\n2      Cotton   4002",
    "Part     Name       eBook No.\nFirst    Tallow     4001\nSecond   Cotton     4002",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GutenbergConfig(Options):
    """What to measure."""

    data: str = option("../shared/data", "Folder with the files that the labels name.")
    fit: bool = option(False, "Write the weights fitted on all files.")


@dataclasses.dataclass(frozen=True)
class File:
    """A file of Project Gutenberg.

    Attributes:
        name: that of the file.
        text: all of it.
        book: the lines between header and footer, from 1.
        added: spans of lines between them that the author didn't write.
    """

    name: str
    text: str
    book: Span
    added: tuple[Span, ...]

    @property
    def half(self) -> int:
        """0 or 1, the same for all editions of a book."""
        number = re.search(r"pg(\d+)", self.name) or re.search(r"(\d+)(?:__|[._-]|$)", self.name)
        return zlib.crc32((number[1] if number else self.name).encode()) % 2

    @property
    def truth(self) -> str:
        """What the cleaner should leave, but for markers of illustrations."""
        lines = self.text.split("\n")
        for first, last in self.added:
            lines[first - 1 : last] = [""] * (last - first + 1)
        return "\n".join(lines[self.book[0] - 1 : self.book[1]])


def read_files(data: Path) -> Iterator[File]:
    """Yields the files that the labels name."""
    with _LABELS.open(encoding="utf-8") as file:
        labels = {(row["folder"], row["file"]): row for row in csv.DictReader(file, delimiter="\t")}
    for folder in sorted({folder for folder, _ in labels}):
        for path in sorted((data / folder).iterdir()):
            for name, content in texts(path) if path.suffix != ".tsv" else ():
                if row := labels.pop((folder, name), None):
                    text = normalized(decode(content, encoding=row["encoding"] or None, name=name).text, [])
                    added = [span.split("-") for span in row["added"].split()]
                    book = int(row["first"]), int(row["last"])
                    yield File(name, text, book, tuple((int(first), int(last)) for first, last in added))


def rows(file: File) -> Iterator[Row]:
    """Yields the rows of a file: of its book alone, known to be the project's and not, and of header and book."""
    lines = file.text.split("\n")
    first, last = file.book
    book = "\n".join(lines[first - 1 : last])
    added = {line.strip() for start, end in file.added for line in lines[start - 1 : end]}
    header = {line.strip() for line in lines[: first - 1]}
    versions = [(book, False)]
    if (first, last) != (1, len(lines)):
        versions.append((book, True))
        if "*** START OF TH" in "\n".join(lines[:first]):
            versions.append((_START_MARKER.sub("", "\n".join(lines[:last])), False))
    for number, (version, known) in enumerate(versions):
        text = remove(version, brackets.pictures(version)) if known or judging.names_the_project(version) else version
        text = remove(text, brackets.titled_notes(text))
        others = added | header if number == 2 else added
        for paragraphs in judging.rows(text, known=known)[: 1 if number == 2 else 2]:
            labels = [_is_added(text[part.start : part.end], others) for part in paragraphs]
            yield Row(paragraphs, _with_rows(paragraphs, labels))


def invented_rows() -> Iterator[Row]:
    """Yields rows with the invented paragraphs of authors and notes of volunteers, above and below a text."""
    for known, examples in ((False, _AUTHORS + _ELSEWHERE), (True, _AUTHORS)):
        for paragraph in 3 * examples:
            for text in (f"LAMPS\n\n{paragraph}\n\n{_PROSE}\n\n{_PROSE}\n", f"{_PROSE}\n\n{_PROSE}\n\n{paragraph}\n"):
                for paragraphs in judging.rows(text, known=known):
                    yield Row(paragraphs, [False] * len(paragraphs))
    for note in 3 * _VOLUNTEERS:
        rest = f"CHAPTER I.\n\n{_PROSE}\n\n{_PROSE}\n\nTHE END\n"
        for text in (f"{note}\n\n\n{rest}", f"{rest}\n\n{note}\n"):
            for known in (False, True):
                start = text.index(note)
                for paragraphs in judging.rows(text, known=known):
                    yield Row(paragraphs, [start <= part.start < start + len(note) for part in paragraphs])


_PROSE = "The lamp stood on the sill, and nobody knew who had lit it. It went out at dawn.\n" * 12


def _with_rows(paragraphs: list[judging.Paragraph], labels: list[bool]) -> list[bool]:
    """Returns `labels` in which a row of asterisks between two paragraphs of the volunteers is theirs too."""
    if not labels:
        return []
    around = zip([False, *labels[:-1]], [*labels[1:], False], strict=True)
    return [
        label or ("bias" not in paragraph.signs and above and below)
        for paragraph, label, (above, below) in zip(paragraphs, labels, around, strict=True)
    ]


def _is_added(paragraph: str, added: set[str]) -> bool:
    """Returns whether the lines that the author didn't write are more than half of a paragraph."""
    lines = [line.strip() for line in paragraph.split("\n") if line.strip()]
    return 2 * sum(len(line) for line in lines if line in added) > sum(map(len, lines))


def difference(file: File) -> tuple[int, int]:
    """Returns the characters that the cleaner keeps wrongly in a file, and those of the book that it loses."""
    truth = remove(file.truth, brackets.pictures(file.truth)) if file.book[0] > 1 else file.truth
    truth = remove(truth, brackets.titled_notes(truth))
    found, wanted = (
        Counter(
            line.strip() for line in text.split("\n") if _LETTER.search(line) and not brackets.IMAGE_FILE.match(line)
        )
        for text in (clean(file.text).text, truth)
    )
    kept, lost = (sum(len(line) * n for line, n in part.items()) for part in (found - wanted, wanted - found))
    return kept, lost


def main(config: GutenbergConfig) -> None:
    """Prints a table."""
    files = list(read_files(Path(config.data)))
    taught = {file.name: list(rows(file)) for file in files}
    print("| fitted on | tried on | files | right within 130 characters | characters kept wrongly | of the book lost |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    halves = [[file for file in files if file.half == half] for half in (0, 1)]
    for name, fitted_on, tried_on, other in (
        ("first half", halves[0], halves[1], "second half"),
        ("second half", halves[1], halves[0], "first half"),
        ("all", files, files, "all"),
    ):
        fitted = fit([*(row for file in fitted_on for row in taught[file.name]), *invented_rows()])
        fitted.use()
        differences = {file.name: difference(file) for file in tried_on}
        right = sum(sum(both) <= _TOLERANCE for both in differences.values())
        kept, lost = (sum(part) for part in zip(*differences.values(), strict=True))
        print(f"| {name} | {other} | {len(tried_on)} | {right} | {kept:,} | {lost:,} |")
        for file_name, both in differences.items():
            if sum(both) > _TOLERANCE:
                print(f"{file_name}: {both[0]:,} characters kept wrongly, {both[1]:,} lost", file=sys.stderr)
    if config.fit:
        Path(weights.__file__).write_text(source(fitted), encoding="utf-8")


def source(fitted: Fitted) -> str:
    """Returns a module with the weights."""
    signs = sorted(fitted.signs.items(), key=lambda item: -item[1])
    pairs = [f"{name} {weight}" for name, weight in signs]
    table = ",\n".join(", ".join(pairs[start : start + 6]) for start in range(0, len(pairs), 6))
    enter, leave = fitted.enter.tolist(), fitted.leave.tolist()
    return (
        '"""Weights in nats. Above 0, they speak for the volunteers; below 0, for the author.\n\n'
        '`python -m benchmarks.gutenberg --fit` writes this file.\n"""\n\n'
        f'_OF_SIGNS = """\n{table}\n"""\n'
        'WEIGHTS = {name: float(weight) for name, weight in map(str.split, _OF_SIGNS.split(","))}\n'
        "# Of a change from the author to the volunteers, and back: first at the start of a text, then at its end,\n"
        f"# for 2, 3, and 4 or more ends of lines between the paragraphs.\nENTER = {enter}\nLEAVE = {leave}\n"
        "# Of volunteers' words in the first paragraph that is judged, at the start of a text and at its end.\n"
        f"START = {fitted.start.tolist()}\n"
    )


if __name__ == "__main__":
    command_line.run(main, GutenbergConfig)
