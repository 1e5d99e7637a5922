"""The signatures as a server calls them: of a SavedModel that was written, moved and loaded."""

import math
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.inference import scoring
from char_lstm_tf.inference.writing import Sampling, Writer
from char_lstm_tf.inference.writing.writer import CHUNK
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.serving import export
from pipelines.vocabulary import Vocabulary

TEXT = "the old river runs below a quiet hill.\n中é𝄞"
VOCABULARY = Vocabulary.fit(TEXT)
SIZE = len(VOCABULARY)
OFF = {"num_chars": 40, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 1}
TYPES = {
    "num_chars": tf.int32,
    "temperature": tf.float32,
    "top_k": tf.int32,
    "top_p": tf.float32,
    "seed": tf.int64,
}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return networks.build_functional(ModelConfig(units=(9, 7)), Interface(vocabulary_size=SIZE))


@pytest.fixture(scope="module")
def loaded(model, tmp_path_factory):
    written = tmp_path_factory.mktemp("written") / "1"
    export.export(model, VOCABULARY, written)
    return tf.saved_model.load(str(shutil.move(written, tmp_path_factory.mktemp("moved") / "model")))


@pytest.fixture(scope="module")
def generate(loaded):
    """`generate` of prompts and, for every option, one value for all or one a row."""

    def call(prompts, **options):
        rows = {
            name: tf.constant(value if isinstance(value, list) else [value] * len(prompts), TYPES[name])
            for name, value in (OFF | options).items()
        }
        texts = loaded.signatures["generate"](prompt=tf.constant(prompts, tf.string), **rows)["text"]
        return [text.decode() for text in texts.numpy()]

    return call


@pytest.fixture(scope="module")
def score(loaded):
    def call(*texts):
        result = loaded.signatures["score"](text=tf.constant(texts, tf.string))
        return result["nats_per_char"].numpy(), result["characters"].numpy().tolist()

    return call


def test_every_signature_of_the_design_and_its_names(loaded):
    names = {
        name: (
            list(signature.structured_input_signature[1]),
            {key: (value.dtype, value.shape.rank) for key, value in signature.structured_outputs.items()},
        )
        for name, signature in loaded.signatures.items()
    }
    assert set(names) == {"serving_default", "generate", "next_char", "score", "step"}
    inputs, outputs = names["generate"]
    assert set(inputs) == {"prompt", *TYPES}
    assert outputs == {"text": (tf.string, 1)}
    assert set(names["next_char"][0]) == {"prompt", "k"}
    assert names["next_char"][1] == {"chars": (tf.string, 2), "probabilities": (tf.float32, 2)}
    assert names["score"] == (["text"], {"nats_per_char": (tf.float32, 1), "characters": (tf.int32, 1)})
    for signature in loaded.signatures.values():
        shapes = {value.name: value.shape.as_list() for value in signature.structured_input_signature[1].values()}
        assert all(shape == [None] for name, shape in shapes.items() if not name.startswith("state_"))


def test_each_row_is_written_as_if_it_were_alone(generate):
    prompts = ["the", "", "no such: ☃☃", b"broken \xff\xfe", "river " * 50, "中"]
    options = {
        "num_chars": [40, 0, 7, 90, 33, 1],
        "temperature": [1.0, 1.0, 0.0, 3.0, 0.7, 1e30],
        "top_k": [0, 1, 0, 5, 0, SIZE],
        "top_p": [1.0, 0.5, 1.0, 0.9, 0.8, 1.0],
        "seed": [1, 2, 3, -(2**63), 2**63 - 1, 0],
    }
    together = generate(prompts, **options)
    assert [len(text) for text in together] == options["num_chars"]
    for row, prompt in enumerate(prompts):
        alone = generate([prompt], **{name: [values[row]] for name, values in options.items()})
        assert alone == [together[row]]


def test_a_limit_of_all_candidates_is_none(generate):
    assert generate(["the"], top_k=[SIZE]) == generate(["the"]) != generate(["the"], top_k=[SIZE - 1])


def test_the_command_line_and_the_saved_model_write_the_same(model, generate):
    prompt, chars = "the river\n" * 40, 3 * CHUNK + 7  # of several chunks, both
    rows = [
        Sampling(temperature=temperature, top_k=12, top_p=0.95, seed=seed)
        for temperature, seed in ((0.5, 5), (1.0, 6), (0.0, 7))
    ]
    pieces = Writer(model, VOCABULARY).write([prompt] * 3, rows, chars=chars)
    written = ["".join(row) for row in zip(*pieces, strict=True)]
    assert written == generate(
        [prompt] * 3, num_chars=chars, seed=[5, 6, 7], temperature=[0.5, 1.0, 0.0], top_k=12, top_p=0.95
    )
    assert len(set(written)) == 3


def test_what_was_written_before_is_the_beginning_of_what_is_written_now(generate):
    short, long = generate(["a", "a"], num_chars=[30, 70])
    assert long.startswith(short)
    assert generate(["a"], seed=2) != generate(["a"], seed=1)


def test_an_empty_prompt_starts_from_a_newline_and_no_rows_are_no_texts(generate, loaded):
    assert generate([""]) == generate(["\n"])
    assert generate([]) == []
    none = tf.constant([], tf.string)
    assert loaded.signatures["next_char"](prompt=none, k=tf.constant([], tf.int32))["chars"].shape == (0, 0)
    assert loaded.signatures["score"](text=none)["characters"].shape == (0,)


def test_greedy_is_the_likeliest_character_again_and_again(generate, loaded):
    written = generate(["the "], temperature=0.0, num_chars=12)[0]
    prompt = "the "
    for character in written:
        best = loaded.signatures["next_char"](prompt=tf.constant([prompt]), k=tf.constant([1]))["chars"]
        assert best.numpy()[0, 0].decode() == character
        prompt += character
    assert generate(["the "], top_k=1, num_chars=12) == [written]


BAD = {
    "num_chars": ([-1, 100_001], "num_chars must be from 0 to 100000"),
    "temperature": ([-0.1, math.nan, math.inf], "temperature must be a number of at least 0"),
    "top_k": ([-1, SIZE + 1], f"top_k must be from 0 to {SIZE}, the size of the vocabulary"),
    "top_p": ([0.0, -0.5, 1.01, math.nan], "top_p must be above 0 and at most 1"),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (values, _) in BAD.items() for value in values])
def test_a_bad_value_is_refused_with_a_sentence(generate, name, value):
    with pytest.raises(tf.errors.InvalidArgumentError, match=BAD[name][1]):
        generate(["a", "b"], **{name: [OFF[name], value]})


@pytest.mark.parametrize("name", TYPES)
def test_inputs_must_have_a_value_for_each_row(generate, name):
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{name} must have as many rows as prompt"):
        generate(["a", "b"], **{name: [OFF[name]]})


@pytest.mark.parametrize("k", [-1, SIZE + 1])
def test_next_char_refuses_candidates_that_cannot_be(loaded, k):
    with pytest.raises(tf.errors.InvalidArgumentError, match="k must be from 0 to"):
        loaded.signatures["next_char"](prompt=tf.constant(["a"]), k=tf.constant([k]))


def test_next_char_gives_the_distribution_without_the_unknown_likeliest_first(model, loaded):
    result = loaded.signatures["next_char"](prompt=tf.constant(["the r", "", "☃"]), k=tf.constant([SIZE, 2, 0]))
    chars = [[char.decode() for char in row] for row in result["chars"].numpy()]
    probabilities = result["probabilities"].numpy()
    states = model.start(1)
    for id in VOCABULARY.encode("the r"):
        logits, states = model.step()(tf.constant([id], tf.int32), states)
    expected = tf.nn.softmax(logits[0, 1:]).numpy()
    for char, probability in zip(chars[0][:-1], probabilities[0], strict=False):
        assert probability == pytest.approx(expected[VOCABULARY.encode(char)[0] - 1], rel=1e-4)
    assert sorted(chars[0][:-1]) == sorted(VOCABULARY.characters[1:])
    assert (np.diff(probabilities[0]) <= 0).all()
    assert chars[0][-1] == ""  # V were asked for, and the unknown one is never offered
    assert probabilities.sum(axis=1)[0] == pytest.approx(1)
    assert [sum(char != "" for char in row) for row in chars] == [SIZE - 1, 2, 0]
    assert (probabilities[1] > 0).sum() == 2
    assert not probabilities[2].any()


def test_score_is_that_of_evaluate_row_by_row(model, score):
    texts = [TEXT * 30, "the", "no such: ☃☃", "a" * 2]
    nats, characters = score(*texts)
    for text, row_nats, row_characters in zip(texts, nats, characters, strict=True):
        expected = scoring.Scorer(model, VOCABULARY).score(VOCABULARY.encode(text))
        assert row_characters == expected.characters == len(text) - 1
        assert row_nats == pytest.approx(expected.nats / expected.characters, abs=1e-6)


def test_texts_without_a_second_character_score_nothing(score):
    nats, characters = score("", "a", "ab", b"\xff")
    assert characters == [0, 0, 1, 0]
    assert nats[[0, 1, 3]].tolist() == [0, 0, 0]
    assert nats[2] > 0
    assert score("")[1] == [0]


def test_broken_bytes_read_as_the_unknown_character(score, generate):
    assert score(b"a\xffb")[0] == score("a\ufffdb")[0]
    assert score(b"a\xffb")[1] == [2]
    assert generate([b"a\xff"]) == generate(["a☃"])


@pytest.mark.parametrize("text", [["a" * 1_000_001], [b"\x80" * 1_000_001], ["a", "b" * 500_001]])
def test_more_text_than_the_limit_is_refused_before_it_is_read(score, generate, text):
    for signature in (lambda: score(*text), lambda: generate(text)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="rows x characters must be at most 1000000"):
            signature()


@pytest.mark.slow  # half a minute
def test_prompts_and_texts_of_100_000_characters(score, generate):
    long = (TEXT * 3000)[:100_000]
    nats, characters = score(long, "ab")
    assert characters == [99_999, 1]
    assert 0 < nats[0] < 20
    assert generate([long, "a"], num_chars=[2, 5])[1] == generate(["a"], num_chars=5)[0]
    assert [len(text) for text in generate(["a", "b"], num_chars=[100_000, 3])] == [100_000, 3]
