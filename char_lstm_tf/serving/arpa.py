"""Counted n-grams as an ARPA file, which KenLM, SRILM and others read.

A token is written as a symbol without white space. Its characters stand for themselves, but white space and characters
that can't be printed are written as their code points: a blank is `<U+0020>`, a new line is `<U+000A>`, and the word
" the" is `<U+0020>the`. The unknown character is `<unk>`. A document begins with `<s>` and ends with `</s>`. Running
text has neither, so there they have no probability.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from char_lstm_tf.models.ngrams import backoff
from char_lstm_tf.models.ngrams.backoff import Listed
from char_lstm_tf.models.ngrams.counted import Counted
from char_lstm_tf.models.ngrams.kneser_ney import Tables
from pipelines.files import atomic_write
from pipelines.vocabulary import Vocabulary

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
NEVER = -99.0  # the logarithm of no probability, by convention
AT_ONCE = 100_000  # lines in memory


def symbols(vocabulary: Vocabulary) -> list[str]:
    """Returns the symbol of each token, in the order of their ids. See above."""
    return [UNKNOWN, *("".join(map(_shown, token)) or END for token in vocabulary.tokens[1:])]


def _shown(character: str) -> str:
    return character if character.isprintable() and not character.isspace() else f"<U+{ord(character):04X}>"


def line_of(text: str, vocabulary: Vocabulary) -> str:
    """Returns the symbols of a text, with blanks between them. Before: `"a b"`; after: `"a <U+0020> b"`."""
    known = symbols(vocabulary)
    return " ".join(known[id] for id in vocabulary.encode(text).tolist())


def write(network: Counted, vocabulary: Vocabulary, path: Path) -> None:
    """Writes the file, whole or not at all.

    Args:
        network: counted n-grams without labels.
        vocabulary: its tokens.
        path: the file.
    """
    tables = Tables(**{name: table.numpy() for name, table in network.layer.tables.items()})
    order = network.layer.get_config()["order"]
    listed = backoff.backoff_form(tables, order=order, vocabulary_size=len(vocabulary), end=vocabulary.end)
    with atomic_write(path) as aside, aside.open("w", encoding="utf-8") as file:
        _write(file, listed, vocabulary)


def _write(file: TextIO, listed: list[Listed], vocabulary: Vocabulary) -> None:
    marks = list(_marks(listed[0], vocabulary))
    counts = [len(level.numbers) for level in listed]
    counts[0] += len(marks)
    file.write("\\data\\\n" + "".join(f"ngram {length}={count}\n" for length, count in enumerate(counts, start=1)))
    for length, level in enumerate(listed, start=1):
        file.write(f"\n\\{length}-grams:\n")
        file.writelines(marks if length == 1 else [])
        file.writelines(_lines(level, length, vocabulary, last=length == len(listed)))
    file.write("\n\\end\\\n")


def _marks(single: Listed, vocabulary: Vocabulary) -> Iterator[str]:
    """Yields the lines of what stands around texts and is no token. KenLM asks for them."""
    if vocabulary.end is None:
        yield f"{NEVER:g}\t{END}\n"
        yield f"{NEVER:g}\t{BEGIN}\t0\n"
    else:
        yield f"{NEVER:g}\t{BEGIN}\t{np.log10(single.backoffs[vocabulary.end]):.8g}\n"


def _lines(level: Listed, length: int, vocabulary: Vocabulary, *, last: bool) -> Iterator[str]:
    """Yields the line of each n-gram: probability, symbols and backoff, of which the longest have none."""
    size, known = len(vocabulary), symbols(vocabulary)
    # Before others, the end symbol is the beginning of a document.
    names = [[BEGIN if symbol == END else symbol for symbol in known] if length > 1 else known, *[known] * (length - 1)]
    probabilities, backoffs = np.minimum(np.log10(level.probabilities), 0), np.log10(level.backoffs)
    for start in range(0, len(level.numbers), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        ids = [level.numbers[part] // size**place % size for place in reversed(range(length))]
        columns = [map(own.__getitem__, each.tolist()) for own, each in zip(names, ids, strict=True)]
        rows = zip(probabilities[part].tolist(), map(" ".join, zip(*columns, strict=True)), strict=True)
        if last:
            yield from (f"{probability:.8g}\t{text}\n" for probability, text in rows)
        else:
            weighted = zip(rows, backoffs[part].tolist(), strict=True)
            yield from (f"{probability:.8g}\t{text}\t{weight:.8g}\n" for (probability, text), weight in weighted)
