import numpy as np
import pytest
from conftest import LabelledSource

from pipelines import UserError, corpus
from pipelines.batches import Form, Shuffled, Stream
from pipelines.vocabulary import Vocabulary

KINDS = {"x": "aeiou", "y": "bcdfg", "z": "hjklm"}  # each label has characters of its own
DOCUMENTS = [
    (label, "".join(np.random.default_rng(number).choice(list(letters), 3 + number % 9)))
    for number in range(60)
    for label, letters in KINDS.items()
]


def prepare(tmp_path, pairs=DOCUMENTS, split=(0.8, 0.1, 0.1), **options):
    return corpus.prepare(
        [LabelledSource(list(pairs))], split=split, folder=tmp_path, documents=True, labelled=True, **options
    )


def test_each_document_keeps_its_label_in_every_part(tmp_path):
    prepared = prepare(tmp_path)
    assert prepared.vocabulary.labels == ("x", "y", "z")
    counts = np.zeros((3, 3), int)
    for part, name in enumerate(corpus.SPLITS):
        for packed in prepared.document_split(name).groups(size=40):
            for ids, label in zip(packed.each(), packed.labels, strict=True):
                assert set(prepared.vocabulary.decode(ids)) <= set("xyz"[label] and list(KINDS.values())[label])
                counts[label, part] += 1
    assert prepared.labelled == tuple(map(tuple, counts))
    assert corpus.Corpus.load(prepared.folder) == prepared


@pytest.mark.parametrize("order", [Stream, Shuffled])
def test_batches_have_the_label_of_each_target(tmp_path, order):
    prepared = prepare(tmp_path)
    ids, end = prepared.split("train"), prepared.vocabulary.end
    if order is Stream:
        ids = corpus.ShuffledDocuments(prepared.document_split("train"), seed=1, folder=tmp_path / "epochs")
    form = Form("embedding", "sequence", len(prepared.vocabulary), end=end)
    batches = order(ids, form, batch_size=4, window=8)
    steps = 2 * batches.steps_per_epoch
    owner = {character: label for label, letters in enumerate(KINDS.values()) for character in letters}
    seen = 0
    for step, ((_, labels), targets) in enumerate(batches.dataset(0, steps)):
        characters = np.argmax(targets, axis=-1)
        for character, label in zip(characters.ravel(), labels.numpy().ravel(), strict=True):
            if character != end:
                assert owner[prepared.vocabulary.characters[character]] == label
                seen += 1
        if step % 7 == 0:
            (_, again), _ = batches.batch(step)
            np.testing.assert_array_equal(again, labels)
    assert seen > 100


def test_documents_without_a_label_are_left_out_and_counted(tmp_path):
    prepared = prepare(tmp_path, [*DOCUMENTS, ("", "nobody's")])
    assert prepared.unlabelled == 1
    assert sum(prepared.documents) == len(DOCUMENTS)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("x", "one"), ("x", "two")], r"one label alone, 'x'"),
        ([("Jane", "one"), ("jane", "two")], r"'Jane' and 'jane' differ only in case"),
        ([(f"{number}", f"text {number}") for number in range(1001)], r"1,001 different ones, such as '0' and '1'"),
        ([("", "one")], r"no text in labelled, 1 documents without a label"),
    ],
)
def test_labels_that_can_not_be_learnt_are_refused(tmp_path, pairs, message):
    with pytest.raises(UserError, match=message):
        prepare(tmp_path, pairs, split=(1.0, 0.0, 0.0))


def test_labels_of_a_run_to_start_from_keep_their_ids(tmp_path):
    known = Vocabulary.fit("").with_end().with_labels(["z", "old"])
    assert prepare(tmp_path, known=known).vocabulary.labels == ("old", "z", "x", "y")


def test_a_damaged_file_of_labels_is_noticed(tmp_path):
    prepared = prepare(tmp_path)
    labels = prepared.folder / "labels.bin"
    labels.write_bytes(b"\1" + labels.read_bytes()[1:])
    with pytest.raises(UserError, match=r"labels\.bin has changed"):
        corpus.Corpus.load(prepared.folder)


def test_a_vocabulary_keeps_its_labels(tmp_path):
    vocabulary = Vocabulary.fit("ab").with_end().with_labels(["b", "a\u2028"])
    vocabulary.save(tmp_path / "vocabulary.json")
    assert Vocabulary.load(tmp_path / "vocabulary.json") == vocabulary
    with pytest.raises(UserError, match=r"label 'c' isn't known to the model; it knows a\u2028, b"):
        vocabulary.label_id("c")
