"""Cleans books of Project Gutenberg and reports what it did, a line a file.

    python -m pipelines.gutenberg.cleaning --output=cleaned books/*.txt corpus.zip

Headers, licences, credits, transcriber's notes and [Illustration] markers go; chapter headings, verse and
Unicode stay; newlines become \\n and accents one code point (NFC). A text that isn't Gutenberg's stays as
it is. Reads .txt, .txt.xz, .txt.gz, and each .txt inside a .zip. Writes UTF-8 to --output, under the same
names (without .xz or .gz); without --output it only reports. Columns, separated by tabs:

    name, encoding found, rules that fired, characters kept, characters dropped, first line, last line
"""

from __future__ import annotations

import gzip
import lzma
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from absl import app, flags

from pipelines import UserError
from pipelines.gutenberg.cleaning import Cleaned, clean, decode

_OUTPUT = flags.DEFINE_string("output", None, "Folder to write the cleaned texts to, in UTF-8.")
_TEXT_ENCODING = flags.DEFINE_string("text_encoding", None, "Encoding of every file, instead of finding out.")

# RuntimeError and its NotImplementedError: of a zip archive that is encrypted, or packed in another way.
_UNREADABLE = (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, RuntimeError)


def main(argv: Sequence[str]) -> int:
    """Returns 0 if every file was cleaned, 1 if one or more of them wasn't (said on stderr)."""
    if len(argv) < 2:
        raise app.UsageError("name the files to clean: python -m pipelines.gutenberg.cleaning FILE…")
    folder = Path(_OUTPUT.value) if _OUTPUT.value else None
    sources = list(map(Path, argv[1:]))
    written: set[Path] = set()
    failed = False
    for path in sources:
        try:
            for name, data in texts(path):
                called = str(path) if path.name.startswith(name) else f"{path}:{name}"
                text, encoding = decode(data, encoding=_TEXT_ENCODING.value, name=called)
                cleaned = clean(text)
                _print_line(cleaned, name=name, encoding=encoding)
                if folder:
                    _write(cleaned.text, folder / name, source=path, sources=sources, written=written)
        except UserError as error:
            failed = True
            print(error, file=sys.stderr)
        except _UNREADABLE as error:
            failed = True
            reason = getattr(error, "strerror", None) or error
            print(f"{path}: can't be read: {reason}", file=sys.stderr)
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


def _write(text: str, target: Path, *, source: Path, sources: Sequence[Path], written: set[Path]) -> None:
    """Writes `text`, unless that would destroy one of the sources or what this run wrote before."""
    originals = (path for path in sources if path.exists())
    if target in written or (target.exists() and any(map(target.samefile, originals))):
        raise UserError(
            f"{source}: --output={target.parent} has {target.name} already: choose another folder"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8", newline="\n")
    written.add(target)


if __name__ == "__main__":
    app.run(main)
