"""The text of a run: how it is found and prepared, and what is printed about it before training."""

import sys
from collections.abc import Iterator, Mapping

from char_lstm_tf.config import Config
from char_lstm_tf.runs.plan import Plan
from char_lstm_tf.runs.progress import Progress
from pipelines import UserError, corpus

LABELS_SHOWN = 12
# A row is for fewer training characters than its first number: what a network then writes, and, measured on the next
# number of characters, the losses of the recipes quickstart and counts. See docs/results.md#how-much-text-is-enough.
EXPECTED = (
    (10_000, "noise", 3_000, 3.00, 2.32),
    (100_000, "invented words", 30_000, 2.06, 1.90),
    (1_000_000, "words, but little sense", 300_000, 1.53, 1.48),
)


def prepare_text(plan: Plan) -> corpus.Corpus:
    """Returns the text of a run as ids. Tokens of the run it starts from keep their ids.

    A resumed run gets the encoded text that it was trained on, unless that is gone or the files have changed. Files may
    have been moved, since they are compared by their hashes, or deleted.

    Raises:
        UserError: the text can't be found or read.
    """
    text = plan.config.settings.text
    folder = text.data_path / "corpora"
    if plan.config.resume and (progress := plan.folder.newest_progress()):
        try:
            found = corpus.Corpus.load(folder / Progress.load(progress).corpus)
        except UserError:
            pass  # it is encoded again
        else:
            try:
                if tuple(source.fingerprint() for source in text.source.find(text)) == found.fingerprints:
                    return found
            except UserError as error:
                print(f"{error}; continuing with the encoded text in {found.folder}", file=sys.stderr)
                return found
    return corpus.prepare(
        text.source.find(text),
        split=text.split,
        documents=text.ends,
        labelled=bool(text.labels),
        deduplicate=text.deduplicate,
        max_vocabulary=text.max_vocabulary,
        max_words=text.max_words or 0,
        folder=folder,
        known=plan.origin.vocabulary if plan.origin else None,
    )


def show_text(text: corpus.Corpus, config: Config) -> None:
    """Prints what is in a text, unless --quiet, and warnings about losses that will mislead.

    Raises:
        UserError: there are too many tokens for the kind of model.
    """
    if not config.quiet:
        sources = text.sources if config.verbose or not text.in_short else text.in_short
        print(*sources, *facts(text, deduplicates=config.deduplicate), sep="\n", file=sys.stderr)
        print(end=expectation(text, config), file=sys.stderr)
    config.settings.model.require_memory(len(text.vocabulary))
    for warning in warnings(text, split=config.split):
        print(warning, file=sys.stderr)


def expectation(text: corpus.Corpus, config: Config) -> str:
    """Returns what to expect of a network that learns from little running text, as a line; "" if there is enough."""
    characters = text.spelled[0]
    little = next((row for row in EXPECTED if characters < row[0]), None)
    if little is None or not config.settings.learns_from_nothing:
        return ""
    _, writes, measured, network, counts = little
    return (
        f"{characters:,} characters are few for a network: expect {writes}. On {measured:,} of War and Peace, "
        f"--flagfile=quickstart reached {network:.2f} nats per character, and --flagfile=counts, in seconds, "
        f"{counts:.2f}. From about a million on, a network is better\n"
    )


def facts(text: corpus.Corpus, *, deduplicates: bool) -> list[str]:
    """Returns what is in a text, a line for each fact: its length, documents, duplicates and labels."""
    vocabulary, spelled = text.vocabulary, text.spelled
    different, moved, cut = len(vocabulary.characters) - 1, sum(text.moved.values()), sum(text.cut.values())
    parts = "{:,} for training, {:,} for validation, {:,} for the test".format(*text.documents or (0, 0, 0))
    labels = {name: sum(count) for name, count in zip(vocabulary.labels, text.labelled, strict=True)}
    tokens = f"{len(text.split('train')):,} tokens for training, {text.chars_per_id:.2f} characters each"
    done = "dropped" if deduplicates else "kept; --deduplicate drops them"
    lines = [  # a line begins with its count, and is left out if that is 0
        (sum(spelled), f" characters, {spelled[0]:,} of them for training, {different} different ones"),
        (len(vocabulary.words), f" words are tokens, and rarer ones are spelled: {tokens}"),
        (sum(text.documents), f" documents: {parts}; the end of each counts as a character"),
        (text.duplicates, f" documents repeat an earlier one ({done})"),
        (text.empty, " empty documents were left out"),
        (
            moved,
            f" documents were moved to another part, so that all labels are learnt and measured{_named(text.moved)}",
        ),
        (cut, f" passages were cut out of training documents, to measure labels with few documents{_named(text.cut)}"),
        (len(labels), f" labels and their documents{_named(labels)}"),
        (text.unlabelled, " documents without a label were left out"),
    ]
    return [f"{count:,}{line}" for count, line in lines if count]


def _named(counts: Mapping[str, int]) -> str:
    """Returns the first names with their counts: `: austen 6, baum 13 and 70 more`; "" if there are none."""
    named = [f"{name} {count:,}" for name, count in counts.items() if name]
    rest = f" and {len(named) - LABELS_SHOWN:,} more" if len(named) > LABELS_SHOWN else ""
    return f": {', '.join(named[:LABELS_SHOWN])}{rest}" if named else ""


def warnings(text: corpus.Corpus, *, split: tuple[float, ...]) -> Iterator[str]:
    """Yields warnings about losses that will mislead."""
    for part, unknown, characters in zip(corpus.SPLITS, text.unknown, text.spelled, strict=True):
        if warning := unknown_warning(unknown, characters, where=f"the {part} part"):
            yield warning
    labels = text.vocabulary.labels
    for place, count in enumerate(text.documents):  # running text has none
        part, share = corpus.SPLITS[place], split[place]
        lacking = [name for name, of_parts in zip(labels, text.labelled, strict=True) if not of_parts[place]]
        if share and not count:
            yield f"warning: no document fell into the {part} part (--split={share:g}), so nothing is measured there"
        elif share and lacking:
            listed = ", ".join(lacking[:LABELS_SHOWN]) + " …" * (len(lacking) > LABELS_SHOWN)
            yield f"warning: the {part} part has no document of {listed}: they are few, and too short to cut"


def unknown_warning(unknown: int, characters: int, *, where: str) -> str:
    """Returns a warning if more than 1 in 1,000 characters are unknown, else "".

    All of them are one character to a model. It costs little where the training text had many, and much where it had
    none, so a loss that counts them doesn't compare.
    """
    if unknown <= characters / 1000:
        return ""
    return (
        f"warning: {unknown:,} of the {characters:,} characters of {where} ({unknown / characters:.1%}) aren't in the "
        "vocabulary; all of them count as one unknown character, so the loss doesn't compare with that of other models"
    )
