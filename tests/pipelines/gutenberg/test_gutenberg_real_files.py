"""The cleaner on files that exist."""

import time
import unicodedata

import pytest
from conftest import ROOT

from pipelines.decoding import decode
from pipelines.gutenberg.cleaning import clean
from pipelines.gutenberg.cleaning.__main__ import texts

REAL_DATA = ROOT.parent / "shared" / "data"


CASES = sorted((REAL_DATA / "cleaner_cases").glob("*.expected")) if REAL_DATA.is_dir() else []


@pytest.mark.skipif(not CASES, reason="needs the cases of ../shared/data, which aren't ours")
@pytest.mark.parametrize("expected", CASES, ids=lambda path: path.stem)
def test_cases_with_a_known_result(expected):
    text = clean(decode(expected.with_suffix(".txt").read_bytes()).text).text
    wanted = expected.read_text(encoding="utf-8")
    assert [line for line in text.split("\n") if line] == [line for line in wanted.split("\n") if line]


def real_texts():
    """Yields (name, bytes) of every text of the shared data."""
    for folder in ("lm", "gutenberg", "corpus"):
        for path in sorted((REAL_DATA / folder).iterdir()):
            yield from texts(path)


WORDS_OF_GUTENBERG = (
    "project gutenberg",
    "project\ngutenberg",
    "gutenberg-tm",
    "pgdp.net",
    "small print!",
    "start: full license",
    "[illustration",
    "[transcriber",
    "\ntranscriber's note",
    "\ntranscriber\N{RIGHT SINGLE QUOTATION MARK}s note",
    "\n*** start",
    "\n*** end",
    "\r",
)


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="needs the real texts of ../shared/data, which aren't ours")
def test_real_books():
    characters = seconds = count = 0
    for name, data in real_texts():
        text = decode(data, name=name).text
        began = time.perf_counter()
        cleaned = clean(text)
        seconds += time.perf_counter() - began
        count, characters = count + 1, characters + len(text)
        assert cleaned.kept > 0.2 * len(text), name
        assert not any(rule.startswith("guard") for rule in cleaned.rules), name
        assert unicodedata.is_normalized("NFC", cleaned.text), name
        lowered = cleaned.text.lower()
        left = [words for words in WORDS_OF_GUTENBERG if words in lowered]
        assert not left, name
        if name == "tinyshakespeare_input.txt":
            assert (cleaned.text, cleaned.kept) == (text, 1_115_394)
        if name == "100-0.txt":
            assert cleaned.kept > 5_600_000
    assert count > 100
    assert characters / seconds > 5e6  # 50e6 on an idle core: an expression that backtracks makes 1e6
