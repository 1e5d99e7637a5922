"""What a run says of its text before it trains."""

from collections.abc import Iterator

from char_lstm_tf.runs.listing import unknown_warning
from pipelines import corpus

LABELS_SHOWN = 12


def facts(text: corpus.Corpus, *, deduplicates: bool) -> list[str]:
    """Returns what is in a text: its sources, lengths, documents and labels.

    Args:
        text: prepared.
        deduplicates: whether documents that repeat an earlier one were dropped.
    """
    return [*text.sources, *_character_lines(text), *_document_lines(text, deduplicates=deduplicates)]


def _character_lines(text: corpus.Corpus) -> list[str]:
    """Returns what to say of the length of a text and of its tokens."""
    vocabulary, train = text.vocabulary, len(text.split("train"))
    characters = len(vocabulary.characters) - 1
    if not vocabulary.words:
        return [f"{text.characters:,} characters, {train:,} of them for training, {characters} different ones"]
    return [
        f"{sum(text.spelled):,} characters, {text.spelled[0]:,} of them for training, {characters} different ones",
        f"{len(vocabulary.words):,} words are tokens, and rarer ones are spelled: {train:,} tokens for training, "
        f"{text.chars_per_id:.2f} characters each",
    ]


def _document_lines(text: corpus.Corpus, *, deduplicates: bool) -> list[str]:
    """Returns what to say of documents: how many there are, and what was done to some of them."""
    if text.vocabulary.end is None:
        return []
    train, validation, test = text.documents
    lines = [
        f"{sum(text.documents):,} documents: {train:,} for training, {validation:,} for validation, {test:,} for the "
        "test; the end of each counts as a character"
    ]
    if text.duplicates:
        done = "dropped" if deduplicates else "kept; --deduplicate drops them"
        lines.append(f"{text.duplicates:,} documents repeat an earlier one ({done})")
    if text.empty:
        lines.append(f"{text.empty:,} empty documents were left out")
    if text.moved:
        lines.append(
            f"moved to another part, so that there is something to learn and to measure: {_documents(text.moved)}"
        )
    if text.cut:
        lines.append(
            "documents are few, so these are measured on passages that were cut out of documents for training: "
            f"{_documents(text.cut, 'passage')}"
        )
    return lines + _label_lines(text)


def _label_lines(text: corpus.Corpus) -> list[str]:
    """Returns what to say of labels: how many documents each has, and which documents were left out."""
    if not text.vocabulary.labels:
        return []
    counts = {name: sum(count) for name, count in zip(text.vocabulary.labels, text.labelled, strict=True)}
    lines = [f"{len(counts):,} labels and their documents: {_listed(counts)}"]
    if text.unlabelled:
        lines.append(f"{text.unlabelled:,} documents without a label were left out")
    return lines


def _documents(counts: dict[str, int], what: str = "document") -> str:
    """Returns such as `1 document of austen, 2 documents of baum`."""
    named = [f"{count:,} {what}{'s' * (count != 1)}{' of ' if name else ''}{name}" for name, count in counts.items()]
    return ", ".join(named[:LABELS_SHOWN]) + (f" and {len(named) - LABELS_SHOWN:,} more" * (len(named) > LABELS_SHOWN))


def _listed(counts: dict[str, int]) -> str:
    """Returns the first labels with their counts: `austen 6, baum 13 and 70 more`."""
    shown = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:LABELS_SHOWN])
    return shown + (f" and {len(counts) - LABELS_SHOWN:,} more" if len(counts) > LABELS_SHOWN else "")


def warnings(text: corpus.Corpus, *, split: tuple[float, ...]) -> Iterator[str]:
    """Yields what makes the losses say less than they seem to."""
    spelled = text.spelled or [len(text.split(part)) for part in corpus.SPLITS]
    for part, unknown, characters in zip(corpus.SPLITS, text.unknown, spelled, strict=True):
        if warning := unknown_warning(unknown, characters, where=f"the {part} part"):
            yield warning
    if text.vocabulary.end is not None:
        for part, count, share in zip(corpus.SPLITS, text.documents, split, strict=True):
            if share and not count:
                yield f"warning: no document fell into the {part} part (--split={share:g}), nothing is measured"
        for place, (part, share) in enumerate(zip(corpus.SPLITS, split, strict=True)):
            lacking = [
                name for name, count in zip(text.vocabulary.labels, text.labelled, strict=True) if not count[place]
            ]
            if share and text.documents[place] and lacking:
                listed = ", ".join(lacking[:LABELS_SHOWN]) + " …" * (len(lacking) > LABELS_SHOWN)
                yield f"warning: the {part} part has no document of {listed}: they are few, and too short to cut"
