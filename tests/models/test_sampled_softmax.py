import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.models.outputs import logits_layer, sampled_nats

V, H, N = 2000, 6, 300


def layer_of(kind):
    keras.utils.set_random_seed(1)
    if kind == "dense":
        layer = logits_layer(V, 0)
    else:
        embedding = keras.layers.Embedding(V, 4)
        embedding.build()
        layer = logits_layer(V, 0, tied_to=embedding)
    layer.build((None, H))
    for weight in layer.weights:
        weight.assign(0.4 * np.random.default_rng(2).normal(size=weight.shape))
    return layer


def places():
    chance = np.random.default_rng(3)
    return tf.constant(chance.normal(size=(N, H)), tf.float32), tf.constant(chance.integers(0, V, N), tf.int32)


@pytest.mark.parametrize("kind", ["dense", pytest.param("tied", marks=pytest.mark.slow)])
def test_the_loss_and_the_mean_of_its_gradients_are_nearly_those_among_all(kind):
    """60 times: 300 tokens that are always there, and 300 drawn of the other 1,700."""
    layer, (hidden, targets) = layer_of(kind), places()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(hidden)
        exact = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, layer(hidden)))
        draws = [sampled_nats(layer, hidden, targets, samples=600, seed=tf.constant([1, n])) for n in range(60)]
        sampled = tf.add_n(draws) / len(draws)
    assert float(sampled) == pytest.approx(float(exact), rel=0.03)
    for sources in (hidden, *[weight.value for weight in layer.trainable_variables]):
        found, expected = (tf.convert_to_tensor(tape.gradient(loss, sources)).numpy() for loss in (sampled, exact))
        assert np.linalg.norm(found - expected) < 0.3 * np.linalg.norm(expected)


def test_the_draw_depends_on_the_seed_alone():
    layer, (hidden, targets) = layer_of("dense"), places()
    first, again, other = (
        float(sampled_nats(layer, hidden, targets, samples=10, seed=tf.constant(seed)))
        for seed in ([1, 2], [1, 2], [1, 3])
    )
    assert first == again != other


@pytest.mark.parametrize("kind", ["dense", "tied"])
def test_where_all_tokens_but_one_are_there_and_that_one_is_drawn_the_loss_is_exact(kind):
    layer, (hidden, targets) = layer_of(kind), places()
    exact = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, layer(hidden)))
    sampled = sampled_nats(layer, hidden, targets, samples=2 * V, seed=tf.constant([1, 2]))
    assert float(sampled) == pytest.approx(float(exact), rel=1e-5)


def test_a_token_isnt_compared_with_itself():
    """With one possible token besides the target, the loss is at most that of these two."""
    layer = logits_layer(2, 0)
    layer.build((None, 1))
    layer.kernel.assign([[0.0, 0.0]])
    hidden, targets = tf.ones([1, 1]), tf.constant([0])
    losses = [float(sampled_nats(layer, hidden, targets, samples=1, seed=tf.constant([0, n]))) for n in range(20)]
    assert 0.0 in losses  # where the target itself was drawn, nothing is left to compare with
    assert max(losses) > 0
