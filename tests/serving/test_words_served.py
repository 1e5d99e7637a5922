"""The signatures of models whose tokens are words, of a SavedModel that was written and loaded."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from char_lstm_tf.config import Config
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.models.build import build
from char_lstm_tf.serving import export, strings
from pipelines.vocabulary import Vocabulary

TOKENS = [" the", "the", " cat", "cat", " 中文", "né", "ne\u0301", "x1", " 𝄞𝄞"]
CHARACTERS = Vocabulary.fit("\n ,.'thecatné中文\u0301x1𝄞 ")
VOCABULARY = CHARACTERS.extended(TOKENS)
TEXTS = ["the cat", "", "a", "  the thecat,\nnéne\u0301 中文中 x1 y 𝄞𝄞 \u00a0the", "catcat cat", "👩\u200d👩 the"]


LABELLED = VOCABULARY.with_end().with_labels(["p", "q"])


@pytest.fixture(scope="module", params=[LABELLED, pytest.param(VOCABULARY, marks=pytest.mark.slow)])
def both(request, tmp_path_factory):
    model = build(Config(name="x", units=(7,), tokens="words"), request.param)
    for weight in model.keras_model.layers[-1].weights:
        weight.assign(np.random.default_rng(len(weight.shape)).normal(size=weight.shape))
    path = tmp_path_factory.mktemp("written") / "1"
    export.export(model, request.param, path)
    return LanguageModel(model, request.param), tf.saved_model.load(str(path)), path


@pytest.fixture(scope="module")
def in_the_graph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    ids = export.id_table(str(export._vocabulary_file(VOCABULARY, folder)))
    words = export.word_table(str(export._lines_file(VOCABULARY.words, folder / "words.txt")))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def encode(texts):
        return strings.join_words(*strings.encode(texts, ids), VOCABULARY, words)

    return encode


PIECES = st.one_of(st.sampled_from([*TOKENS, *CHARACTERS.characters]), st.characters(exclude_categories=["Cs"]))


@settings(max_examples=1000, deadline=None)
@given(texts=st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=1, max_size=4))
def test_the_graph_gives_the_ids_of_python(in_the_graph, texts):
    ids, lengths = in_the_graph(tf.constant(texts))
    for text, row, length in zip(texts, ids.numpy(), lengths.numpy(), strict=True):
        assert row[:length].tolist() == VOCABULARY.encode(text).tolist()
        assert not row[length:].any()


def labelled(model, count):
    return {"label": tf.constant(["p"] * count)} if model.vocabulary.labels else {}


def test_score_is_that_of_python_in_nats_a_character(both):
    model, loaded, _ = both
    found = loaded.signatures["score"](text=tf.constant(TEXTS), **labelled(model, len(TEXTS)))
    texts = [text or "\n" for text in TEXTS] if not model.framing.marks else TEXTS
    expected = [score for score, _ in model.losses(texts, label="p" if model.vocabulary.labels else "")]
    assert found["characters"].numpy().tolist() == [score.characters for score in expected]
    np.testing.assert_allclose(found["nats_per_char"], [score.nats_per_char for score in expected], rtol=1e-5)
    whole = [score for text, score in zip(TEXTS, expected, strict=True) if text == "the cat"]
    assert whole[0].characters == (8 if model.framing.marks else 4)  # not the first token, or all and the end


def test_generate_writes_as_many_characters_as_python_does(both):
    model, loaded, _ = both
    chars, seeds = [60, 7, 0, 1], [5, 6, 7, 8]
    inputs = {
        "prompt": tf.constant(["the cat", "", "né", "x"]),
        "num_chars": tf.constant(chars),
        "temperature": tf.constant([0.8, 1.0, 1.0, 0.0]),
        "top_k": tf.constant([0, 5, 0, 0]),
        "top_p": tf.constant([1.0, 1.0, 0.9, 1.0]),
        "seed": tf.constant(seeds, tf.int64),
    }
    found = loaded.signatures["generate"](**inputs, **labelled(model, 4))["text"].numpy()
    for row, text in enumerate(found):
        options = {name: inputs[name].numpy()[row].item() for name in ("temperature", "top_k", "top_p", "seed")}
        options |= {"label": "p"} if model.vocabulary.labels else {}
        prompt = inputs["prompt"].numpy()[row].decode()
        assert text.decode() == model.generate([prompt], chars=chars[row], **options)[0]
        assert len(text.decode()) == chars[row] or model.framing.marks


def test_next_char_gives_words_too(both):
    model, loaded, _ = both
    found = loaded.signatures["next_char"](prompt=tf.constant(["the"]), k=tf.constant([20]), **labelled(model, 1))
    expected = model.next_char(["the"], k=20, label="p" if model.vocabulary.labels else "")[0]
    assert [token.decode() for token in found["chars"].numpy()[0]] == [token for token, _ in expected]
    assert any(len(token) > 1 for token, _ in expected)


def test_classify_gives_the_probabilities_of_python(both):
    model, loaded, _ = both
    if not model.vocabulary.labels:
        assert "classify" not in loaded.signatures
        return
    found = loaded.signatures["classify"](text=tf.constant(TEXTS))["probabilities"].numpy()
    expected = model.calibration.probabilities(*model.losses_per_label(TEXTS))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_words_of_another_model_are_refused(both, tmp_path):
    model, _, path = both
    copy = shutil.copytree(path, tmp_path / "copy")
    lines = (copy / "assets/words.txt").read_text().splitlines()
    (copy / "assets/words.txt").write_text("\n".join([lines[1], lines[0], *lines[2:]]) + "\n")
    score = tf.saved_model.load(str(copy)).signatures["score"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"words\.txt must be that of this model"):
        score(text=tf.constant(["the"]), **labelled(model, 1))
