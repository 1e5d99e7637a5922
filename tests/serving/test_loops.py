"""The loops that read in blocks give what the loops give that read character by character."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.inference import sampling, scoring
from char_lstm_tf.models import stepping
from char_lstm_tf.models.build import build
from char_lstm_tf.serving import loops
from pipelines.vocabulary import Vocabulary

KINDS = {
    "sequential": {},
    "gru, skips": {"cell": "gru", "architecture": "functional"},
    "embedding, tied": {"encoding": "embedding", "tie": True},
    "labels": {"documents": "files", "labels": "folder", "text": ("x",)},
    "peephole": {"cell": "peephole", "units": (5,)},
}


def model_of(options):
    keras.utils.set_random_seed(2)
    config = Config(name="x", **{"units": (6, 5)} | options)
    vocabulary = Vocabulary.fit("abcdefgh")
    if config.labels:
        vocabulary = vocabulary.with_end().with_labels(["one", "two", "three"])
    model = build(config, vocabulary)
    for weight in model.weights:
        weight.assign(np.random.default_rng(weight.shape[0]).normal(size=weight.shape))
    return model, len(vocabulary)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, loops.BLOCK - 1, loops.BLOCK, loops.BLOCK + 1, 3 * loops.BLOCK + 5])
def test_losses_and_states_are_those_of_single_steps(kind, count):
    model, size = model_of(KINDS[kind])
    chance = np.random.default_rng(count)
    ids, targets = (tf.constant(chance.integers(0, size, [3, count]), tf.int32) for _ in range(2))
    lengths = tf.constant([0, count, count // 2])
    labels = [tf.constant([2, 0, 1])] if kind == "labels" else []
    states = stepping.zero_states(model, 3)

    def step(ids, states):
        return stepping.step(model, ids, states, *labels)

    expected, _ = scoring.losses(step, ids, targets, states)
    np.testing.assert_allclose(loops.losses(model, ids, targets, states, labels), expected, rtol=1e-5, atol=1e-5)
    pairs = zip(loops.absorb(model, ids, lengths, states), sampling.absorb(step, ids, lengths, states), strict=True)
    for found, wanted in pairs:
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_the_losses_under_each_label_are_those_under_one_after_the_other():
    model, size = model_of(KINDS["labels"])
    ids, targets = (tf.constant(np.random.default_rng(seed).integers(0, size, [2, 11]), tf.int32) for seed in (1, 2))
    states = stepping.zero_states(model, 2)
    each = loops.losses(model, ids, targets, states, [], under_each=3)
    for label in range(3):
        alone = loops.losses(model, ids, targets, states, [tf.fill([2], label)])
        np.testing.assert_allclose(each[..., label], alone, rtol=1e-5)


def test_no_rows_are_no_losses():
    model, _ = model_of({})

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def losses(ids):
        return loops.losses(model, ids, ids, stepping.zero_states(model, tf.shape(ids)[0]), [])

    assert losses(tf.zeros([0, 9], tf.int32)).shape == (0, 9)
    assert losses(tf.zeros([2, 9], tf.int32)).shape == (2, 9)
