"""Models with labels: each network and counted n-grams."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.models import cores
from char_lstm_tf.models.build import build
from char_lstm_tf.models.ngrams import counted, kneser_ney
from char_lstm_tf.training.callbacks.gradients import GradientProbe
from char_lstm_tf.training.fitting.compiling import compile_model
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("").with_end().extended("abcdef ").with_labels("xyz")
TEXTS = [VOCABULARY.encode_whole(text) for text in ("", "a", "bad face", "feed " * 9, "x")]
KINDS = {
    "sequential": {},
    "functional": {"architecture": "functional", "units": (6, 5), "encoding": "embedding"},
    "gru": {"cell": "gru"},
    "next_char": {"target": "next_char"},
    "ngram": {"architecture": "ngram", "target": "next_char", "window": 3, "encoding": "embedding"},
    "bidirectional": {"bidirectional": True, "target": "next_char", "window": 4},
    "counts": {"architecture": "counts"},
}


def config_of(kind):
    return Config(**({"name": "x", "units": (6,), "window": 5} | KINDS[kind]))


def network(kind, **options):
    model = build(config_of(kind), VOCABULARY, **options)
    for weight in model.keras_model.layers[-1].weights:
        weight.assign(np.random.default_rng(len(weight.shape)).normal(size=weight.shape))
    return model


def trees(order=3):
    ids = np.random.default_rng(1).integers(1, len(VOCABULARY), 300)
    sizes = {"order": order, "vocabulary_size": len(VOCABULARY)}
    parts = [ids, ids[:90], ids[90:200], ids[200:]]
    return [kneser_ney.smooth(*kneser_ney.count(part, **sizes), **sizes) for part in parts], sizes


def counts():
    tables, sizes = trees()
    joined, (_, *roots) = kneser_ney.forest(tables)
    return counted.counted_model(joined, **sizes, roots=roots, shares=[0.6] * len(roots))


def model_of(kind):
    keras.utils.set_random_seed(1)
    return counts() if kind == "counts" else network(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_one_pass_under_each_label_gives_what_a_pass_for_each_does(kind):
    scorer = Scorer(model_of(kind), VOCABULARY)
    together = scorer.losses_per_label(TEXTS)
    for label in range(3):
        alone = scorer.nats_of_each(TEXTS, [label] * len(TEXTS))
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(one[:, label], other, atol=2e-5)
    assert np.ptp(np.concatenate(together), axis=1).max() > 0.01


@pytest.mark.parametrize("kind", ["sequential", "counts"])
def test_each_text_is_read_under_its_own_label(kind):
    scorer = Scorer(model_of(kind), VOCABULARY)
    mixed = scorer.nats_of_each(TEXTS, [2, 0, 1, 2, 0])
    each = scorer.losses_per_label(TEXTS)
    for losses, under, label in zip(mixed, each, [2, 0, 1, 2, 0], strict=True):
        np.testing.assert_allclose(losses, under[:, label], atol=2e-5)
    with pytest.raises(ValueError, match="needs one for each text"):
        scorer.nats_of_each(TEXTS)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "counts"])
def test_the_model_in_training_predicts_as_its_steps_do(kind):
    read_by_steps = model_of(kind)
    model = read_by_steps.keras_model
    length = model.inputs[0].shape[1] or 5
    ids = np.random.default_rng(2).integers(2, len(VOCABULARY), (4, length)).astype(np.int32)
    read = ids if model.inputs[0].dtype == "int32" else tf.one_hot(ids, len(VOCABULARY))
    labels = np.array([0, 2, 1, 2], np.int32)
    sequence = len(model.output.shape) == 3
    logits = model([tf.constant(read), tf.constant(np.repeat(labels[:, None], length, 1) if sequence else labels)])
    states = read_by_steps.start(4)
    for place in range(length):
        stepped, states = read_by_steps.step(tf.constant(labels))(tf.constant(ids[:, place]), states)
    np.testing.assert_allclose(stepped, logits[:, -1] if sequence else logits, atol=2e-5)


def test_a_labels_logits_are_the_shared_ones_and_its_own():
    layer = network("sequential").keras_model.layers[-1]
    hidden = np.random.default_rng(1).normal(size=(2, 4, 6)).astype("f")
    labels = np.array([[0, 1, 2, 0], [2, 2, 1, 1]])
    kernel, bias, kernels, biases = layer.get_weights()
    for row, column in np.ndindex(labels.shape):
        label = labels[row, column]
        expected = hidden[row, column] @ (kernel + kernels[label]) + bias + biases[label]
        np.testing.assert_allclose(layer(hidden, labels)[row, column], expected, atol=1e-5)


def test_counts_under_a_label_are_the_mean_of_its_own_and_all():
    tables, sizes = trees()
    alone = [counted.counted_model(part, **sizes) for part in tables]
    windows = np.random.default_rng(3).integers(0, len(VOCABULARY), (50, 2)).astype(np.int32)
    shared, *own = [np.exp(model.keras_model(windows)) for model in alone]
    for label in range(3):
        found = np.exp(counts().keras_model([windows, np.full(50, label, np.int32)]))
        np.testing.assert_allclose(found, 0.6 * own[label] + 0.4 * shared, rtol=1e-5)
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_a_label_with_fewer_characters_than_the_order_is_counted():
    end, sizes = VOCABULARY.end, {"order": 7, "vocabulary_size": len(VOCABULARY)}
    ids = VOCABULARY.encode_whole("ab")
    model = counted.counted_model(kneser_ney.smooth(*kneser_ney.count(ids, **sizes, end=end), **sizes), **sizes)
    logits = model.keras_model(np.array([[0, 0, 0, 0, 0, end]], np.int32))[0]
    assert VOCABULARY.characters[int(np.argmax(logits))] == "a"


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_losses_of_many_texts_do_not_depend_on_the_number_of_cores(monkeypatch, count):
    model, texts = network("sequential"), [VOCABULARY.encode_whole("abc de"[: number % 6]) for number in range(201)]
    expected = Scorer(model, VOCABULARY).losses_per_label(texts)
    monkeypatch.setattr(cores, "count", lambda: count)
    for one, other in zip(Scorer(model, VOCABULARY).losses_per_label(texts), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize("kind", ["sequential", "functional", "ngram"])
def test_gradients_are_probed_with_labels(kind):
    model = network(kind, packed=True).keras_model
    compile_model(model, config_of(kind), steps=10)
    ids = np.random.default_rng(1).integers(1, len(VOCABULARY), (4, model.inputs[0].shape[1])).astype(np.int32)
    one_hot = np.eye(len(VOCABULARY), dtype="f")
    read = ids if model.inputs[0].dtype == "int32" else one_hot[ids]
    sequence = kind != "ngram"
    inputs = tf.constant(read), tf.constant(ids % 3 if sequence else ids[:, 0] % 3)
    snapshot = GradientProbe(model).snapshot(inputs, tf.constant(one_hot[ids if sequence else ids[:, -1]]))
    assert np.isfinite(snapshot.norms).all()
    assert snapshot.norms[-2:].min() > 0  # of the labels' own weights


@pytest.mark.parametrize("kind", ["sequential", pytest.param("counts", marks=pytest.mark.slow)])
def test_texts_are_written_under_their_label(kind):
    model = LanguageModel(model_of(kind), VOCABULARY)
    written = [model.generate(["a"] * 3, chars=30, seed=1, label=label) for label in "xyz"]
    assert written[0] != written[1] != written[2]
    probabilities = [dict(model.next_char(["ab"], k=3, label=label)[0]) for label in "xy"]
    assert probabilities[0] != probabilities[1]
    assert model.likeliest("a", chars=5, width=2, label="x")
