"""Models that read a window for each answer: n-grams, and the encoder of both directions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.inference import scoring
from char_lstm_tf.inference.writing import Sampling, Writer
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.serving import export
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("a quick brown fox.\n")
V, T = len(VOCABULARY), 3
MODELS = {
    "concat": {"architecture": "ngram", "units": (7, 6)},
    "bag": {"architecture": "ngram", "units": (7,), "ngram_inputs": "bag", "dropout": 0.5},
    "lstm": {"bidirectional": True, "units": (4, 8, 3), "dropout": 0.5},
    "peephole": {"bidirectional": True, "units": (4, 8), "cell": "peephole"},
    "alone": {"bidirectional": True, "units": (4,), "cell": "gru"},
}


def build(name, encoding="one_hot"):
    """Returns a model whose weights are all of the size of one, so that none is hidden by another."""
    config = ModelConfig(**MODELS[name], embedding_size=3)
    keras.utils.set_random_seed(1)
    model = networks.BUILD[config.architecture](
        config, Interface(vocabulary_size=V, encoding=encoding, target="next_char", window=T)
    )
    chance = np.random.default_rng(2)
    for weight in model.keras_model.weights:
        weight.assign(weight + chance.normal(0, 0.3, weight.shape))
    return model


def called(network, ids):
    model = network.keras_model
    inputs = ids if model.inputs[0].dtype == "int32" else np.eye(V, dtype="f")[ids]
    return model(inputs, training=False).numpy()


def steps(model, ids):
    states, logits = model.start(len(ids)), []
    for column in ids.T:
        output, states = model.step()(tf.constant(column), states)
        logits.append(output.numpy())
    return np.stack(logits, axis=1), states


@pytest.fixture
def ids():
    return np.random.default_rng(0).integers(0, V, (3, 5)).astype("int32")


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("concat", "one_hot"),
        ("concat", "embedding"),
        ("bag", "one_hot"),
        ("bag", "embedding"),
        ("lstm", "one_hot"),
        ("peephole", "embedding"),
        ("alone", "one_hot"),
    ],
)
def test_a_step_answers_for_the_last_characters_and_unknown_ones_before_the_text(ids, name, encoding):
    model = build(name, encoding)
    logits, (state,) = steps(model, ids)
    before = np.pad(ids, ((0, 0), (T - 1, 0)))
    for position in range(ids.shape[1]):
        expected = called(model, before[:, position : position + T])
        np.testing.assert_allclose(logits[:, position], expected, atol=1e-5)
    np.testing.assert_array_equal(state, ids[:, -T:])
    assert model.state_sizes == [T]


@pytest.mark.parametrize("name", MODELS)
def test_the_model_that_trains_gives_what_the_kept_one_gives(ids, name):
    kept, config = build(name), ModelConfig(**MODELS[name])
    trained = networks.BUILD[config.architecture](
        config, Interface(vocabulary_size=V, target="next_char", window=T, trains=True)
    )
    trained.keras_model.set_weights(kept.keras_model.get_weights())
    np.testing.assert_allclose(called(trained, ids[:, :T]), called(kept, ids[:, :T]), atol=1e-6)


@pytest.mark.parametrize("name", ["concat", "lstm"])
def test_reading_many_at_once_is_stepping(ids, name):
    model = build(name)
    stepped, (state,) = steps(model, ids)
    first, between = model.read_all(tf.constant(ids[:, :2]), model.start(3))
    rest, (end,) = model.read_all(tf.constant(ids[:, 2:]), between)
    np.testing.assert_allclose(model.logits(tf.concat([first, rest], axis=1)), stepped, atol=1e-5)
    np.testing.assert_array_equal(end, state)
    texts = [VOCABULARY.encode("fox a!\n"), VOCABULARY.encode("ox")]
    scorer = scoring.Scorer(model, VOCABULARY, chunk=4)
    for text, nats in zip(texts, scorer.nats_of_each(texts), strict=True):
        logits, _ = steps(model, text[None].astype("int32"))
        losses = -tf.nn.log_softmax(logits[0]).numpy()[np.arange(len(text) - 1), text[1:]]
        np.testing.assert_allclose(nats, losses, atol=1e-5)


@pytest.mark.parametrize("name", ["concat", "bag", "lstm"])
@pytest.mark.parametrize("encoding", ["one_hot", "embedding"])
def test_what_training_never_saw_adds_nothing(name, encoding):
    config = ModelConfig(**MODELS[name])
    model = networks.BUILD[config.architecture](
        config, Interface(vocabulary_size=V, encoding=encoding, target="next_char", window=T)
    )
    if encoding == "embedding":
        vectors = model.keras_model.layers[0].embeddings.numpy()
        assert not vectors[0].any()
        assert vectors[1:].any(axis=1).all()
    else:
        unknown = called(model, np.zeros((1, T), int))
        np.testing.assert_array_equal(unknown, model.keras_model(np.zeros((1, T, V), "f")))
        for position in range(T):  # every known character is heard at every place
            known = np.zeros((V - 1, T), int)
            known[:, position] = np.arange(1, V)
            assert (np.abs(called(model, known) - unknown).max(axis=1) > 1e-6).all()


def test_a_bag_loses_the_order_that_concat_sees(ids):
    window = ids[:1, :T]
    for name, sees in (("concat", True), ("bag", False)):
        model = build(name)
        differs = np.abs(called(model, window) - called(model, window[:, ::-1])).max() > 1e-4
        assert differs == sees


def test_sizes_of_the_tutorials_models():
    def count(window=40, **config):
        config = ModelConfig(**config)
        return networks.BUILD[config.architecture](
            config, Interface(vocabulary_size=66, target="next_char", window=window)
        ).keras_model.count_params()

    encoder = 2 * 4 * 64 * (66 + 64 + 1)
    assert count(units=(64, 128), bidirectional=True) == encoder + 4 * 128 * (128 + 128 + 1) + 129 * 66
    assert count(units=(128,), architecture="ngram", window=8) == (8 * 66 + 1) * 128 + 129 * 66
    assert count(units=(128,), architecture="ngram", ngram_inputs="bag", window=8) == 67 * 128 + 129 * 66


def test_every_sum_of_the_first_layer_starts_with_the_same_size():
    chance = np.random.default_rng(0)
    for joined in ("concat", "bag"):
        for encoding in ("one_hot", "embedding"):
            config = ModelConfig(architecture="ngram", units=(512,), ngram_inputs=joined)
            model = networks.build_ngram(
                config, Interface(vocabulary_size=60, encoding=encoding, target="next_char", window=9)
            )
            hidden = windows_of = chance.integers(1, 60, (200, 9))
            if encoding == "one_hot":
                hidden = np.eye(60, dtype="f")[windows_of]
            *below, first, _ = model.keras_model.layers
            for layer in below:
                hidden = layer(hidden)
            assert np.std(hidden @ first.kernel) == pytest.approx(1, rel=0.15)


@pytest.mark.slow
def test_an_exported_encoder_writes_scores_and_steps_as_here(tmp_path, ids):
    model = build("lstm")
    export.export(model, VOCABULARY, tmp_path / "1")
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    result = loaded.signatures["step"](ids=tf.constant(ids[:, 0]), state_0=tf.zeros([3, T]))
    logits, (state,) = model.step()(tf.constant(ids[:, 0]), model.start(3))
    np.testing.assert_allclose(result["logits"], logits, atol=1e-5)
    np.testing.assert_array_equal(result["new_state_0"], state)
    text = "quick brown fox."
    nats = scoring.Scorer(model, VOCABULARY).nats_of_each([VOCABULARY.encode(text)])[0].mean()
    scored = loaded.signatures["score"](text=tf.constant([text, "a"]))
    np.testing.assert_allclose(scored["nats_per_char"], [nats, 0], atol=1e-5)
    (pieces,) = Writer(model, VOCABULARY).write(["fox"], [Sampling(temperature=1, seed=4)], chars=30)
    values = {"num_chars": [30], "temperature": [1.0], "top_k": [0], "top_p": [1.0]}
    seed = tf.constant([4], tf.int64)
    written = loaded.signatures["generate"](
        prompt=tf.constant(["fox"]), seed=seed, **{name: tf.constant(value) for name, value in values.items()}
    )
    assert [text.decode() for text in written["text"].numpy()] == pieces
