"""The loops that read in blocks give what single steps give, for a network of any kind."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.inference import scoring
from char_lstm_tf.inference.writing.loop import absorb
from char_lstm_tf.models.build import build
from char_lstm_tf.models.ngrams import counted, kneser_ney
from char_lstm_tf.serving.signatures import BLOCK
from pipelines.vocabulary import Vocabulary

KINDS = {
    "sequential": {},
    "gru, skips": {"cell": "gru", "architecture": "functional"},
    "embedding, tied": {"encoding": "embedding", "tie": True},
    "labels": {"documents": "files", "labels": "folder", "text": ("x",)},
    "peephole": {"cell": "peephole", "units": (5,)},
    "windows": {"architecture": "ngram", "target": "next_char", "window": 3},
    "both directions": {"bidirectional": True, "target": "next_char", "window": 3},
}


def network_of(kind):
    vocabulary = Vocabulary.fit("abcdefgh")
    if kind == "counts":
        sizes = {"order": 3, "vocabulary_size": len(vocabulary)}
        ids = np.random.default_rng(1).integers(1, len(vocabulary), 99)
        return counted.counted_model(kneser_ney.smooth(*kneser_ney.count(ids, **sizes), **sizes), **sizes)
    keras.utils.set_random_seed(2)
    config = Config(name="x", **{"units": (6, 5)} | KINDS[kind])
    if config.labels:
        vocabulary = vocabulary.with_end().with_labels(["one", "two", "three"])
    network = build(config, vocabulary)
    for weight in network.keras_model.weights:
        weight.assign(np.random.default_rng(weight.shape[0]).normal(size=weight.shape))
    return network


def losses(network, ids, targets, labels=None):
    state, block = network.start(tf.shape(ids)[0]), BLOCK
    return scoring.losses(network, ids, targets, state, block=block, labels=labels)


@pytest.mark.parametrize("kind", [*KINDS, "counts"])
@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_losses_and_states_are_those_of_single_steps(kind, count):
    network = network_of(kind)
    chance = np.random.default_rng(count)
    ids, targets = (tf.constant(chance.integers(0, network.vocabulary_size, [3, count]), tf.int32) for _ in range(2))
    labels = tf.constant([2, 0, 1]) if kind == "labels" else None
    step, state = network.step(labels), network.start(3)
    expected, states = [], [state]
    for place in range(count):
        logits, state = step(ids[:, place], state)
        expected.append(tf.nn.sparse_softmax_cross_entropy_with_logits(targets[:, place], logits))
        states.append(state)
    found = losses(network, ids, targets, labels)
    np.testing.assert_allclose(found, tf.stack(expected, axis=1), rtol=1e-5, atol=1e-5)
    outputs, after = network.read_all(ids, network.start(3))
    every = tf.repeat(labels[:, None], count, axis=1) if kind == "labels" else None
    np.testing.assert_allclose(network.nats(outputs, targets, every), found, rtol=1e-5, atol=1e-5)
    for one, other in zip(after, state, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    lengths = [0, count, count // 2]
    for block in (1, BLOCK):
        absorbed = absorb(network, ids, tf.constant(lengths), network.start(3), block=block)
        for part, values in enumerate(absorbed):
            wanted = [states[length][part][row] for row, length in enumerate(lengths)]
            np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-6)


def test_the_losses_under_each_label_are_those_under_one_after_the_other():
    network = network_of("labels")
    size = network.vocabulary_size
    ids, targets = (tf.constant(np.random.default_rng(seed).integers(0, size, [2, 11]), tf.int32) for seed in (1, 2))
    each = losses(network, ids, targets)
    for label in range(3):
        np.testing.assert_allclose(each[..., label], losses(network, ids, targets, tf.fill([2], label)), rtol=1e-5)


def test_no_rows_are_no_losses():
    network = network_of("sequential")
    run = tf.function(lambda ids: losses(network, ids, ids), input_signature=[tf.TensorSpec([None, None], tf.int32)])
    assert run(tf.zeros([0, 9], tf.int32)).shape == (0, 9)
    assert run(tf.zeros([2, 9], tf.int32)).shape == (2, 9)
