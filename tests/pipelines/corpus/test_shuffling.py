import numpy as np
import pytest
from conftest import FakeSource

from pipelines import corpus
from pipelines.batches import Form, Shuffled, Stream

TEXTS = [chr(97 + number % 26) * (1 + number % 7) + str(number) for number in range(200)]


@pytest.fixture
def prepared(tmp_path):
    return corpus.prepare([FakeSource(TEXTS)], split=(1, 0, 0), folder=tmp_path, documents=True)


@pytest.fixture
def shuffled(prepared, tmp_path):
    return corpus.ShuffledDocuments(prepared.document_split("train"), seed=5, folder=tmp_path / "epochs")


def documents(prepared, ids):
    text = "".join(token or "|" for token in np.array(prepared.vocabulary.tokens, object)[ids[:]])
    assert text[0] == text[-1] == "|"
    return text[1:-1].split("|")


def test_an_epoch_has_every_document_once_in_an_order_of_its_own(prepared, shuffled):
    orders = [documents(prepared, shuffled.of_epoch(epoch)) for epoch in range(3)]
    assert all(sorted(order) == sorted(TEXTS) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert orders[0] != TEXTS


def test_the_order_depends_on_the_seed_and_the_epoch_alone(prepared, shuffled, tmp_path):
    again = corpus.ShuffledDocuments(prepared.document_split("train"), seed=5, folder=tmp_path / "again")
    other = corpus.ShuffledDocuments(prepared.document_split("train"), seed=6, folder=tmp_path / "other")
    assert np.array_equal(again.of_epoch(7)[:], shuffled.of_epoch(7)[:])
    assert not np.array_equal(other.of_epoch(7)[:], shuffled.of_epoch(7)[:])


def test_the_files_of_two_epochs_are_kept(shuffled, tmp_path):
    for epoch in (0, 1, 2, 3):
        shuffled.of_epoch(epoch)
    assert sorted(path.name for path in (tmp_path / "epochs").iterdir()) == ["epoch-2.bin", "epoch-3.bin"]


def test_a_batch_is_the_same_whatever_step_the_dataset_starts_at(prepared, shuffled):
    form = Form("embedding", "sequence", len(prepared.vocabulary))
    batches = Stream(shuffled, form, batch_size=3, window=10)
    steps = 2 * batches.steps_per_epoch + 3
    whole = list(batches.dataset(0, steps))
    resumed = list(batches.dataset(steps - 5, steps))
    assert len(whole) == steps
    for (inputs, targets), (again, again_targets) in zip(whole[-5:], resumed, strict=True):
        assert np.array_equal(inputs, again)
        assert np.array_equal(targets, again_targets)
    alone, _ = batches.batch(steps - 1)
    assert np.array_equal(alone, whole[-1][0])
    assert not np.array_equal(whole[0][0], whole[batches.steps_per_epoch][0])


def test_a_window_for_one_prediction_has_nothing_of_earlier_documents(prepared):
    ids, end = prepared.split("train"), prepared.vocabulary.end
    form = Form("embedding", "next_char", len(prepared.vocabulary), end=end)
    inputs, targets = Shuffled(ids, form, batch_size=64, window=12).batch(0)
    whole = "".join(token or "|" for token in np.array(prepared.vocabulary.tokens, object)[ids[:]])
    cut = 0
    for row, target in zip(inputs.numpy(), np.argmax(targets, -1), strict=True):
        last = np.flatnonzero(row == end)
        if len(last):
            assert len(last) == 1
            assert not row[: last[-1]].any()
            cut += 1
        document = "".join(prepared.vocabulary.tokens[number] or "|" for number in [*row[row > 0], target])
        assert document in whole
    assert cut > 20
