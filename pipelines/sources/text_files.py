"""Files, folders and globs → text files; and the text to train on when none is given."""

import dataclasses
import glob
import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines import UserError
from pipelines.files import path_of
from pipelines.gutenberg import cleaning
from pipelines.sources import large_files, rows
from pipelines.sources.derived import Labelled, Lines, Plain
from pipelines.sources.documents import Document, Source
from pipelines.sources.reading import Reader

_DEFAULT_READER = Reader()


@dataclass(frozen=True)
class TextFile:
    """A text file. `piped` are the bytes of a pipe, which can be read only once."""

    path: Path
    reader: Reader = _DEFAULT_READER
    piped: bytes | None = None

    @property
    def name(self) -> str:
        """The path as given."""
        return str(self.path)

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the bytes, and how they are read."""
        how = f"{self.reader.encoding} {self.reader.clean}"
        if self._is_large:
            with self.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
            traces = large_files.found_in(self.path, large_files.TRACES)
        else:
            data = self._bytes()
            digest, traces = hashlib.sha256(data), large_files.TRACES.search(data) is not None
        if self.reader.clean and traces:
            how += f" cleaner {cleaning.VERSION}"
        return f"{digest.hexdigest()} {how}"

    def documents(self) -> Iterator[Document]:
        """Yields the text, a large one in pieces that end where a line ends.

        Raises:
            UserError: the file can't be read, is empty, or isn't text in its encoding.
        """
        if self._is_large and large_files.is_plain(self.path, self.reader):
            yield from large_files.pieces(self.path, self.reader)
            return
        data = self._bytes()
        if not data.strip():
            raise UserError(f"--text={self.path}: the file is empty")
        yield self.reader.read(data, name=self.name)

    @property
    def _is_large(self) -> bool:
        return self.piped is None and self.path.is_file() and self.path.stat().st_size > large_files.LARGE

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes() if self.piped is None else self.piped
        except OSError as error:
            raise UserError(f"--text={self.path}: {error.strerror}") from error


@dataclass(frozen=True)
class LanguageReference:
    """The Python language reference: some 500,000 characters of English prose and grammar.

    CPython has it for `help()`. Its length differs a little between versions.
    """

    name: str = "the Python language reference, as no other text was given"

    def fingerprint(self) -> str:
        """Returns the SHA-256 of the text."""
        return hashlib.sha256("".join(document.text for document in self.documents()).encode()).hexdigest()

    def documents(self) -> Iterator[Document]:
        """Yields all topics as one text, in alphabetical order of their names."""
        from pydoc_data.topics import topics  # half a megabyte that only this source needs

        yield Document("\n".join(topics[name] for name in sorted(topics)))


def text_documents(
    patterns: Sequence[str],
    reader: Reader = _DEFAULT_READER,
    *,
    documents: str = "text",
    text_field: str = "text",
    labels: str = "",
    label_field: str = "label",
) -> list[Source]:
    """Returns the sources of `--text`, each with its documents.

    Args:
        patterns: as for `text_files`. A folder stands for its tables if rows are asked for.
        reader: how to read them. Tables aren't cleaned, but accents are composed.
        documents: `lines` or `rows`: each of these is a document. `text`, `files`: each file.
        text_field: the column of rows with the text, see `Rows`.
        labels: where the label of a document comes from. `folder`: the name of the folder that its file is in. `file`:
            that of the file, without its suffix. `field`: a column of the rows. Empty: there are none.
        label_field: that column.

    Raises:
        UserError: as for `text_files`.
    """
    of_rows = documents == "rows"
    how = dataclasses.replace(reader, clean=False) if of_rows else reader
    found: list[Source] = []
    for file in text_files(patterns, how, suffixes=rows.SUFFIXES if of_rows else (".txt",)):
        source: Source = file
        if of_rows:
            source = rows.Rows(file, text_field, label_field if labels == "field" else "", compose=reader.clean)
        elif documents == "lines":
            source = Lines(file)
        if labels in ("folder", "file"):
            name = file.path.stem if labels == "file" else file.path.absolute().parent.name  # which may not be UTF-8
            source = Labelled(source, name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        found.append(Plain(source) if reader.plain else source)
    return found


def text_files(
    patterns: Sequence[str], reader: Reader = _DEFAULT_READER, *, suffixes: tuple[str, ...] = (".txt",)
) -> list[TextFile]:
    """Returns the files of `--text`, in the given order and each once. Empty files of a folder are left out.

    Args:
        patterns: each is a file, a pipe, a folder (all its files of these suffixes, at any depth, sorted; hidden
            folders are left out) or a glob, or several of them separated by commas.
        reader: how to read them.
        suffixes: of the files of a folder.

    Raises:
        UserError: one of them matches no file, or files can't be read. The message names all of these.
    """
    paths: dict[Path, None] = {}
    for pattern in patterns:
        for part in [pattern] if Path(pattern).exists() else filter(None, pattern.split(",")):
            paths |= dict.fromkeys(_matches(part, suffixes))
    if len(paths) == 1:
        return [_text_file(path, reader) for path in paths]
    problems, empty = [], []
    for path in paths:
        try:
            with path.open("rb"):
                pass
            if path.is_file() and not path.stat().st_size:
                empty.append(path)
        except OSError as error:
            problems.append(f"{path} ({error.strerror})")
    if problems:
        raise UserError(f"--text: {len(problems)} files can't be read: {', '.join(problems)}")
    if len(empty) == len(paths) > 0:
        raise UserError(f"--text: all {len(paths)} files are empty")
    if empty:
        print(f"left out {len(empty)} empty files: {', '.join(map(str, empty))}", file=sys.stderr)
    return [_text_file(path, reader) for path in paths if path not in empty]


def _text_file(path: Path, reader: Reader) -> TextFile:
    piped = path.exists() and not stat.S_ISREG(path.stat().st_mode)
    return TextFile(path, reader, path.read_bytes() if piped else None)


def _matches(pattern: str, suffixes: tuple[str, ...]) -> list[Path]:
    path = path_of(pattern)
    if path.is_dir():
        found = sorted(_files_below(path, suffixes))
        if not found:
            kinds = ", ".join(f"*{suffix}" for suffix in suffixes)
            raise UserError(f"--text={pattern}: no {kinds} file in this folder; name the files, or give a glob")
        return found
    if path.exists():
        return [path]
    found = sorted(Path(match) for match in glob.glob(str(path), recursive=True) if Path(match).is_file())
    if not found:
        raise UserError(f"--text={pattern}: no such file, folder or glob")
    return found


def _files_below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yields the files with these suffixes below a folder, and behind links.

    Hidden folders, such as those of checkpoints, are left out.
    """
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith(".")]  # links may circle
        if real not in seen:
            yield from (Path(place, name) for name in names if name.lower().endswith(suffixes))
        seen.add(real)
