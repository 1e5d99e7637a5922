import math

import keras
import numpy as np
import pytest

from char_lstm_tf.config import Config, ModelConfig
from char_lstm_tf.inference import scoring
from char_lstm_tf.models import networks
from char_lstm_tf.models.build import build
from char_lstm_tf.models.encodings import Interface
from pipelines.vocabulary import Vocabulary

TEXT = "It is a truth, universally acknowledged,\nthat words   are what split() says. " * 40
VOCABULARY = Vocabulary.fit(TEXT)
IDS = VOCABULARY.encode(TEXT)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return networks.build_functional(ModelConfig(units=(8, 8)), Interface(vocabulary_size=len(VOCABULARY)))


@pytest.fixture(scope="module")
def scorer(model):
    return scoring.Scorer(model, VOCABULARY, chunk=20)


@pytest.mark.parametrize("length", [2, 20, 21, 22, 70])
def test_each_character_costs_what_one_pass_over_the_whole_text_says(model, scorer, length):
    ids = IDS[:length].astype(int)
    logits = model.keras_model(np.eye(len(VOCABULARY), dtype="float32")[None, ids[:-1]])[0].numpy()
    expected = np.log(np.exp(logits).sum(-1)) - logits[np.arange(length - 1), ids[1:]]
    np.testing.assert_allclose(scorer.nats_of_each([IDS[:length]])[0], expected, atol=1e-5)


def test_a_model_that_knows_nothing_pays_the_logarithm_of_the_vocabulary(model):
    blank = networks.build_functional(ModelConfig(units=(8, 8)), Interface(vocabulary_size=len(VOCABULARY)))
    blank.keras_model.set_weights([np.zeros_like(weight) for weight in blank.keras_model.get_weights()])
    report = scoring.Scorer(blank, VOCABULARY).score(IDS).report()
    assert report["nats_per_char"] == pytest.approx(math.log(len(VOCABULARY)))
    assert report["bits_per_char"] == pytest.approx(math.log2(len(VOCABULARY)))
    assert report["perplexity_per_char"] == pytest.approx(len(VOCABULARY))
    assert report["characters"] == len(TEXT) - 1
    assert report["words"] == len(TEXT.split())
    assert report["perplexity_per_word"] == pytest.approx(
        len(VOCABULARY) ** ((len(TEXT) - 1) / len(TEXT.split())), rel=1e-4
    )


def test_documents_have_no_words():
    report = scoring.Score(30, 60.0, 5, 0, documents=4).report()
    assert (report["documents"], report["nats_per_document"]) == (4, 15)
    assert not {"words", "perplexity_per_word"} & set(report)


def test_documents_together_have_the_quantiles_of_their_losses():
    report = scoring.Score(30, 60.0, 5, 0, documents=101).of_documents([number / 10 for number in range(101)]).report()
    found = {name: value for name, value in report.items() if name.endswith("%")}
    assert found["nats_per_char_50%"] == pytest.approx(5)
    assert found["nats_per_char_99%"] == pytest.approx(9.9)
    assert len(found) == 6


def test_weights_are_those_at_the_time_of_the_call(model, scorer):
    before = scorer.score(IDS).nats
    model.keras_model.get_layer("logits").bias.assign_add(np.arange(len(VOCABULARY), dtype="float32"))
    assert abs(scorer.score(IDS).nats - before) > 1


def test_unknown_characters_are_counted_and_scored(scorer):
    score = scorer.score(VOCABULARY.encode("truth 真 and 理 words"))
    assert score.unknown_characters == 2
    assert score.words == 5
    assert 0 < score.nats < math.inf


def test_a_perplexity_without_end_is_none_and_no_crash():
    assert scoring.Score(10_000, 1e6, 1, 0).report()["perplexity_per_word"] is None
    assert scoring.Score(3, 1.0, 0, 0).report()["perplexity_per_word"] is None


def test_texts_side_by_side_cost_what_each_costs_alone(scorer):
    texts = [IDS[start:end] for start, end in ((0, 45), (100, 102), (7, 300), (50, 71))] * 5  # more than ROWS
    for ids, losses in zip(texts, scorer.nats_of_each(texts), strict=True):
        np.testing.assert_allclose(losses, scorer.nats_of_each([ids])[0], atol=1e-5)


def test_a_measured_text_has_the_score_of_a_pass(scorer):
    text = "truth 真 and 理 words" * 30
    ids = VOCABULARY.encode(text)
    losses = scorer.nats_of_each([ids])[0]
    measured, scored = scoring.Score.of(text, ids, losses, lengths=VOCABULARY.lengths), scorer.score(ids)
    assert measured.nats == pytest.approx(scored.nats)
    assert (measured.words, measured.characters, measured.unknown_characters) == (
        scored.words,
        scored.characters,
        60,
    )


def test_words_are_those_of_the_text_whatever_the_vocabulary_knows():
    assert "\t" not in VOCABULARY.characters
    text = "a\tb c"
    ids = VOCABULARY.encode(text)
    assert scoring.Score.of(text, ids, np.zeros(4), lengths=VOCABULARY.lengths).words == 3


@pytest.mark.parametrize("text", ["truth and words", " and  truth\n and", "x", "and"])
def test_a_text_of_words_has_the_words_and_characters_of_the_text(text):
    vocabulary = VOCABULARY.extended([" and", "and", "truth", " words", "\n"])
    model = build(Config(name="x", units=(5,), tokens="words"), vocabulary)
    ids, scorer = vocabulary.encode(text), scoring.Scorer(model, vocabulary, chunk=2)
    measured = scoring.Score.of(text, ids, scorer.nats_of_each([ids])[0], lengths=vocabulary.lengths)
    scored = scorer.score(ids)
    assert scored.nats == pytest.approx(measured.nats)
    assert (scored.words, scored.characters) == (len(text.split()), measured.characters)
    assert measured.characters == len(text) - len(vocabulary.tokens[ids[0]])


def test_scores_add_up():
    total = scoring.Score(3, 1.5, 2, 0) + scoring.Score(1, 0.5, 1, 1)
    assert total == scoring.Score(4, 2.0, 3, 1)
    assert total.report()["nats_per_char"] == 0.5


def test_windows_are_read_as_texts_of_their_own_and_every_character_once(scorer):
    texts = [IDS[:45], IDS[100:102]]
    in_windows = scorer.nats_of_each(texts, window=10)
    assert [len(losses) for losses in in_windows] == [44, 1]
    for start in range(0, 44, 10):
        expected = scorer.nats_of_each([IDS[start : min(start + 11, 45)]])[0]
        np.testing.assert_allclose(in_windows[0][start : start + 10], expected, atol=1e-5)
