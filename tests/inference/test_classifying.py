import itertools

import numpy as np
import pytest

from char_lstm_tf.inference import classifying
from char_lstm_tf.inference.classifying import Calibration


def test_measures_are_those_counted_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])
    report = classifying.report(probabilities, np.array([0, 1, 1, 0]), ["a", "b"])
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
    assert classifying.area_under_roc(scores, positive) == pytest.approx(expected)


def test_calibration_finds_the_temperature_that_the_evidence_was_made_with():
    chance = np.random.default_rng(1)
    characters = chance.integers(20, 2000, 6000)
    logits = chance.normal(size=(6000, 3)) * 1.5
    labels = np.array([chance.choice(3, p=row) for row in classifying.softmax(logits)])
    nats = -logits * (2.0 * characters[:, None] ** 0.5)
    found = classifying.calibrate(nats, characters, labels, shares=[1 / 3] * 3)
    assert found.power == pytest.approx(0.5, abs=0.05)
    temperatures = found.scale * characters**found.power
    np.testing.assert_allclose(temperatures, 2 * characters**0.5, rtol=0.15)
    report = classifying.report(found.probabilities(nats, characters), labels, "abc")
    assert report["expected_calibration_error"] < 0.03


def test_a_calibration_without_documents_is_said_to_be_none():
    found = classifying.calibrate(np.zeros((0, 2)), np.zeros(0, int), np.zeros(0, int), shares=[0.25, 0.75])
    assert found == Calibration((0.25, 0.75))
    assert found.passages == 0
    assert Calibration.from_facts(found.facts()) == found


def test_priors_are_the_shares_or_equal():
    calibration, nothing = Calibration((0.25, 0.75)), (np.zeros((1, 2)), np.ones(1))
    np.testing.assert_allclose(calibration.probabilities(*nothing), [[0.25, 0.75]])
    np.testing.assert_allclose(calibration.probabilities(*nothing, priors="equal"), [[0.5, 0.5]])
