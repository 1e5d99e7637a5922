"""Sources → training, validation and test as provisional ids: of a running text, or of documents."""

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
from pipelines.corpus.splitting import Spooled, spool_documents
from pipelines.corpus.spool import ProvisionalIds
from pipelines.corpus.stored import crc32, label_dtype
from pipelines.files import synced_file
from pipelines.sources import Document, Source, SourceLine, joined
from pipelines.vocabulary import END, Vocabulary

MOST_LABELS = 1000
LABELS_AT_ONCE = 1 << 12  # documents whose labels are written at a time


@dataclass
class Parts:
    """Training, validation and test of a running text.

    Attributes:
        ids: of each part.
        seen: the characters that they stand for, in order.
        lines: about each source.
        end: the place of the end symbol in `seen`, of documents.
        labels: those of the documents, in the order of their first document.
    """

    ids: list[IdRange]
    seen: str
    lines: list[SourceLine]
    end: int | None = None
    labels: Sequence[str] = ()

    @classmethod
    def read(cls, sources: Sequence[Source], split: Sequence[float], folder: Path) -> "Parts":
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

    def chunks(self, part: int) -> Iterator[np.ndarray]:
        """Yields the ids of a part, some at a time."""
        return self.ids[part].pieces(spool.CHUNK)

    def finish(self, vocabulary: Vocabulary, lengths: Sequence[int], folder: Path) -> dict[str, Any]:
        """Writes the other files of a corpus, and returns what `corpus.json` says about them.

        `lengths` says how many ids each part has in `ids.bin`, which is in the folder already.
        """
        return {}


class DocumentParts(Parts):
    """Training, validation and test of documents, which are split by a hash of their text.

    `kept` says for each part which of the spooled documents the corpus has, bool.
    """

    spooled: Spooled
    kept: list[np.ndarray]

    def __init__(
        self,
        sources: Sequence[Source],
        split: Sequence[float],
        folder: Path,
        *,
        labelled: bool,
        known: Sequence[str],
        deduplicate: bool,
    ) -> None:
        lines, ids = [SourceLine(source.name, documents=True) for source in sources], ProvisionalIds()
        progress = tqdm(
            _watched(sources, lines), "encoding", unit=" documents", unit_scale=True, delay=2, leave=False, disable=None
        )
        self.spooled = spooled = spool_documents(progress, split, folder, ids, labelled=labelled)
        if 0 < len(spooled.labels) <= MOST_LABELS:
            balance(spooled, split)
        spooled.close()
        names = _shortened([source.name for source in sources])
        if not any(len(part.is_first) for part in spooled.parts):
            left_out = {"empty documents": spooled.empty, "documents without a label": spooled.unlabelled}
            what = "".join(f", {count:,} {kind}" for kind, count in left_out.items() if count)
            raise UserError(f"no text in {names}{what}")
        if labelled:
            _check_labels(spooled.labels, known, names)
        super().__init__(
            [part.ids for part in spooled.parts],
            ids.seen,
            lines,
            end=ids.seen.index(END),
            labels=spooled.labels if labelled else (),
        )
        self.kept = [part.kept & part.is_first if deduplicate else part.kept for part in spooled.parts]

    def chunks(self, part: int) -> Iterator[np.ndarray]:
        """Yields the ids of a part, `END, document, END, document …`, without the documents that aren't kept."""
        if self.kept[part].all():
            yield from super().chunks(part)
            return
        left_out = np.append(~self.kept[part], False)  # of the first END, which no document has before it
        number = -1
        for chunk in super().chunks(part):
            ends = chunk == self.end
            numbers = number + np.cumsum(ends) - ends  # a document's END belongs to it
            number += int(np.count_nonzero(ends))
            yield chunk[~left_out[numbers]]

    def finish(self, vocabulary: Vocabulary, lengths: Sequence[int], folder: Path) -> dict[str, Any]:
        """Writes `ends.bin`, and `labels.bin` if there are labels. See `Parts.finish`."""
        begin = 0
        with synced_file(folder / "ends.bin") as file:
            for length in lengths:
                place = 0
                for ids in IdRange(folder / "ids.bin", vocabulary.dtype, begin, begin + length).pieces(spool.CHUNK):
                    file.write((np.flatnonzero(ids == vocabulary.end) + place).astype(np.int64).tobytes())
                    place += len(ids)
                begin += length
        spooled = self.spooled
        facts = {
            "documents": [int(kept.sum()) for kept in self.kept],
            "duplicates": sum(int((part.kept & ~part.is_first).sum()) for part in spooled.parts),
            "ends_crc32": crc32(folder / "ends.bin"),
            **{name: getattr(spooled, name) for name in ("empty", "unlabelled", "moved", "cut")},
        }
        return facts | (self._write_labels(vocabulary, folder) if self.labels else {})

    def _write_labels(self, vocabulary: Vocabulary, folder: Path) -> dict[str, Any]:
        """Writes `labels.bin`, and returns what `corpus.json` says about it.

        The file has a label for each id: that of its document. The end symbol before the first document of a part has
        the label of the first.
        """
        ids = np.array(list(map(vocabulary.labels.index, self.labels)), label_dtype(len(vocabulary.labels)))
        ends = np.fromfile(folder / "ends.bin", np.int64)
        counts, first = [], 0
        with synced_file(folder / "labels.bin") as file:
            for part, kept in zip(self.spooled.parts, self.kept, strict=True):
                labels = ids[part.labels[kept]]
                counts.append(np.bincount(labels, minlength=len(vocabulary.labels)).tolist())
                lengths = np.diff(ends[first : first + len(labels) + 1])
                first += len(labels) + 1
                first_label = labels[:1] if len(labels) else ids[:1] * 0  # an empty part has an end symbol too
                file.write(first_label.tobytes())
                for start in range(0, len(labels), LABELS_AT_ONCE):
                    some = slice(start, start + LABELS_AT_ONCE)
                    file.write(np.repeat(labels[some], lengths[some]).tobytes())
        return {"labelled": np.transpose(counts).tolist(), "labels_crc32": crc32(folder / "labels.bin")}


def _check_labels(found: Sequence[str], known: Sequence[str], names: str) -> None:
    """Raises UserError if there are fewer than two labels, too many, or two that differ only in case."""
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
            raise UserError(f"--labels: {other!r} and {label!r} differ only in case; give both one spelling")


def _shortened(names: Sequence[str]) -> str:
    """Returns the first names. Before: `["a", "b", "c", "d"]`; after: `a, b, c and 1 more`."""
    rest = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest


def _watched(sources: Iterable[Source], lines: Sequence[SourceLine]) -> Iterator[Document]:
    """Yields all documents of all sources, counted in the line of each."""
    for source, line in zip(sources, lines, strict=True):
        yield from line.watch(source.documents())
