import numpy as np
import pytest
from test_labelled_corpus import DOCUMENTS, KINDS, prepare

from pipelines.batches import WholeDocuments
from pipelines.batches.whole_documents import padded

LETTERS = {label: set(letters) for label, letters in KINDS.items()}


def made(tmp_path, *, batch_size=7, longest=100, seed=1):
    prepared = prepare(tmp_path, split=(1, 0, 0))
    documents = prepared.document_split("train")
    whole = WholeDocuments(documents, batch_size=batch_size, longest=longest, seed=seed)
    return prepared.vocabulary, whole


def texts(vocabulary, ids):
    return [vocabulary.decode(row) for row in ids]


@pytest.mark.parametrize("longest", [4, 5, 100])
def test_an_epoch_has_each_document_once_with_its_label(tmp_path, longest):
    vocabulary, whole = made(tmp_path, longest=longest)
    found = []
    for step in range(whole.steps_per_epoch):
        ids, labels = whole.batch(step)
        assert (ids == vocabulary.end).any(axis=1)[0] or ids.shape[1] % 8 == 0
        for text, label in zip(texts(vocabulary, ids), labels, strict=True):
            assert 0 < len(text) <= longest
            assert set(text) <= LETTERS[vocabulary.labels[label]]
            found.append(text)
    if longest == 100:
        assert sorted(found) == sorted(text for _, text in DOCUMENTS)
    else:
        assert sum(map(len, found)) == sum(len(text) for _, text in DOCUMENTS)
        assert max(map(len, found)) - min(map(len, found)) <= longest - 2  # parts of a document are about equally long
        assert sorted("".join(found)) == sorted("".join(text for _, text in DOCUMENTS))


def test_a_batch_depends_on_its_number_and_the_seed_alone(tmp_path):
    _, whole = made(tmp_path)
    first = [whole.batch(step) for step in range(2 * whole.steps_per_epoch)]
    later = list(made(tmp_path)[1].dataset(5, 2 * whole.steps_per_epoch))
    for expected, found in zip(first[5:], later, strict=True):
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one, other)
    epochs = first[: whole.steps_per_epoch], first[whole.steps_per_epoch :]
    assert any(not np.array_equal(one[0], other[0]) for one, other in zip(*epochs, strict=True))
    assert not np.array_equal(made(tmp_path, seed=2)[1].batch(0)[0], first[0][0])


def test_documents_of_a_batch_are_about_equally_long(tmp_path):
    vocabulary, whole = made(tmp_path)
    spreads = []
    for step in range(whole.steps_per_epoch):
        lengths = [len(text) for text in texts(vocabulary, whole.batch(step)[0])]
        spreads.append(max(lengths) - min(lengths))
    assert np.mean(spreads) < 1.5  # documents have 3 to 11 characters


def test_there_are_few_lengths_and_little_is_filled_up():
    lengths = [padded([np.ones(length, int)], 0).shape[1] for length in range(2000)]
    assert len(set(lengths)) <= 8 * 6
    assert all(length <= filled <= max(8, 1.125 * length + 8) for length, filled in enumerate(lengths))
    assert lengths[:10] == [8] * 9 + [16]
