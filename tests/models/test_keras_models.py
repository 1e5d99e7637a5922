"""Keras models that somebody else made."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import char_lstm_tf
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.models.ngrams.windows import Windows
from char_lstm_tf.models.stack import Recurrent, carried_states
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("abcdefg")
V = len(VOCABULARY)
K = keras.layers
IDS, ONE_HOT = (None,), (None, V)


def sequential(*layers, shape=IDS, batch_size=None):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input(shape, batch_size=batch_size), *layers])


def embedding():
    return K.Embedding(V, 5, embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0))


def attention(window):
    """A transformer of one layer, whose layers aren't one after the other."""
    inputs = keras.Input((window,))
    values = embedding()(inputs)
    values += K.MultiHeadAttention(2, 4)(values, values, use_causal_mask=True)
    return keras.Model(inputs, K.Dense(V)(values))


READ_ONE_BY_ONE = {
    "ids": lambda: sequential(embedding(), K.LSTM(6, return_sequences=True), K.Dense(V)),
    "one_hot": lambda: sequential(K.LSTM(6, return_sequences=True), K.Dense(V, activation="softmax"), shape=ONE_HOT),
    "next_char": lambda: sequential(K.GRU(6, return_sequences=True), K.SimpleRNN(5), K.Dense(V), shape=(7, V)),
    "unusual": lambda: sequential(
        embedding(),
        char_lstm_tf.layers.LSTM(6, activation="relu", use_bias=False, return_sequences=True),
        K.Dropout(0.5),
        K.LayerNormalization(),
        K.TimeDistributed(K.Dense(9, activation="relu")),
        K.Dense(V),
        K.Softmax(),
    ),
    "stateful": lambda: sequential(
        embedding(), K.LSTM(6, stateful=True, return_sequences=True), K.Dense(V), batch_size=3
    ),
}
READ_BY_WINDOWS = {
    "attention": lambda: attention(8),
    "both directions": lambda: sequential(embedding(), K.Bidirectional(K.LSTM(4)), K.Dense(V), shape=(8,)),
    "dense": lambda: sequential(K.Flatten(), K.Dense(V, activation="softmax"), shape=(8, V)),
}


def log_probabilities(model, ids):
    """Returns what a model gives after the last of some ids, `[N]`, in logarithms."""
    rows = model.inputs[0].shape[0] or 1
    batch = np.repeat(ids[None], rows, 0)
    values = np.asarray(model(np.eye(V)[batch] if len(model.inputs[0].shape) == 3 else batch, training=False))[0]
    values = values[-1] if values.ndim == 2 else values
    return np.log(values) if abs(values.sum() - 1) < 1e-5 else values - np.log(np.exp(values).sum())


@pytest.mark.parametrize("kind", READ_ONE_BY_ONE)
def test_recurrent_layers_are_read_one_character_at_a_time_as_keras_reads_them(kind):
    model = READ_ONE_BY_ONE[kind]()
    states = carried_states(model)
    for state in states:
        state.assign(tf.fill(state.shape, 0.5))
    network = LanguageModel.from_keras(model, VOCABULARY).network
    assert isinstance(network, Recurrent)
    assert all((state.numpy() == 0.5).all() for state in states)  # those of training stay
    for state in states:
        state.assign(tf.zeros(state.shape))
    ids = np.random.default_rng(0).integers(0, V, model.inputs[0].shape[1] or 9)
    outputs, _ = network.read_all(tf.constant(ids[None], tf.int32), network.start(1))
    found = tf.nn.log_softmax(network.logits(outputs))[0, -1]
    np.testing.assert_allclose(found, log_probabilities(model, ids), atol=1e-5)


@pytest.mark.parametrize("kind", READ_BY_WINDOWS)
def test_other_models_read_a_window_for_each_character(kind):
    model = READ_BY_WINDOWS[kind]()
    network = LanguageModel.from_keras(model, VOCABULARY).network
    assert isinstance(network, Windows)
    ids = np.random.default_rng(0).integers(0, V, 11)
    windows, _ = network.read_all(tf.constant(ids[None], tf.int32), network.start(1))
    found = tf.nn.log_softmax(network.logits(windows))[0]
    np.testing.assert_allclose(found[-1], log_probabilities(model, ids[-8:]), atol=1e-5)
    np.testing.assert_allclose(found[2], log_probabilities(model, np.append([0] * 5, ids[:3])), atol=1e-5)


@pytest.mark.slow
def test_a_model_of_any_length_needs_a_window_unless_it_is_read_one_by_one():
    with pytest.raises(UserError, match=r"read character by character \(.*\); give window="):
        LanguageModel.from_keras(attention(None), VOCABULARY)
    model = LanguageModel.from_keras(attention(None), VOCABULARY, window=8)
    assert len(model.generate(["ab"], chars=5, seed=1)[0]) == 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["unusual", "attention"])
def test_it_writes_scores_and_is_exported_as_ours_are(kind, tmp_path):
    keras_model = (READ_ONE_BY_ONE | READ_BY_WINDOWS)[kind]()
    model = LanguageModel.from_keras(keras_model, VOCABULARY)
    assert model.keras_model is keras_model
    text = "abcdefgabc"
    ids = VOCABULARY.encode(text).astype(int)
    expected = [-log_probabilities(keras_model, np.append([0] * 8, ids[:end])[-8:])[ids[end]] for end in range(1, 10)]
    if kind == "unusual":
        expected = [-log_probabilities(keras_model, ids[:end])[ids[end]] for end in range(1, 10)]
    ((score, losses),) = model.losses([text])
    np.testing.assert_allclose(losses, expected, atol=1e-4)
    assert score.characters == 9
    (written,) = model.generate(["ab"], chars=20, temperature=0)
    assert model.next_char(["ab"], k=1)[0][0][0] == written[0]
    char_lstm_tf.export(model, tmp_path / "1")
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    nats = loaded.signatures["score"](text=tf.constant([text]))["nats_per_char"].numpy()
    assert nats == pytest.approx(score.nats_per_char, abs=1e-5)


@pytest.mark.slow
def test_it_has_the_weights_that_the_model_has_at_the_time():
    keras_model = READ_ONE_BY_ONE["ids"]()
    model = LanguageModel.from_keras(keras_model, ["[UNK]", *"abcdefg"])
    dense = keras_model.layers[-1]
    for letter in "cf":
        dense.set_weights([np.zeros((6, V)), 9 * np.eye(V)[VOCABULARY.encode(letter)[0]]])
        assert model.generate(["a"], chars=3, temperature=0) == [3 * letter]


REFUSED = [
    (lambda: sequential(K.LSTM(6), K.Dense(V), shape=(None, 9)), "reads (None, None, 9)"),
    (lambda: sequential(embedding(), K.LSTM(6), K.Dense(5)), "gives (None, 5)"),
    (lambda: sequential(embedding(), K.LSTM(6), K.Dense(V, activation="sigmoid")), "its last activation is sigmoid"),
    (lambda: sequential(embedding(), K.LSTM(6, dtype="float16"), K.Dense(V)), "computes in float16"),
    (lambda: sequential(embedding(), K.LSTM(6, go_backwards=True), K.Dense(V)), "goes backwards"),
    (lambda: keras.Sequential([K.Dense(3)]), "its layers aren't known"),
    (lambda: keras.Model([a := keras.Input((3,)), b := keras.Input((3,))], [a, b]), "has 2 inputs and 2 outputs"),
]


@pytest.mark.parametrize(("make", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_cannot_be_understood_is_refused_with_a_reason(make, says):
    with pytest.raises(UserError) as raised:
        LanguageModel.from_keras(make(), VOCABULARY)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("vocabulary", "says"),
    [(list("abcdefgh"), "id 0 must be the unknown character"), (["[UNK]", "a", "a"], "distinct"), ([], "id 0")],
)
def test_a_vocabulary_begins_with_the_unknown_character(vocabulary, says):
    with pytest.raises(UserError, match=says):
        LanguageModel.from_keras(READ_ONE_BY_ONE["ids"](), vocabulary)


def test_layers_that_are_not_one_after_the_other_are_not_taken_for_it():
    """The list of layers looks like a chain, but the last one reads two of them."""
    inputs = keras.Input((8,))
    vectors = embedding()(inputs)
    model = keras.Model(inputs, K.Dense(V)(K.LSTM(5, return_sequences=True, name="lstm")(vectors)[:, ::-1]))
    assert isinstance(LanguageModel.from_keras(model, VOCABULARY).network, Windows)
