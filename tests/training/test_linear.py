"""The linear model of a classifier: its features, and how it is fitted."""

import itertools
import math
import re
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.models.build import build
from char_lstm_tf.models.classifier import linear
from char_lstm_tf.models.classifier.linear import Linear, LinearClassifier
from char_lstm_tf.training import linear as fitting
from char_lstm_tf.training.linear import STRENGTH, fit_linear
from pipelines.vocabulary import Vocabulary

VOCABULARY = (
    Vocabulary.fit("").with_end().extended("abcdefg ,").extended([" fed", "bad", " bad"]).with_labels(["x", "y"])
)
TEXTS = ["bad fed bad", "bad,fed, a,", "fed bad fed bad fed", "", "a", "fed  bad\ufffd", "feed " * 20]


@pytest.fixture(autouse=True)
def a_small_table(monkeypatch):
    monkeypatch.setattr(linear, "ROWS", 1 << 12)


class Documents:
    """Batches of documents, as `WholeDocuments` has them."""

    def __init__(self, texts, labels, *, batch_size=2, of=None):
        self.texts, self.labels, self.size = texts, np.array(labels, np.int32), batch_size
        self.of = np.arange(len(texts)) if of is None else np.array(of)
        self.steps_per_epoch = -(-len(texts) // batch_size)

    def batch(self, step):
        chosen = slice(step * self.size, (step + 1) * self.size)
        return rows(self.texts[chosen]), self.labels[chosen]

    def documents(self, step):
        return self.of[step * self.size : (step + 1) * self.size]

    def characters(self, steps):
        return sum(map(len, self.texts)) * steps // self.steps_per_epoch


def rows(texts):
    ids = [VOCABULARY.encode(text) for text in texts]
    longest = max(map(len, ids)) + 1
    padded = [np.pad(row, (0, longest - len(row)), constant_values=VOCABULARY.end) for row in ids]
    return np.stack(padded).astype(np.int32)


def layer_for(labels=2, seed=None):
    layer = Linear(VOCABULARY.tokens, labels)
    layer.build()
    if seed is not None:
        chance = np.random.default_rng(seed)
        layer.importance.assign(chance.uniform(0.5, 2, layer.importance.shape))
        layer.votes.assign(chance.normal(size=layer.votes.shape))
        layer.bias.assign(chance.normal(size=layer.bias.shape))
    return layer


def hashed(names):
    return tf.strings.to_hash_bucket_fast(tf.constant(names, tf.string), linear.ROWS).numpy()


def expected_votes(layer, text, word=r"\w+|[^\w\s]+"):
    """The sum of the votes of a text's features times their values, written down plainly."""
    words, characters = re.findall(word, text), f" {text} "
    pairs = [" ".join(pair) for pair in itertools.pairwise(words)]
    apart = [" ".join(pair) for pair in zip(words, words[2:], strict=False)]
    sequences = [characters[start : start + n] for n in range(2, 7) for start in range(len(characters) - n + 1)]
    total = layer.bias.numpy().astype(float)
    of_words = Counter([*hashed(words + pairs), *(hashed(apart) + 2 * linear.ROWS)])
    for counts in (of_words, Counter(hashed(sequences) + linear.ROWS)):
        values = {row: (1 + math.log(n)) * layer.importance.numpy()[row] for row, n in counts.items()}
        length = math.sqrt(sum(value**2 for value in values.values()))
        total += sum((value / length * layer.votes.numpy()[row] for row, value in values.items()), np.zeros(2))
    return total


def features(layer, text):
    """The values of a text's features, float `[R + 1]`. The last is that of the bias."""
    _, places, values = layer.scaled(layer.counted(rows([text])), count=1)
    x = np.append(np.zeros(len(linear.KINDS) * linear.ROWS), 1.0)
    x[places.numpy()] = values.numpy()
    return x


def expected_variances(layer, texts, labels):
    """How far weights may go, float `[R + 1, 2]`, written down plainly: further where the labels differ."""
    values = np.stack([features(layer, text) for text in texts])
    found = np.ones((values.shape[1], 2))
    for each in range(2):
        own = np.array(labels) == each
        share = (own.sum() + 1) / (len(own) + 2)
        with_label = ((values[own] > 0).sum(axis=0) + 2 * share) / share
        without = ((values[~own] > 0).sum(axis=0) + 2 * (1 - share)) / (1 - share)
        found[:-1, each] = (1 + np.abs(np.log(with_label / without)[:-1])) ** 2
    squares = (values[:, :-1] ** 2).sum(axis=0)
    found[:-1] *= squares.sum() / (squares @ found[:-1])
    return found


def test_half_of_the_answer_is_the_sum_of_what_words_and_sequences_of_characters_vote():
    layer, logits = layer_for(seed=3), np.array([[1.0, -0.5]] * len(TEXTS), np.float32)
    found = layer(logits, rows(TEXTS)).numpy()
    for row, text in zip(found, TEXTS, strict=True):
        votes = expected_votes(layer, text)
        np.testing.assert_allclose(2 * row, tf.nn.log_softmax(logits[0]).numpy() - np.log1p(np.exp(-votes)), atol=1e-4)


def test_a_run_from_before_signs_were_words_and_pairs_had_a_word_between_answers_as_it_did(tmp_path, monkeypatch):
    made, file = layer_for(seed=3), tmp_path / "run.weights.h5"
    rows_then = linear.FIRST_KINDS * linear.ROWS
    for weight in (made.importance, made.votes):
        weight.assign(np.concatenate([weight[:rows_then], tf.zeros_like(weight[rows_then:])]))
    with monkeypatch.context() as then:
        then.setattr(linear, "KINDS", linear.KINDS[: linear.FIRST_KINDS])
        before = LinearClassifier(VOCABULARY)
    for weight, value in zip(before.linear.weights, made.weights, strict=True):
        weight.assign(value[: weight.shape[0]])
    before.keras_model.save_weights(file)
    now = LinearClassifier(VOCABULARY)
    now.keras_model.load_weights(file)
    expected = [-np.log1p(np.exp(-expected_votes(made, text, word=r"\S+"))) for text in TEXTS]
    np.testing.assert_allclose(now.answer(tf.constant(rows(TEXTS))), expected, atol=1e-4)


def test_in_training_only_the_network_answers():
    layer, logits = layer_for(seed=3), np.ones([2, 2], np.float32)
    np.testing.assert_array_equal(layer(logits, rows(["bad", "fed"]), training=True), logits)
    options = {"name": "x", "target": "label", "documents": "lines", "labels": "file", "text": ("f",)}
    model = build(Config(**options, units=(3,), tokens="words", linear=True), VOCABULARY)
    trained = {weight.path for weight in model.keras_model.trainable_weights}
    assert trained
    assert not trained & {weight.path for weight in model.linear.weights}


@pytest.mark.parametrize("seed", [None, 5])
def test_the_fitted_weights_are_where_the_loss_is_least(seed):
    """There, the gradient is zero: a weight has moved as far as the texts pull it, times its variance."""
    chance = np.random.default_rng(0)
    texts = ["".join(chance.choice(list("abcdefg  "), 12)) for _ in range(30)]
    labels = [int(text.count("a") > text.count("b")) for text in texts]
    layer = layer_for(seed=seed)
    before, bias = layer.votes.numpy().astype(float), layer.bias.numpy().astype(float)
    documents = Documents(texts, labels, batch_size=7)
    fit_linear(layer, documents, precision=1e-5, quiet=True)
    moved = np.append(layer.votes.numpy() - before, layer.bias.numpy()[None] - bias, axis=0)
    pull, variances = np.zeros_like(moved), expected_variances(layer, texts, labels)
    for text, label in zip(texts, labels, strict=True):
        x = features(layer, text)
        for each in range(2):
            sign = 1 if each == label else -1
            score = x[:-1] @ layer.votes.numpy()[:, each] + layer.bias.numpy()[each]
            pull[:, each] += STRENGTH * sign * variances[:, each] * x / (1 + math.exp(sign * score))
    assert np.abs(moved).max() > 0.3
    np.testing.assert_allclose(moved, pull, atol=0.04)


def test_a_label_with_long_documents_is_no_likelier_for_having_more_parts():
    texts, labels = ["bad fed"] * 9 + ["feed a"] * 3, [0] * 9 + [1] * 3
    cut, whole = layer_for(), layer_for()
    fit_linear(cut, Documents(texts, labels, of=[0] * 7 + [1, 2, 3, 4, 5]), quiet=True)
    fit_linear(whole, Documents(texts, labels), quiet=True)
    odds = math.log(4 / 4) - math.log(10 / 4)  # three documents of each label, instead of nine texts and three
    np.testing.assert_allclose(cut.bias - whole.bias, [odds, -odds], atol=1e-5)
    np.testing.assert_array_equal(cut.votes, whole.votes)


def test_features_of_another_run_keep_their_importance_and_new_ones_get_theirs():
    layer = layer_for()
    known = hashed(["bad"])[0]
    layer.importance.assign(np.where(np.arange(len(linear.KINDS) * linear.ROWS) == known, 7.0, 0.0))
    fit_linear(layer, Documents(["bad fed", "fed", "bad"], [0, 1, 1]), quiet=True)
    assert layer.importance.numpy()[known] == 7
    assert layer.importance.numpy()[hashed(["bad fed"])[0]] == pytest.approx(math.log(4 / 2) + 1)
    assert layer.importance.numpy()[hashed(["cab"])[0]] == 0


def test_of_very_many_documents_some_are_used_and_that_is_said(monkeypatch, capsys):
    documents = Documents(["bad fed"] * 10 + ["feed a"] * 10, [0, 1] * 10)
    fit_linear(layer_for(), documents)
    assert "fitted" not in capsys.readouterr().err
    monkeypatch.setattr(fitting, "MOST_CHARACTERS", documents.characters(10) // 2)
    fit_linear(layer_for(), documents)
    assert "linear model: fitted on 5 of 10 batches of documents, since there are many" in capsys.readouterr().err
