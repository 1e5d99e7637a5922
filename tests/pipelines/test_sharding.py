"""The rows of a batch, divided among workers."""

import dataclasses

import numpy as np
import pytest
from conftest import FakeSource

from pipelines import corpus
from pipelines.batches import Form, Shuffled, Stream, WholeDocuments

FORM = Form("embedding", "sequence", 398, sparse=True)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    characters = "".join(chr(256 + number) for number in range(397))  # every window is another one
    return corpus.prepare([FakeSource([characters])], split=(1, 0, 0), folder=tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("workers", [2, 3, 6])
@pytest.mark.parametrize(("order", "options"), [(Stream, {}), (Shuffled, {"stride": 8}), (Shuffled, {"stride": 3})])
@pytest.mark.parametrize("first", [0, 5])
def test_together_workers_read_the_whole_batches_in_the_order_of_their_rows(text, order, options, workers, first):
    whole = order(text.split("train"), FORM, batch_size=6, window=8, **options)
    steps = 2 * whole.steps_per_epoch
    expected, *parts = (
        list(batches.dataset(first, steps).as_numpy_iterator())
        for batches in (
            whole,
            *(
                dataclasses.replace(whole, rows=range(worker * 6 // workers, (worker + 1) * 6 // workers))
                for worker in range(workers)
            ),
        )
    )
    assert all(len(part) == len(expected) for part in parts)
    for (inputs, targets), *of_workers in zip(expected, *parts, strict=True):
        assert {int(counts[1]) for _, _, counts in of_workers} == {len(inputs)}
        theirs = [(own[:count], answers[:count]) for own, answers, (count, _) in of_workers]
        np.testing.assert_array_equal(np.concatenate([own for own, _ in theirs]), inputs)
        np.testing.assert_array_equal(np.concatenate([answers for _, answers in theirs]), targets)
        assert all(len(own) for own, _, _ in of_workers)  # a worker without rows has one that counts for nothing


def test_the_last_shuffled_batch_leaves_some_workers_without_rows_of_their_own(text):
    assert Shuffled(text.split("train"), FORM, batch_size=6, window=8, stride=8).count % 6 == 1


def test_together_workers_read_all_documents_and_labels(tmp_path):
    class Labelled(FakeSource):
        def documents(self):
            for document in super().documents():
                yield dataclasses.replace(document, label=document.text[-1])

    texts = [f"{number:03d}{'x' * (number % 40)}{'ab'[number % 2]}" for number in range(105)]
    prepared = corpus.prepare(
        [Labelled(texts)], split=(1, 0, 0), documents=True, labelled=True, folder=tmp_path / "data"
    )
    options = {"batch_size": 6, "longest": 20, "seed": 3}
    documents = prepared.document_split("train")
    whole = WholeDocuments(documents, **options)
    parts = [WholeDocuments(documents, rows=range(2 * worker, 2 * worker + 2), **options) for worker in range(3)]
    empty = 0
    for step in range(2 * whole.steps_per_epoch):
        ids, labels = whole.batch(step)
        found, answers = [], []
        for part in parts:
            own, own_labels, (count, rows) = part.batch(step)
            assert rows == len(ids)
            assert len(own)
            empty += count == 0
            padded = np.full((count, ids.shape[1]), prepared.vocabulary.end)
            padded[:, : own.shape[1]] = own[:count]
            found.append(padded)
            answers.append(own_labels[:count])
        np.testing.assert_array_equal(np.concatenate(found), ids)
        np.testing.assert_array_equal(np.concatenate(answers), labels)
    assert empty
