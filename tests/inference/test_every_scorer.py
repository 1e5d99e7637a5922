"""Whoever scores texts takes every argument: each kind of model, as it is and while it learns, and a mixture."""

import keras
import numpy as np
import pytest

from char_lstm_tf.config import Config
from char_lstm_tf.inference.adaptive import Adaptation
from char_lstm_tf.inference.ensemble import Mixture
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.models.build import build
from char_lstm_tf.models.ngrams import counted, kneser_ney
from pipelines.vocabulary import Vocabulary

CHARACTERS = Vocabulary.fit("abcdef \n")
LABELLED = CHARACTERS.with_end().with_labels(["p", "q"])
TEXTS = ["bad face", "", "a", "feed a cab " * 4]
WINDOWS = {"architecture": "ngram", "target": "next_char", "window": 3}
LEARNS_NOTHING = Adaptation(rate=0.0, decay=0.0)


def network(vocabulary, **options):
    keras.utils.set_random_seed(1)
    made = build(Config(name="x", units=(6,), **options), vocabulary)
    for number, weight in enumerate(made.keras_model.weights):
        weight.assign(weight + np.random.default_rng(number).normal(0, 0.3, weight.shape))
    return LanguageModel(made, vocabulary)


def counts(vocabulary):
    sizes = {"order": 3, "vocabulary_size": len(vocabulary)}
    ids = [vocabulary.encode_whole("feed a bad cab " * number) for number in (3, 2, 1)][: 1 + len(vocabulary.labels)]
    trees = [kneser_ney.smooth(*kneser_ney.count(part, **sizes, end=vocabulary.end), **sizes) for part in ids]
    tables, (_, *roots) = kneser_ney.forest(trees) if vocabulary.labels else (trees[0], [0])
    return LanguageModel(counted.counted_model(tables, **sizes, roots=roots), vocabulary)


def learning(model):
    model.learn_while_scoring(LEARNS_NOTHING)
    return model


SCORERS = {
    "recurrent": network,
    "windows": lambda vocabulary: network(vocabulary, **WINDOWS),
    "counts": counts,
    "recurrent that learns": lambda vocabulary: learning(network(vocabulary)),
    "counts that learn": lambda vocabulary: learning(counts(vocabulary)),
    "mixture": lambda vocabulary: Mixture([network(vocabulary), counts(vocabulary)]),
    "mixture that learns": lambda vocabulary: Mixture([learning(network(vocabulary)), learning(counts(vocabulary))]),
}


# A mixture compiles all of its models, so it is slow. What holds for labelled documents is seldom wrong for a text.
KINDS = [
    pytest.param(kind, vocabulary, marks=[pytest.mark.slow] if "mixture" in kind or not vocabulary.labels else [])
    for kind in SCORERS
    for vocabulary in (CHARACTERS, LABELLED)
]


@pytest.mark.parametrize(("kind", "vocabulary"), KINDS)
def test_every_scorer_takes_every_argument(kind, vocabulary):
    scorer = SCORERS[kind](vocabulary)  # one for both windows, since compiling takes most of the time
    label = "q" if vocabulary.labels else ""
    for window in (0, 4):
        assert scorer.losses([], window=window, label=label) == []
        found = scorer.losses(TEXTS, window=window, label=label)
        for text, (score, nats) in zip(TEXTS, found, strict=True):
            scored = len(text) + 1 if vocabulary.labels else max(len(text) - 1, 0)
            assert nats.dtype == np.float32
            assert score.characters == len(nats) == scored
            assert score.nats == pytest.approx(nats.sum(dtype=np.float64), abs=1e-4)
            assert np.isfinite(nats).all()
            assert not scored or nats.min() > 0


@pytest.mark.parametrize(
    ("vocabulary", "window"),
    [
        (CHARACTERS, 0),
        (LABELLED, 4),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in [(CHARACTERS, 4), (LABELLED, 0)]),
    ],
)
def test_a_recurrent_model_that_learns_nothing_has_the_losses_of_one_that_is_left_alone(vocabulary, window):
    label = "q" if vocabulary.labels else ""
    still, learns = (SCORERS[kind](vocabulary) for kind in ("recurrent", "recurrent that learns"))
    pairs = (scorer.losses(TEXTS, window=window, label=label) for scorer in (still, learns))
    for (_, expected), (_, found) in zip(*pairs, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_window_resets_the_state_and_no_scorer_sees_over_its_edge():
    for kind in ("recurrent", "windows", "counts", "recurrent that learns"):
        scorer = SCORERS[kind](CHARACTERS)
        ((_, one),), ((_, other),) = (scorer.losses([before + "d cab"], window=4) for before in ("bade", "face"))
        np.testing.assert_allclose(one[4:], other[4:], atol=1e-5)
        ((_, one),), ((_, other),) = (scorer.losses([before + "d cab"]) for before in ("bade", "face"))
        assert kind == "counts" or np.abs(one[4:] - other[4:]).max() > 1e-4
