"""The signatures of a model of documents, of a SavedModel that was written and loaded."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.serving import export, int8, step
from char_lstm_tf.serving.forms import FORMS
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("").with_end().extended("abcdefgh \n中")
TEXTS = ["", "a", "bad\nface", "中" * 30, "an x", "a\uffffb"]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    model = networks.build_functional(ModelConfig(units=(9, 7)), Interface(vocabulary_size=len(VOCABULARY)))
    return LanguageModel(model, VOCABULARY)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "1"
    export.export(model.network, VOCABULARY, path)
    return path


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported))


def generate(loaded, prompts, *, num_chars, temperature=1.0):
    rows = len(prompts)
    found = loaded.signatures["generate"](
        prompt=tf.constant(prompts),
        num_chars=tf.fill([rows], num_chars),
        temperature=tf.fill([rows], temperature),
        top_k=tf.fill([rows], 0),
        top_p=tf.fill([rows], 1.0),
        seed=tf.range(1, rows + 1, dtype=tf.int64),
    )
    return [text.decode() for text in found["text"].numpy()]


def test_score_counts_the_first_character_and_the_end_as_evaluate_does(model, loaded):
    found = loaded.signatures["score"](text=tf.constant(TEXTS))
    expected = model.score(TEXTS)
    assert found["characters"].numpy().tolist() == [len(text) + 1 for text in TEXTS]
    np.testing.assert_allclose(found["nats_per_char"], [score.nats_per_char for score in expected], rtol=1e-5)
    alone = loaded.signatures["score"](text=tf.constant(TEXTS[1:2]))
    np.testing.assert_allclose(alone["nats_per_char"], found["nats_per_char"][1:2], rtol=1e-5)


def test_the_code_point_of_the_end_symbol_in_a_text_is_unknown(model, loaded):
    found = loaded.signatures["score"](text=tf.constant(["a\uffffb", "a\ufffdb"]))["nats_per_char"].numpy()
    assert found[0] == found[1]


def test_generate_stops_at_the_end_as_sample_does(model, loaded):
    prompts = [""] * 40 + ["a", "bad\n"]
    texts = generate(loaded, prompts, num_chars=1000)
    assert texts == model.generate(prompts, chars=1000, temperature=1.0, seed=1)
    assert 0 < max(map(len, texts)) < 1000
    assert generate(loaded, prompts, num_chars=3) == [text[:3] for text in texts]


def test_serving_default_writes_one_document(loaded):
    texts = loaded.signatures["serving_default"](prompt=tf.constant([""] * 50))["text"].numpy()
    assert min(map(len, texts)) < 200
    assert len(set(texts)) > 5


def test_the_end_is_a_next_character(model, loaded):
    found = loaded.signatures["next_char"](prompt=tf.constant(["ab"]), k=tf.constant([len(VOCABULARY)]))
    offered = zip(found["chars"].numpy()[0], found["probabilities"].numpy()[0], strict=True)
    expected = dict(model.next_char(["ab"], k=99)[0])
    shown = {text.decode(): probability for text, probability in offered if probability > 0}
    assert shown == pytest.approx(expected, abs=1e-6)
    assert "" in shown


def test_the_asset_has_a_line_for_the_end_symbol_that_no_text_can_match(loaded):
    lines = Path(loaded.vocabulary.asset_path.numpy().decode()).read_text().splitlines()
    assert lines[VOCABULARY.end] == '-1\t""'
    assert len(lines) == len(VOCABULARY)


@pytest.mark.slow
def test_saved_model_cli_scores_as_evaluate_does(model, exported, tmp_path):
    texts = ["a", "bad face", ""]
    command = ["run", "--dir", exported, "--tag_set", "serve", "--signature_def", "score", "--outdir", tmp_path]
    words = [
        sys.executable,
        "-m",
        "tensorflow.python.tools.saved_model_cli",
        *command,
        "--input_exprs",
        f"text={texts}",
    ]
    subprocess.run(list(map(str, words)), check=True, capture_output=True, timeout=200)
    expected = [score.nats_per_char for score in model.score(texts)]
    np.testing.assert_allclose(np.load(tmp_path / "nats_per_char.npy"), expected, rtol=1e-5)


@pytest.mark.serving
def test_a_document_read_by_step_in_onnxruntime_costs_what_evaluate_says(model, tmp_path):
    step.write(model.network, tmp_path / "step.onnx", FORMS["onnx"])
    nats = int8.losses(tmp_path / "step.onnx", [VOCABULARY.encode_whole("bad face")], ())
    assert nats == pytest.approx(model.score(["bad face"])[0].nats, rel=1e-5)
