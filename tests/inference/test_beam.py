import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.inference.writing import beam
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("abc")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(2)
    return networks.build_sequential(ModelConfig(units=(8,)), Interface(vocabulary_size=len(VOCABULARY)))


def nats(model, prompt, text):
    """Returns the loss of `text` after `prompt` when the unknown character can't be."""
    states, ids = model.start(1), VOCABULARY.encode(prompt + text)
    total = 0.0
    for position, (id, following) in enumerate(itertools.pairwise(ids), start=1):
        logits, states = model.step()(tf.constant([id], tf.int32), states)
        if position >= len(prompt):
            total -= tf.nn.log_softmax(logits[0, 1:]).numpy()[following - 1]
    return total


def test_a_beam_as_wide_as_all_texts_finds_the_likeliest_of_all_in_order(model):
    losses = {text: nats(model, "ab", text) for text in map("".join, itertools.product("abc", repeat=4))}
    found = beam.likeliest_texts(model, VOCABULARY, "ab", chars=4, width=81)
    assert [text for text, _ in found] == sorted(losses, key=losses.get)
    np.testing.assert_allclose([loss for _, loss in found], sorted(losses.values()), rtol=1e-5)


def test_texts_that_cannot_be_are_not_returned(model):

    assert len(beam.likeliest_texts(model, VOCABULARY, "", chars=1, width=50)) == 3


@pytest.mark.slow
def test_a_narrow_beam_never_ends_worse_than_the_likeliest_character_each_time():
    keras.utils.set_random_seed(4)
    sharp = networks.build_sequential(ModelConfig(units=(32,)), Interface(vocabulary_size=len(VOCABULARY)))
    sharp.keras_model.set_weights([weight * 2 for weight in sharp.keras_model.get_weights()])
    for prompt in ("ccb", "cba"):  # after which a beam of two alone ends 1.35 and 0.19 nats worse
        (_, greedy), *_ = beam.likeliest_texts(sharp, VOCABULARY, prompt, chars=30, width=1)
        (_, best), *_ = beam.likeliest_texts(sharp, VOCABULARY, prompt, chars=30, width=2)
        assert best <= greedy + 1e-4
