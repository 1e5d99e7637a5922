"""The texts that labels are measured on: passages of several lengths, which belong to one document each."""

import numpy as np
import pytest
from conftest import LabelledSource

from char_lstm_tf.training.labels import CHARACTERS, FROM_EACH_LABEL, Passages
from pipelines import corpus


def text_of(label, size, seed):
    return label + "".join(np.random.default_rng(seed).choice(list("abc "), size - 1))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    texts = [("x", text_of("x", 60_000, seed)) for seed in range(8)]
    texts += [("y", text_of("y", 3000, 100 + seed)) for seed in range(12)] + [("z", text_of("z", 9000, 200))]
    folder = tmp_path_factory.mktemp("passages")
    return corpus.prepare([LabelledSource(texts)], split=(1, 0, 0), folder=folder, documents=True, labelled=True)


@pytest.mark.parametrize("halve", [False, True])
def test_each_passage_lies_in_one_unit_and_has_its_label(prepared, halve):
    documents = prepared.document_split("train")
    passages = Passages.chosen_from(documents, prepared, halve=halve)
    seen = 0
    for ids, units, places in passages.read(documents):
        for place in places:
            unit = units[place.start]
            assert set(units[place.start : place.stop]) == {unit}
            label = prepared.vocabulary.labels[passages.labels[seen]]
            assert passages.unit_labels[unit] == passages.labels[seen]
            whole = prepared.vocabulary.decode(ids[place.start : place.stop])
            assert not set(whole) & set("xyz") - {label}  # each document names its label once
            seen += 1
    assert seen == len(passages.labels)
    halves = np.count_nonzero(passages.unit_labels == 2)
    assert halves == (2 if halve else 1)


def test_rare_labels_give_enough_passages_and_the_weights_make_up_for_it(prepared):
    passages = Passages.chosen_from(prepared.document_split("train"), prepared)
    of_250 = passages.stops - passages.starts == 250
    counts = np.bincount(passages.labels[of_250])
    assert counts[0] == pytest.approx(CHARACTERS / 250 * 480 / 525, rel=0.05)
    assert counts[1] == FROM_EACH_LABEL
    assert counts[2] == 36  # all that there are
    share = np.bincount(passages.labels[of_250], passages.weights[of_250]) / passages.weights[of_250].sum()
    np.testing.assert_allclose(share, np.array([8 * 240, 12 * 12, 36]) / (8 * 240 + 12 * 12 + 36), rtol=0.01)
    assert passages.weights.sum() == pytest.approx(21)  # the documents


def test_short_documents_are_reported_as_a_whole_and_long_ones_by_their_passages_of_1000(prepared):
    passages = Passages.chosen_from(prepared.document_split("train"), prepared)
    sizes = (passages.stops - passages.starts)[passages.reported]
    labels = passages.labels[passages.reported]
    assert set(sizes[labels == 0]) == {1000}
    assert set(sizes[labels == 1]) == {3001}  # with the end symbol
    assert sizes[labels == 2].tolist() == [9001]


def test_a_long_document_among_short_ones_weighs_about_as_much_as_a_document(tmp_path):
    texts = [(label, text_of(label, 40, seed)) for seed, label in enumerate("xy" * 50)] + [
        ("x", text_of("x", 600, 999))
    ]
    source = LabelledSource(texts)
    prepared = corpus.prepare([source], split=(1, 0, 0), folder=tmp_path, documents=True, labelled=True)
    passages = Passages.chosen_from(prepared.document_split("train"), prepared)
    of_250 = passages.stops - passages.starts == 250
    assert np.count_nonzero(of_250) == 2
    assert passages.weights[of_250].sum() == pytest.approx(1, rel=0.02)
    np.testing.assert_allclose(passages.weights[~of_250], 1, rtol=0.02)
