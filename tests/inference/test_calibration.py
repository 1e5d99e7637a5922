import dataclasses
import itertools

import numpy as np
import pytest

from char_lstm_tf.inference import measures
from char_lstm_tf.inference.calibrating import calibrate
from char_lstm_tf.inference.calibration import UNUSUAL, Calibration, TypicalLosses


def test_measures_are_those_counted_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])
    report = measures.report(probabilities, np.array([0, 1, 1, 0]), ["a", "b"])
    assert report["confusion"] == [[2, 0], [1, 1]]
    assert report["accuracy"] == 0.75
    assert report["macro_f1"] == pytest.approx((2 * 2 / 5 + 2 * 1 / 3) / 2)
    # Bins of 0.6 to 0.7 (wrong), 0.7 to 0.8 (right), 0.8 to 0.9 (right), 0.9 to 1 (right).
    assert report["expected_calibration_error"] == pytest.approx((0.6 + 0.3 + 0.2 + 0.1) / 4)
    assert report["roc_auc"] == 1.0


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order():
    chance = np.random.default_rng(1)
    scores, positive = chance.integers(0, 6, 40) / 6, chance.random(40) < 0.4
    pairs = itertools.product(scores[positive], scores[~positive])
    expected = np.mean([1.0 if one > other else 0.5 if one == other else 0.0 for one, other in pairs])
    assert measures.area_under_roc(scores, positive) == pytest.approx(expected)


def test_calibration_finds_the_temperature_that_the_evidence_was_made_with():
    chance = np.random.default_rng(1)
    characters = chance.integers(20, 2000, 6000)
    logits = chance.normal(size=(6000, 3)) * 1.5
    labels = np.array([chance.choice(3, p=row) for row in measures.softmax(logits)])
    nats = -logits * (2.0 * characters[:, None] ** 0.5)
    found = calibrate(nats, characters, labels, shares=[1 / 3] * 3)
    assert found.power == pytest.approx(0.5, abs=0.05)
    temperatures = found.scale * characters**found.power
    np.testing.assert_allclose(temperatures, 2 * characters**0.5, rtol=0.15)
    report = measures.report(found.probabilities(nats, characters), labels, "abc")
    assert report["expected_calibration_error"] < 0.03


def test_a_calibration_without_documents_is_said_to_be_none():
    found = calibrate(np.zeros((0, 2)), np.zeros(0, int), np.zeros(0, int), shares=[0.25, 0.75])
    assert found == Calibration((0.25, 0.75))
    assert found.passages == 0
    assert Calibration.from_facts(found.facts()) == found


def test_priors_are_the_shares_or_equal():
    calibration, nothing = Calibration((0.25, 0.75)), (np.zeros((1, 2)), np.ones(1))
    np.testing.assert_allclose(calibration.probabilities(*nothing), [[0.25, 0.75]])
    np.testing.assert_allclose(calibration.probabilities(*nothing, priors="equal"), [[0.5, 0.5]])


def test_a_label_that_is_too_frequent_in_every_text_gets_an_offset():
    chance = np.random.default_rng(1)
    characters = chance.integers(200, 4000, 400)
    labels = (chance.random(400) < 0.2).astype(int)
    nats = chance.normal(0.3, 0.02, (400, 2)) * characters[:, None]
    nats[np.arange(400), labels] -= 0.1 * characters  # the true label is likelier,
    nats[:, 0] -= 0.2 * characters  # and the first one is likelier for every text
    shares = [0.8, 0.2]
    without = measures.softmax(-nats + np.log(shares))
    assert measures.report(without, labels, "ab")["balanced_accuracy"] < 0.6
    found = calibrate(nats, characters, labels, shares=shares)
    report = measures.report(found.probabilities(nats, characters), labels, "ab")
    assert report["balanced_accuracy"] > 0.95
    assert found.offsets[0] - found.offsets[1] == pytest.approx(0.2, abs=0.03)
    assert Calibration.from_facts(found.facts()) == found


def test_evidence_that_points_the_wrong_way_is_left_out():
    labels = np.arange(100) % 2
    nats = np.where(np.arange(2) == labels[:, None], 50.0, 10.0)  # the true label is always less likely
    found = calibrate(nats, np.full(100, 100), labels, shares=[0.5, 0.5])
    np.testing.assert_allclose(found.probabilities(nats, np.full(100, 100)), 0.5, atol=0.01)


def test_balanced_accuracy_and_the_most_frequent_label_are_those_counted_by_hand():
    probabilities = np.array([[0.9, 0.1]] * 8 + [[0.4, 0.6]] + [[0.7, 0.3]])
    report = measures.report(probabilities, np.array([0] * 8 + [1, 1]), ["a", "b"], shares=[0.8, 0.2])
    assert report["accuracy"] == 0.9
    assert report["accuracy_of_most_frequent"] == 0.8
    assert report["balanced_accuracy"] == 0.75
    assert report["nats_per_document_of_shares"] == pytest.approx(-(8 * np.log(0.8) + 2 * np.log(0.2)) / 10)
    assert measures.beats_shares(report)
    assert "always 'a' would be right in 80.0%" in measures.verdict(report)
    assert "too few held-out texts to be sure of a (8), b (2)" in measures.verdict(report)


@pytest.mark.parametrize("same_length", [False, True])
def test_half_of_the_held_out_texts_have_a_larger_loss_than_the_quantile_of_a_half(same_length):
    chance = np.random.default_rng(2)
    labels = chance.integers(0, 2, 3000)
    characters = np.full(3000, 500) if same_length else chance.integers(50, 5000, 3000)
    nats = 3 + np.array([1.2, 1.6])[labels] * characters + chance.normal(0, 0.4, 3000) * characters**0.8
    found = TypicalLosses.found_in(nats, characters, labels, 2)
    quantiles = np.array([found.quantile(*row) for row in zip(nats, characters, labels, strict=True)])
    for label in (0, 1):
        assert np.mean(quantiles[labels == label] < 0.5) == pytest.approx(0.5, abs=0.05)
        assert np.mean(quantiles[labels == label] > UNUSUAL) == pytest.approx(0.01, abs=0.01)
    assert found.quantile(3.0 * 1000, 1000, 0) == 1.0
    assert TypicalLosses.from_facts(dataclasses.asdict(found)) == found
