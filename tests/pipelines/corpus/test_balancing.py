"""Labels with few documents: each is learnt, and measured if it can be."""

import numpy as np
import pytest
from conftest import LabelledSource

from pipelines import corpus
from pipelines.corpus import balancing, splitting

SPLIT = (0.8, 0.1, 0.1)


def book(number, *, paragraphs=300):
    chance = np.random.default_rng(number)
    return "\n\n".join(f"Paragraph {n} of book {number}: {chance.integers(10**12)}." for n in range(paragraphs))


def in_part(part, count, prefix):
    """Returns short texts that their hashes put into a part."""
    texts = (f"{prefix} {number}" for number in range(10_000))
    found = (text for text in texts if splitting.part_of(splitting.text_hash(text), SPLIT) == part)
    return [next(found) for _ in range(count)]


def prepare(folder, pairs, split=SPLIT, **options):
    return corpus.prepare(
        [LabelledSource(list(pairs))], split=split, folder=folder, documents=True, labelled=True, **options
    )


def texts(prepared, part):
    """Returns the label and the text of each document of a part."""
    found = []
    for packed in prepared.document_split(part).groups(size=1000):
        for ids, label in zip(packed.each(), packed.labels, strict=True):
            found.append((prepared.vocabulary.labels[label], prepared.vocabulary.decode(ids[1:-1])))
    return found


MANY = [("many", f"document {number}") for number in range(200)]


@pytest.mark.parametrize("part", [1, 2])
def test_a_label_keeps_its_only_document_for_training(tmp_path, part):
    (only,) = in_part(part, 1, "only")
    prepared = prepare(tmp_path, [*MANY, ("rare", only)])
    assert ("rare", only) in texts(prepared, "train")
    assert prepared.moved == {"rare": 1}
    assert prepared.cut == {}


def test_a_label_with_five_documents_gives_one_to_each_part(tmp_path):
    prepared = prepare(tmp_path, [*MANY, *(("some", text) for text in in_part(0, 6, "some"))])
    assert dict(zip(prepared.vocabulary.labels, prepared.labelled, strict=True))["some"] == (4, 1, 1)


def test_passages_are_cut_out_of_few_long_documents_and_nothing_is_lost_or_in_two_parts(tmp_path):
    books = [text for text in map(book, range(40)) if splitting.part_of(splitting.text_hash(text), SPLIT) == 0][:2]
    prepared = prepare(tmp_path, [*MANY, *(("author", text) for text in books)])
    assert prepared.cut == {"author": 4}
    parts = {part: [text for label, text in texts(prepared, part) if label == "author"] for part in corpus.SPLITS}
    assert [len(found) for found in parts.values()] == [2, 2, 2]
    lines = [line for found in parts.values() for text in found for line in text.split("\n\n") if line]
    assert sorted(lines) == sorted(line for text in books for line in text.split("\n\n"))
    for passage in parts["validation"] + parts["test"]:
        assert balancing.LEAST <= len(passage) <= balancing.MOST * len(books[0]) + 600
        assert passage.startswith("Paragraph")


def test_short_documents_of_a_rare_label_stay_for_training(tmp_path):
    prepared = prepare(tmp_path, [*MANY, *(("rare", text) for text in in_part(0, 3, "rare"))])
    assert dict(zip(prepared.vocabulary.labels, prepared.labelled, strict=True))["rare"] == (3, 0, 0)
    assert prepared.moved == prepared.cut == {}


def test_copies_of_a_text_are_never_in_two_parts(tmp_path):
    (text,) = [text for text in map(book, range(40)) if splitting.part_of(splitting.text_hash(text), SPLIT) == 0][:1]
    prepared = prepare(tmp_path, [*MANY, ("author", text), ("author", text)])
    held_out = {text for part in ("validation", "test") for label, text in texts(prepared, part) if label == "author"}
    learnt = [text for label, text in texts(prepared, "train") if label == "author"]
    assert len(held_out) == 2
    assert len(learnt) == 2
    assert not any(passage in text for passage in held_out for text in learnt)


def test_neither_order_nor_other_labels_change_the_parts_of_a_label(tmp_path):
    pairs = [*(("some", text) for text in in_part(0, 7, "some")), ("other", "one"), ("other", "two")]
    first = prepare(tmp_path / "a", [*MANY, *pairs])
    second = prepare(tmp_path / "b", [*pairs[::-1], ("third", "0123456789"), ("third", "some")])
    for part in corpus.SPLITS:
        found = [{pair for pair in texts(prepared, part) if pair[0] == "some"} for prepared in (first, second)]
        assert found[0] == found[1]


def test_what_has_documents_in_every_part_stays_as_its_hashes_say(tmp_path):
    prepared = prepare(tmp_path, [*MANY, *(("few", text) for part in range(3) for text in in_part(part, 2, "few"))])
    assert prepared.moved == prepared.cut == {}
    for number, part in enumerate(corpus.SPLITS):
        for _, text in texts(prepared, part):
            assert splitting.part_of(splitting.text_hash(text), SPLIT) == number
