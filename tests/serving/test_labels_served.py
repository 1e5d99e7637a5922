"""The signatures of models with labels, of a SavedModel that was written and loaded."""

import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.inference.calibration import Calibration
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.models.build import build
from char_lstm_tf.models.ngrams import counted, kneser_ney
from char_lstm_tf.serving import export
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("").with_end().extended("abcdef ").with_labels(["x", "ÿ z"])
CALIBRATION = Calibration((0.3, 0.7), scale=1.7, power=0.4, passages=9)
TEXTS = ["", "a", "bad face", "feed " * 40, "a\uffffb"]


def network():
    model = build(Config(name="x", units=(7,)), VOCABULARY)
    for weight in model.keras_model.layers[-1].weights:
        weight.assign(np.random.default_rng(len(weight.shape)).normal(size=weight.shape))
    return model


def counts():
    ids = np.random.default_rng(1).integers(1, len(VOCABULARY), 300)
    sizes = {"order": 3, "vocabulary_size": len(VOCABULARY)}
    trees = [kneser_ney.smooth(*kneser_ney.count(part, **sizes), **sizes) for part in (ids, ids[:100], ids[100:])]
    joined, (_, *roots) = kneser_ney.forest(trees)
    return counted.counted_model(joined, **sizes, roots=roots)


@pytest.fixture(scope="module", params=[network, pytest.param(counts, marks=pytest.mark.slow)])
def both(request, tmp_path_factory):
    model = LanguageModel(request.param(), VOCABULARY, calibration=CALIBRATION)
    path = tmp_path_factory.mktemp("written") / "1"
    export.export(model.network, VOCABULARY, path, CALIBRATION)
    loaded = tf.saved_model.load(str(path))
    return model, loaded, path


def test_classify_gives_the_probabilities_of_the_command(both):
    model, loaded, path = both
    found = loaded.signatures["classify"](text=tf.constant(TEXTS))
    assert (path / "assets/labels.txt").read_text().splitlines() == ["x", "ÿ z"]
    for label, row, expected in zip(found["label"], found["probabilities"], model.classify(TEXTS), strict=True):
        assert label.numpy().decode() == next(iter(expected))
        np.testing.assert_allclose(row, [expected[name] for name in VOCABULARY.labels], atol=1e-5)


def test_score_and_generate_take_the_label_of_each_row(both):
    model, loaded, _ = both
    labels = ["x", "ÿ z"]
    found = loaded.signatures["score"](text=tf.constant(["bad face"] * 2), label=tf.constant(labels))
    expected = [model.score(["bad face"], label=label)[0].nats_per_char for label in labels]
    np.testing.assert_allclose(found["nats_per_char"], expected, rtol=1e-5)
    inputs = {
        "prompt": tf.constant(["a", "a"]),
        "num_chars": tf.constant([20, 20]),
        "temperature": tf.constant([0.5, 0.5]),
        "top_k": tf.constant([0, 0]),
        "top_p": tf.constant([1.0, 1.0]),
        "seed": tf.constant([4, 4], tf.int64),
    }
    written = loaded.signatures["generate"](**inputs, label=tf.constant(labels))["text"].numpy()
    for text, label in zip(written, labels, strict=True):
        (expected,) = model.generate(["a"], chars=20, temperature=0.5, seed=4, label=label)
        assert text.decode() == expected
    likeliest = loaded.signatures["next_char"](
        prompt=tf.constant(["a", "a"]), k=tf.constant([2, 2]), label=tf.constant(labels)
    )
    for row, label in zip(likeliest["probabilities"], labels, strict=True):
        np.testing.assert_allclose(row, [share for _, share in model.next_char(["a"], k=2, label=label)[0]], rtol=1e-5)


def test_an_unknown_label_is_an_error_that_lists_the_known_ones(both):
    _, loaded, _ = both
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"label must be one of x, ÿ z.*given.*sea"):
        loaded.signatures["score"](text=tf.constant(["a"]), label=tf.constant(["sea"]))


def test_a_server_without_a_label_draws_one(both):
    _, loaded, _ = both
    assert loaded.signatures["serving_default"](prompt=tf.constant(["", "a"]))["text"].shape == (2,)


def test_step_has_the_label_as_a_number(both):
    model, loaded, _ = both
    step = loaded.signatures["step"]
    states = {
        name: tf.zeros([1, spec.shape[1]])
        for name, spec in step.structured_input_signature[1].items()
        if "state" in name
    }
    ids = tf.constant([VOCABULARY.end])
    logits = [step(ids=ids, label=tf.constant([label]), **states)["logits"][0] for label in (0, 1)]
    for row, label in zip(logits, VOCABULARY.labels, strict=True):
        ((character, share),) = model.next_char([""], k=1, label=label)[0]
        shares = tf.nn.softmax(row[1:]).numpy()
        assert VOCABULARY.tokens[1 + shares.argmax()] == character
        assert shares.max() == pytest.approx(share, rel=1e-4)
