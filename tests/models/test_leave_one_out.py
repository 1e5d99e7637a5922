"""Counts without one document are those of the other documents."""

import numpy as np
import pytest

from char_lstm_tf.models.ngrams import kneser_ney
from char_lstm_tf.models.ngrams.leave_one_out import LeaveOneOut, Ngrams, probabilities

V, END, ORDER = 9, 8, 4
LABELS = [0, 0, 0, 1, 1, 0, 1, 0, 1, 0]
NOTHING = np.zeros(0, np.int64)


def some_documents():
    chance = np.random.default_rng(3)
    shares = np.linspace(2, 0.2, V - 1)
    return [chance.choice(V - 1, chance.integers(5, 60), p=shares / shares.sum()) for _ in LABELS]


DOCUMENTS = some_documents()
SIZES = [len(document) + 1 for document in DOCUMENTS]
ENDS = np.cumsum([0, *SIZES])


def packed(documents):
    return np.concatenate([[END], *(np.append(document, END) for document in documents)])


def tree(documents):
    counted = kneser_ney.count(packed(documents), order=ORDER, vocabulary_size=V, end=END)
    return kneser_ney.levels(*counted, order=ORDER, vocabulary_size=V)


def trees(documents, labels):
    own = [[document for document, its in zip(documents, labels, strict=True) if its == label] for label in (0, 1)]
    return [tree(documents), *map(tree, own)]


def nats(passage, units):
    """Returns the losses of a passage of all documents, `[L]`."""
    counter = LeaveOneOut(trees(DOCUMENTS, LABELS), order=ORDER, vocabulary_size=V, end=END)
    labels = np.append(0, np.repeat(LABELS, SIZES))
    return counter.nats(packed(DOCUMENTS), units, labels, [passage], shares=[[0.5, 0.5]])[0, 0]


def nats_by(counted, ids):
    """Returns the losses of ids after an end symbol by trees as they are, `[L]`."""
    numbers = kneser_ney.ngram_numbers(np.pad(np.append(END, ids), (ORDER - 2, 0)), ORDER, V, END)
    wanted = Ngrams(numbers, np.zeros(len(numbers), np.int64))
    shared, *own = (probabilities(one, Ngrams(NOTHING, NOTHING), wanted, V) for one in counted)
    return np.array([-np.log((shared + one) / 2).sum() for one in own])


@pytest.mark.parametrize("left_out", range(len(LABELS)))
def test_a_document_costs_what_it_costs_if_the_others_alone_are_counted(left_out, monkeypatch):
    found = nats(range(ENDS[left_out] + 1, ENDS[left_out + 1] + 1), np.append(0, np.repeat(np.arange(10), SIZES)))
    same = iter([level.discounts for one in trees(DOCUMENTS, LABELS) for level in one])  # they stay those of all
    monkeypatch.setattr(kneser_ney, "discounts", lambda counts: next(same))
    others = [number for number in range(10) if number != left_out]
    recounted = trees([DOCUMENTS[number] for number in others], [LABELS[number] for number in others])
    expected = nats_by(recounted, np.append(DOCUMENTS[left_out], END))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_document_is_likelier_by_counts_that_it_is_part_of():
    without = nats(range(1, ENDS[1] + 1), np.append(0, np.repeat(np.arange(10), SIZES)))
    with_it = nats_by(trees(DOCUMENTS, LABELS), np.append(DOCUMENTS[0], END))
    assert with_it[0] < without[0] - 1


def test_of_half_a_document_the_other_half_stays_counted(monkeypatch):
    size = int(np.argmax(SIZES))
    first = range(ENDS[size] + 1, ENDS[size] + 1 + SIZES[size] // 2)
    units = np.append(0, np.repeat(np.arange(10), SIZES))
    units[first.start : first.stop] = 99
    found = nats(first, units)
    same = iter([level.discounts for one in trees(DOCUMENTS, LABELS) for level in one])
    monkeypatch.setattr(kneser_ney, "discounts", lambda counts: next(same))
    document, half = DOCUMENTS[size], len(first)
    whole = kneser_ney.ngram_numbers(np.pad(packed([document]), (ORDER - 2, 0)), ORDER, V, END)
    rest = [other for number, other in enumerate(DOCUMENTS) if number != size]
    labels = [label for number, label in enumerate(LABELS) if number != size]

    def counted_with_second_half(documents):
        numbers, counts = kneser_ney.count(packed(documents), order=ORDER, vocabulary_size=V, end=END)
        numbers = np.concatenate([np.repeat(numbers, counts), whole[half:]])
        return kneser_ney.levels(*np.unique(numbers, return_counts=True), order=ORDER, vocabulary_size=V)

    own = [[other for other, its in zip(rest, labels, strict=True) if its == label] for label in (0, 1)]
    recounted = [counted_with_second_half(rest)]
    recounted += [
        counted_with_second_half(documents) if label == LABELS[size] else tree(documents)
        for label, documents in enumerate(own)
    ]
    np.testing.assert_allclose(found, nats_by(recounted, document[:half]), rtol=1e-12)
