"""Cleans books of Project Gutenberg and reports what it did, a line for each file.

    python -m pipelines.gutenberg.cleaning --output=cleaned books/*.txt corpus.zip
    python -m pipelines.gutenberg.cleaning --show_removed book.txt

It removes headers, licences, credits, transcribers' notes and [Illustration] markers. It keeps chapter headings,
verse and Unicode. Line ends become \\n, and accents one code point (NFC). A text that isn't from Project Gutenberg
stays as it is. It reads .txt, .txt.xz, .txt.gz, and each .txt inside a .zip. With --output it writes the texts there
in UTF-8, under the same names without .xz or .gz. Columns, separated by tabs:

    name, encoding, rules that fired, characters kept, characters removed, first line, last line

Exit status: 0 all files were cleaned, 1 one or more couldn't be.
"""

import dataclasses
import gzip
import lzma
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipelines import UserError, command_line
from pipelines.decoding import decode
from pipelines.files import path_of
from pipelines.gutenberg.cleaning import Cleaned, clean
from pipelines.options import Options, option

# RuntimeError and its NotImplementedError: a zip archive is encrypted, or packed in another way.
_UNREADABLE = (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, RuntimeError)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CleaningConfig(Options):
    """What to clean."""

    positional = "files"

    files: tuple[str, ...] = option((), "Files to clean.")
    output: str = option("", "Folder to write the cleaned texts to, in UTF-8. Default: only report.")
    show_removed: bool = option(False, "Print what each rule removed below the line of its file.")
    text_encoding: str = option("", "Encoding of every file, such as latin-1. Detected by default.")


def main(config: CleaningConfig) -> int:
    """Returns 0 if every file was cleaned, 1 if one or more wasn't (said on stderr)."""
    if not config.files:
        raise UserError("name the files to clean, such as books/*.txt")
    output = Output(path_of(config.output), list(map(path_of, config.files))) if config.output else None
    failed = False
    for path in map(path_of, config.files):
        try:
            for name, data in texts(path):
                called = str(path) if path.name.startswith(name) else f"{path}:{name}"
                text, encoding, _ = decode(data, encoding=config.text_encoding or None, name=called)
                cleaned = clean(text)
                _print_line(cleaned, name=name, encoding=encoding)
                for rule, piece in cleaned.removed if config.show_removed else ():
                    print(f"--- {rule}: {len(piece):,} characters", piece.strip("\n"), "", sep="\n")
                if output:
                    output.write(cleaned.text, name, source=path)
        except UserError as error:
            failed = True
            print(error, file=sys.stderr)
        except _UNREADABLE as error:
            failed = True
            print(f"{path}: can't be read: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
    return int(failed)


def texts(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields (name, bytes) of each text in a file: its own, or those of the .txt files in a .zip.

    "84.txt.xz" → ("84.txt", b"…");  "100-0.zip" → ("100-0.txt", b"…")
    """
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.namelist() if member.lower().endswith(".txt")]
            if not members:
                raise UserError(f"{path}: no .txt file in this archive: unpack it and name the texts")
            for member in members:
                # The last part alone: a member called ../x.txt must not leave the folder.
                yield PurePosixPath(member).name, archive.read(member)
    elif path.suffix == ".xz":
        yield path.stem, lzma.decompress(path.read_bytes())
    elif path.suffix == ".gz":
        yield path.stem, gzip.decompress(path.read_bytes())
    else:
        yield path.name, path.read_bytes()


def _print_line(cleaned: Cleaned, *, name: str, encoding: str) -> None:
    """Prints "84.txt → utf-8 → header,footer → 419337 → 19468 → first line → last line", with tabs for →."""
    first, last = (cleaned.text.strip().split("\n")[line].strip() for line in (0, -1))
    rules = ",".join(cleaned.rules) or "-"
    print(name, encoding, rules, cleaned.kept, cleaned.dropped, first, last, sep="\t", flush=True)


class Output:
    """The folder of cleaned texts, which is made when it is needed. `sources` must not be overwritten."""

    def __init__(self, folder: Path, sources: list[Path]) -> None:
        self._folder, self._sources = folder, sources
        self._written: set[Path] = set()

    def write(self, text: str, name: str, *, source: Path) -> None:
        """Writes a text. Raises UserError if this would overwrite one of the sources, or what was written before."""
        target = self._folder / name
        originals = (path for path in self._sources if path.exists())
        if target in self._written or (target.exists() and any(map(target.samefile, originals))):
            raise UserError(f"{source}: --output={self._folder} has {name} already: choose another folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
        self._written.add(target)


if __name__ == "__main__":
    command_line.run(main, CleaningConfig)
