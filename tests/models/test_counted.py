"""Counted n-grams: against Kneser-Ney smoothing written out with dictionaries, and as a run like any other."""

from collections import Counter, defaultdict

import numpy as np
import pytest
import tensorflow as tf
from conftest import verse

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models.ngrams import counted, kneser_ney
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

TEXT = verse(30)
VOCABULARY = Vocabulary.fit(TEXT)
IDS = VOCABULARY.encode(TEXT)
V = len(VOCABULARY)


def discounts(counts):
    """Chen and Goodman (1999), equation 26, for counts of 1, 2, 3 and more."""
    times = Counter(counts)
    n = [times[count] for count in range(5)]
    if min(n[1:4]) > 0:
        y = n[1] / (n[1] + 2 * n[2])
        found = [1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
        if all(0 < value <= number for number, value in enumerate(found, start=1)):
            return found
    return [0.5, 1, 1.5]


def by_dictionaries(ids, order, vocabulary_size):
    """Returns a function from a context to p(w | context) of every w."""
    counts = [Counter() for _ in range(order)]
    grams = [tuple(ids[place : place + order].tolist()) for place in range(len(ids) - order + 1)]
    counts[-1] = Counter(grams)
    for length in range(order - 2, -1, -1):
        counts[length] = Counter(gram[1:] for gram in counts[length + 1])
    taken = [discounts(list(level.values())) for level in counts]
    after = [defaultdict(dict) for _ in range(order)]
    for length, level in enumerate(counts):
        for gram, number in level.items():
            after[length][gram[:-1]][gram[-1]] = number

    def probabilities(context):
        shorter = probabilities(context[1:]) if context else np.full(vocabulary_size, 1 / vocabulary_size)
        found = after[len(context)].get(context)
        if not found:
            return shorter
        cut = {w: taken[len(context)][min(number, 3) - 1] for w, number in found.items()}
        result = sum(cut.values()) / sum(found.values()) * shorter
        for w, number in found.items():
            result[w] += (number - cut[w]) / sum(found.values())
        return result

    return probabilities


def model_of(ids, order, vocabulary_size=V):
    sizes = {"order": order, "vocabulary_size": vocabulary_size}
    tables = kneser_ney.smooth(*kneser_ney.count(ids, **sizes), **sizes)
    return counted.counted_model(tables, **sizes)


def test_three_bigrams_by_hand():
    probabilities = np.exp(model_of(np.array([1, 2, 1, 3]), 2, 4).keras_model(np.array([[1], [2], [3], [0]])))
    unigrams = np.array([0.125, *[0.125 + 1 / 6] * 3])  # half of the mass is left to 1/4 each
    np.testing.assert_allclose(probabilities[0], unigrams / 2 + [0, 0, 0.25, 0.25], atol=1e-6)  # a: b, c
    np.testing.assert_allclose(probabilities[1], unigrams / 2 + [0, 0.5, 0, 0], atol=1e-6)  # b: a
    np.testing.assert_allclose(probabilities[2:], [unigrams] * 2, atol=1e-6)  # nothing after c, no unknown


@pytest.mark.parametrize("order", [2, 3, 5])
def test_probabilities_are_those_of_dictionaries_and_add_up_to_1(order):
    chance = np.random.default_rng(order)
    model, expected = model_of(IDS, order), by_dictionaries(IDS, order, V)
    windows = np.stack([IDS[place : place + order - 1] for place in chance.integers(0, len(IDS) - order, 40)])
    windows[::4] = chance.integers(0, V, windows[::4].shape)  # unseen and unknown ones
    windows[1, 0] = 0
    given = np.exp(model.keras_model(windows.astype("int32")))
    np.testing.assert_allclose(given, [expected(tuple(row)) for row in windows.tolist()], atol=2e-6)
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-5)
    assert (given > 0).all()


def test_discounts_are_those_of_the_paper_or_fixed():
    np.testing.assert_allclose(
        kneser_ney.discounts(np.repeat([1, 2, 3, 4, 9], [100, 40, 20, 10, 3])),
        [0, *discounts([1] * 100 + [2] * 40 + [3] * 20 + [4] * 10 + [9] * 3)],
    )
    assert kneser_ney.discounts(np.repeat([1, 2, 3], [100, 1, 50])).tolist() == [0, 0.5, 1, 1.5]
    assert kneser_ney.discounts(np.array([5, 7])).tolist() == [0, 0.5, 1, 1.5]


@pytest.mark.parametrize("chunk", [1, 10, 333])
def test_counting_by_chunks_is_counting_once(monkeypatch, chunk):
    ids = IDS[:700]
    monkeypatch.setattr(kneser_ney, "CHUNK", chunk)
    numbers, counts = kneser_ney.count(ids, order=3, vocabulary_size=V)
    expected = Counter((int(b) * V + int(a)) * V + int(w) for a, b, w in zip(ids, ids[1:], ids[2:], strict=False))
    assert dict(zip(numbers.tolist(), counts.tolist(), strict=True)) == expected
    assert numbers.tolist() == sorted(expected)


def test_what_cannot_be_counted_is_refused(monkeypatch):
    with pytest.raises(UserError, match="--order=5: the training split has 4 characters"):
        kneser_ney.count(IDS[:4], order=5, vocabulary_size=V)
    with pytest.raises(UserError, match="--order=40: at most 12 with a vocabulary of 37"):
        kneser_ney.count(IDS, order=40, vocabulary_size=37)
    kneser_ney.count(IDS, order=12, vocabulary_size=37)
    monkeypatch.setattr(kneser_ney, "MAX_NGRAMS", 50)
    with pytest.raises(UserError, match="--order=3: more than 50 different sequences"):
        kneser_ney.count(IDS, order=3, vocabulary_size=V)
    with pytest.raises(UserError, match="--order=1: must be at least 2"):
        ModelConfig(order=1)


def test_a_step_knows_the_last_characters():
    model = model_of(IDS, 4)
    expected = by_dictionaries(IDS, 4, V)
    states = model.start(1)
    for position, id in enumerate(IDS[:9].tolist()):
        logits, states = model.step()(tf.constant([id]), states)
        context = (0, 0, *IDS[: position + 1].tolist())[-3:]
        np.testing.assert_allclose(np.exp(logits[0]), expected(context), atol=2e-6)


def test_a_saved_model_is_found_again_without_its_sizes(tmp_path):
    model = model_of(IDS, 3)
    model.keras_model.save(tmp_path / "model.keras")
    again = counted.empty_like(tmp_path / "model.keras")
    again.keras_model.load_weights(tmp_path / "model.keras")
    windows = np.random.default_rng(0).integers(0, V, (20, 2)).astype("int32")
    np.testing.assert_array_equal(again.keras_model(windows), model.keras_model(windows))
    given, found = model.keras_model, again.keras_model
    assert found.count_params() == given.count_params() == sum(map(np.size, given.get_weights()))


def test_contexts_of_a_document_do_not_reach_into_the_one_before():
    ids = np.array([1, 2, 3, 1, 4, 1])  # two documents, 2 3 and 4, between end symbols
    numbers, counts = kneser_ney.count(ids, order=3, vocabulary_size=5, end=1)
    trigrams = [(0, 1, 2), (0, 1, 4), (1, 2, 3), (2, 3, 1), (1, 4, 1)]
    assert numbers.tolist() == sorted(near * 25 + far * 5 + target for far, near, target in trigrams)
    assert counts.tolist() == [1] * 5
