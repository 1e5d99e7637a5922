"""Sources → training, validation and test as provisional ids."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pipelines import UserError
from pipelines.corpus import spool
from pipelines.corpus.balancing import balance
from pipelines.corpus.id_range import IdRange
from pipelines.corpus.splitting import spool_documents
from pipelines.corpus.spool import ProvisionalIds
from pipelines.sources import Document, Source, SourceLine, joined

MOST_LABELS = 1000


@dataclass
class Parts:
    """Training, validation and test as provisional ids.

    Attributes:
        ids: of each part.
        seen: the characters that they stand for, in order.
        lines: about each source.
        is_first: of each part, which documents no earlier one equals; [] for running text.
        kept: of each part, which documents to keep, bool; [] for running text.
        labels: of each part, the labels of the documents, as places in `names`; likewise.
        names: the labels that occur, in the order of their first document.
        facts: what was left out, for `corpus.json`.
    """

    ids: list[IdRange]
    seen: str
    lines: list[SourceLine]
    is_first: list[np.ndarray] = dataclasses.field(default_factory=list)
    kept: list[np.ndarray] = dataclasses.field(default_factory=list)
    labels: list[np.ndarray] = dataclasses.field(default_factory=list)
    names: list[str] = dataclasses.field(default_factory=list)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_running_text(cls, sources: Sequence[Source], split: Sequence[float], folder: Path) -> "Parts":
        """Reads all sources as one text, which is split by place."""
        lines, ids = [SourceLine(source.name) for source in sources], ProvisionalIds()
        path = folder / "spool"
        progress = tqdm(sources, "encoding", unit=" sources", delay=2, leave=False, disable=None)
        characters = len(spool.spool(joined(_watched(progress, lines)), path, ids))
        if not characters:
            raise UserError(f"no text in {', '.join(source.name for source in sources)}")
        # The shares may add up to a little more than 1.
        edges = [min(round(characters * share), characters) for share in (split[0], split[0] + split[1])]
        parts = [IdRange(path, "uint32", begin, end) for begin, end in pairwise([0, *edges, characters])]
        return cls(parts, ids.seen, lines)

    @classmethod
    def of_documents(
        cls,
        sources: Sequence[Source],
        split: Sequence[float],
        folder: Path,
        *,
        labelled: bool,
        known: Sequence[str],
    ) -> "Parts":
        """Reads all documents, which are split by what they say."""
        lines, ids = [SourceLine(source.name, documents=True) for source in sources], ProvisionalIds()
        progress = tqdm(
            _watched(sources, lines), "encoding", unit=" documents", unit_scale=True, delay=2, leave=False, disable=None
        )
        spooled = spool_documents(progress, split, folder, ids, labelled=labelled)
        if 0 < len(spooled.labels) <= MOST_LABELS:
            balance(spooled, split)
        spooled.close()
        parts = spooled.parts
        counts = [len(part.is_first) for part in parts]
        names = _shortened([source.name for source in sources])
        if not sum(counts):
            left_out = {"empty documents": spooled.empty, "documents without a label": spooled.unlabelled}
            what = "".join(f", {count:,} {kind}" for kind, count in left_out.items() if count)
            raise UserError(f"no text in {names}{what}")
        facts: dict[str, Any] = {"empty": spooled.empty, "unlabelled": spooled.unlabelled}
        facts |= {"moved": spooled.moved, "cut": spooled.cut}
        if labelled:
            _check_labels(spooled.labels, known, names)
        return cls(
            [part.ids for part in parts],
            ids.seen,
            lines,
            [part.is_first for part in parts],
            [part.kept for part in parts],
            [part.labels for part in parts],
            spooled.labels if labelled else [],
            facts,
        )


def _check_labels(found: Sequence[str], known: Sequence[str], names: str) -> None:
    """Raises UserError if labels aren't worth learning: there are fewer than two, or two that look the same."""
    labels = list(dict.fromkeys([*known, *found]))
    if len(labels) < 2:
        raise UserError(
            f"--labels: the documents for training have one label alone, {labels[0]!r}; give at least two ({names})"
        )
    if len(labels) > MOST_LABELS:
        raise UserError(
            f"--labels: {len(labels):,} different ones, such as {labels[0]!r} and {labels[1]!r}, and at most "
            f"{MOST_LABELS:,} are allowed, since each has weights of its own; is --label_field the right column?"
        )
    alike: dict[str, str] = {}
    for label in labels:
        other = alike.setdefault(label.casefold(), label)
        if other != label:
            raise UserError(f"--labels: {other!r} and {label!r} differ in nothing but case; give both one spelling")


def _shortened(names: Sequence[str]) -> str:
    """Returns the first names. Before: `["a", "b", "c", "d"]`; after: `a, b, c and 1 more`."""
    rest = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest


def _watched(sources: Iterable[Source], lines: Sequence[SourceLine]) -> Iterator[Document]:
    """Yields all documents of all sources, counted in the line of each."""
    for source, line in zip(sources, lines, strict=True):
        yield from line.watch(source.documents())
