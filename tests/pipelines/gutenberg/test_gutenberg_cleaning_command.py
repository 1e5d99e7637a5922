"""The cleaner as a command."""

import gzip
import lzma
import subprocess
import sys
import zipfile
from pathlib import Path

from conftest import ROOT
from test_gutenberg_cleaning import BOOK, wrapped


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Returns what the command did with `arguments`."""
    command = [sys.executable, "-m", "pipelines.gutenberg.cleaning", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, check=False)


def test_command_reads_all_kinds_of_files_and_writes_utf8(tmp_path):
    data = wrapped(BOOK).encode("utf-8-sig")
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / "b.txt.xz").write_bytes(lzma.compress(data))
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(data))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("folder/d.txt", data)
        archive.writestr("../../e.txt", data)
        archive.writestr("INDEX.tsv", "no book")
    done = run(f"--output={tmp_path}/out", *sorted(tmp_path.iterdir()))
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt"]
    counts = [str(len(BOOK)), str(len(wrapped(BOOK)) - len(BOOK))]
    assert rows[0][1:] == ["utf-8-sig", "start_marker,end_marker", *counts, "THE LAMP", "THE END"]
    assert {path.name: path.read_text("utf-8") for path in (tmp_path / "out").iterdir()} == {
        row[0]: BOOK for row in rows
    }
    assert (done.returncode, done.stderr) == (0, "")


def test_command_reports_failures_and_cleans_the_other_files(tmp_path):
    (tmp_path / "book.txt").write_text(BOOK, encoding="utf-8")
    (tmp_path / "nul.txt").write_bytes(b"\0")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    (tmp_path / "broken.txt.xz").write_bytes(b"\xfd7zXZ")
    names = ["nul.txt", "none.txt", "broken.zip", "broken.txt.xz", "book.txt"]
    done = run(f"--output={tmp_path}", *(tmp_path / name for name in names))
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["book.txt"]
    errors = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in errors] == [str(tmp_path / name) for name in names]
    assert f"--output={tmp_path} has book.txt already" in errors[-1]
    assert (tmp_path / "book.txt").read_text("utf-8") == BOOK
    assert done.returncode == 1


def test_no_source_is_overwritten_even_one_read_later(tmp_path):
    packed, plain = tmp_path / "book.txt.gz", tmp_path / "book.txt"
    packed.write_bytes(gzip.compress(BOOK.encode()))
    plain.write_text("mine", encoding="utf-8")
    done = run(f"--output={tmp_path}", packed, plain)
    assert done.returncode == 1
    assert f"{packed}: --output={tmp_path} has book.txt already" in done.stderr
    assert plain.read_text(encoding="utf-8") == "mine"
    packed.write_bytes(packed.read_bytes()[:10] + b"\xff" * 50)  # no kind of block of deflate
    done = run(packed, plain)
    assert f"{packed}: can't be read" in done.stderr
    assert done.stdout.startswith("book.txt\t")


def test_help_explains_columns_and_flags():
    done = run("--help")
    assert all(word in done.stdout for word in ("characters kept", "corpus.zip", "--output", "--text_encoding"))


def test_what_was_removed_can_be_read_under_the_rule_that_removed_it(tmp_path):
    book = wrapped(BOOK.replace("THE END", "[Illustration: A lamp]\n\nTHE END"))
    (tmp_path / "book.txt").write_text(book, encoding="utf-8")
    report, *shown = run("--show_removed", tmp_path / "book.txt").stdout.splitlines()
    headings = [line for line in shown if line.startswith("--- ")]
    assert [heading.split(":")[0] for heading in headings] == [
        "--- start_marker",
        "--- end_marker",
        "--- illustrations",
    ]
    assert report.split("\t")[2] == "start_marker,end_marker,illustrations"
    assert "[Illustration: A lamp]" in shown
    pieces = "\n".join(line for line in shown if line not in headings)
    assert all(line in pieces for line in book.split(BOOK[:20])[0].splitlines())
    assert run(tmp_path / "book.txt").stdout.splitlines() == [report]
