"""Which characters of a text surprise a model: as a table, and as a page with colours."""

import html
import itertools
import json
import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class ScoredText:
    """A text and the losses of its tokens.

    Attributes:
        name: of the file or the document.
        text: all of it.
        tokens: those that are scored, the last N of the text; "" is the end of a document.
        nats: of each, float32 `[N]`.
    """

    name: str
    text: str
    tokens: Sequence[str]
    nats: np.ndarray

    @property
    def before(self) -> str:
        """The text before the first token that is scored."""
        return self.text[: len(self.text) - sum(map(len, self.tokens))]

    def pairs(self) -> list[tuple[int, str, float]]:
        """Returns position in characters, token and loss of each token."""
        starts = itertools.accumulate(map(len, self.tokens), initial=len(self.before))
        return list(zip(starts, self.tokens, self.nats.tolist(), strict=False))


# Lower bounds in bits of the colours c0 to c6 of style.css. A character that costs at least that much had a probability
# of at most 1/2, 1/4, 1/16 …
BITS = (0, 1, 2, 4, 6, 8, 11)
STYLE = Path(__file__).with_name("web") / "style.css"


def write_tsv(path: Path, texts: Iterable[ScoredText]) -> None:
    """Writes a line for each scored token: file, place in characters from 0, the token as JSON, nats. An end is "".

    Before: `"the"`, `[2.5, 0.125]`; after: `f.txt\\t1\\t"h"\\t2.500000\\nf.txt\\t2\\t"e"\\t0.125000`.
    """
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.write("file\tposition\tcharacter\tnats\n")
        for scored in texts:
            for position, character, nats in scored.pairs():
                file.write(f"{scored.name}\t{position}\t{json.dumps(character, ensure_ascii=False)}\t{nats:.6f}\n")


def write_html(path: Path, texts: Iterable[ScoredText]) -> None:
    """Writes a page with the texts. The background of each token shows its surprise in bits."""
    legend = "".join(f'<i class="c{level}">{bits}+</i>' for level, bits in enumerate(BITS))
    style = STYLE.read_text(encoding="utf-8")
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Surprise</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>\n{style}</style></head><body>\n"
            f'<p class="legend">Surprise in bits per character: {legend} (one bit more: half the probability)</p>\n'
        )
        for scored in texts:
            characters = sum(max(len(token), 1) for token in scored.tokens)
            bits = scored.nats.sum(dtype=np.float64) / math.log(2) / max(characters, 1)
            file.write(f'<h2>{html.escape(scored.name)}: {bits:.3f} bits per character</h2>\n<pre class="text">')
            file.writelines(_spans(scored))
            file.write("</pre>\n")
        file.write("</body></html>\n")


def _spans(scored: ScoredText) -> Iterable[str]:
    """Yields the text as HTML, with neighbours of the same colour in one element; ■ is the end of a document."""
    levels = np.searchsorted(BITS, scored.nats / math.log(2), side="right") - 1
    yield html.escape("\n" * scored.text.startswith("\n") + scored.before)  # HTML ignores a line end after <pre>
    tokens = [token or "■" for token in scored.tokens]
    for level, run in itertools.groupby(zip(levels.tolist(), tokens, strict=True), key=operator.itemgetter(0)):
        part = html.escape("".join(token for _, token in run))
        # A line end has no width that could be coloured.
        yield f'<i class="c{level}">{part.replace(chr(10), "↵" + chr(10)) if level > 1 else part}</i>'
