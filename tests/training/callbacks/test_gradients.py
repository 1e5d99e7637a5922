import csv
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig, TrainingConfig
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.training.callbacks import gradients
from char_lstm_tf.training.fitting import compiling

V, B, T = 5, 2, 6
CHOICES = [
    pytest.param(architecture, cell, encoding, target, marks=marks)
    for architecture, cell, encoding, target, *marks in [
        ("functional", "lstm", "embedding", "sequence"),
        ("sequential", "rnn", "one_hot", "next_char"),
        ("sequential", "lstm", "one_hot", "sequence", pytest.mark.slow),
        ("sequential", "peephole", "embedding", "next_char", pytest.mark.slow),
        ("functional", "gru", "one_hot", "next_char", pytest.mark.slow),
        ("sequential", "coupled", "one_hot", "sequence", pytest.mark.slow),
    ]
]


def build(
    architecture="sequential",
    cell="lstm",
    encoding="one_hot",
    target="sequence",
    *,
    units=(3, 4),
    end=None,
    trains=False,
    **training,
):
    keras.utils.set_random_seed(4)
    config = ModelConfig(architecture=architecture, cell=cell, units=units, embedding_size=2, dropout=0.4)
    model = networks.BUILD[architecture](
        config,
        Interface(
            vocabulary_size=V,
            encoding=encoding,
            target=target,
            window=T,
            stream_batch_size=B if target == "sequence" else None,
            end=end,
            trains=trains,
        ),
    ).keras_model
    options = {"optimizer": "sgd", "learning_rate": 1.0, "schedule": "constant", "clipnorm": 0.0} | training
    compiling.compile_model(model, TrainingConfig(**options), steps=10)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["one_hot", "embedding"])
def test_the_fast_layer_has_the_same_gradients_in_a_snapshot(encoding):
    plain, fast = (build(encoding=encoding, trains=trains, end=2) for trains in (False, True))
    for layer in (*plain.layers, *fast.layers):
        layer.rate = 0.0  # of dropout: its draws differ between two models
    fast.set_weights(plain.get_weights())
    expected, found = (
        gradients.GradientProbe(model).snapshot(*batch(2, encoding, "sequence")) for model in (plain, fast)
    )
    np.testing.assert_allclose(found.norms, expected.norms, rtol=1e-4)
    np.testing.assert_allclose(found.reach, expected.reach, rtol=1e-3)


def batch(seed=0, encoding="one_hot", target="sequence"):
    ids = np.random.default_rng(seed).integers(0, V, [B, T + 1])
    inputs = tf.constant(ids[:, :-1], tf.int32)
    targets = tf.one_hot(ids[:, 1:] if target == "sequence" else ids[:, -1], V)
    return tf.one_hot(inputs, V) if encoding == "one_hot" else inputs, targets


def values(model):
    """Returns a copy of every variable: weights, seeds, carried states, and those of the optimizer and the metrics."""
    states = [state for layer in model.layers for state in getattr(layer, "states", None) or []]
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    variables = [*model.variables, *states, *model.optimizer.variables, *metrics]
    return [(variable.path, variable.numpy()) for variable in variables]


def changed(before, after):
    """Returns the paths of the variables that differ."""
    pairs = zip(before, after, strict=True)
    return [path for (path, old), (_, new) in pairs if not np.array_equal(old, new)]


@pytest.mark.parametrize("end", [None, pytest.param(2, marks=pytest.mark.slow)], ids=["running text", "documents"])
@pytest.mark.parametrize(("architecture", "cell", "encoding", "target"), CHOICES)
def test_a_snapshot_is_the_gradient_of_the_next_step_and_changes_nothing(architecture, cell, encoding, target, end):
    model = build(architecture, cell, encoding, target, end=end)
    model.train_on_batch(*batch(1, encoding, target))  # so that the states aren't zero, and dropout has drawn
    before = values(model)
    snapshot = gradients.GradientProbe(model).snapshot(*batch(2, encoding, target))
    assert not changed(before, values(model))
    weights = model.get_weights()
    model.train_on_batch(*batch(2, encoding, target))
    steps = [old - new for old, new in zip(weights, model.get_weights(), strict=True)]
    np.testing.assert_allclose(snapshot.norms, [np.linalg.norm(step) for step in steps], rtol=2e-4)
    np.testing.assert_allclose(snapshot.largest, [np.abs(step).max() for step in steps], rtol=2e-4)
    assert snapshot.reach.shape == (T,)
    assert (snapshot.reach > 0).all()


def test_a_training_call_changes_what_a_snapshot_must_restore():
    model = build()
    before = values(model)
    model(batch()[0], training=True)
    paths = changed(before, values(model))
    assert sum(path.endswith("rnn_state") for path in paths) == 4
    assert sum(path.endswith("seed_generator_state") for path in paths) == len(paths) - 4 >= 2


def test_reach_is_what_a_changed_input_changes_the_last_loss_by():
    """By differences of d loss / d one element of the input, of a model without dropout."""
    keras.utils.set_random_seed(4)
    model = networks.build_functional(
        ModelConfig(cell="rnn", units=(3, 4)), Interface(vocabulary_size=V, window=T)
    ).keras_model
    compiling.compile_model(model, TrainingConfig(), steps=1)
    inputs, targets = batch(3)

    def last_loss(inputs):
        logits = model(inputs)[:, -1]
        return tf.nn.softmax_cross_entropy_with_logits(targets[:, -1], logits).numpy().astype(np.float64)

    reach = gradients.GradientProbe(model).snapshot(inputs, targets).reach
    for distance in (0, 4):
        slopes = []
        for element in range(V):
            change = np.zeros([B, T, V], np.float32)
            change[:, T - 1 - distance, element] = 0.01
            slopes.append((last_loss(inputs + change) - last_loss(inputs - change)) / 0.02)
        assert reach[distance] == pytest.approx(np.linalg.norm(slopes, axis=0).mean(), rel=0.02)


def test_a_plain_rnn_with_small_weights_forgets_by_the_same_factor_each_step():
    keras.utils.set_random_seed(1)
    model = networks.build_sequential(
        ModelConfig(cell="rnn", units=(4,)), Interface(vocabulary_size=V, window=T)
    ).keras_model
    compiling.compile_model(model, TrainingConfig(), steps=1)
    model.layers[0].set_weights([np.full((V, 4), 1e-3), 0.5 * np.eye(4), np.zeros(4)])
    reach = gradients.GradientProbe(model).snapshot(*batch()).reach
    np.testing.assert_allclose(reach[1:] / reach[:-1], 0.5, rtol=1e-3)


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        ({}, [False, False, False]),
        ({"clipnorm": 1.0}, [False, True, True]),
        ({"global_clipnorm": 6.0}, [False, False, False]),
        ({"global_clipnorm": 5.0}, [True, True, True]),
        ({"clipvalue": 0.9}, [False, False, True]),
    ],
)
def test_clipped_is_what_the_optimizer_clips(clip, expected):
    found = gradients.clipped(keras.optimizers.SGD(**clip), np.array([0.5, 2, 5]), np.array([0.5, 0.8, 4]))
    assert found.tolist() == expected


def fit(folder, *, every):
    model = build(cell="rnn", units=(3,), optimizer="adam", learning_rate=0.1, clipnorm=1e-4)
    data = tf.data.Dataset.from_generator(
        lambda: map(batch, range(7)), output_signature=(tf.TensorSpec([B, T, V]), tf.TensorSpec([B, T, V]))
    )
    log = gradients.LogGradients(
        batch, every=every, csv_path=folder / "gradients.csv", picture=folder / "g.png", logs=folder / "logs"
    )
    options = {"verbose": 0, "shuffle": False, "callbacks": [log] if every else []}
    random.seed(3)
    model.fit(data, epochs=1, steps_per_epoch=5, **options)
    model.fit(data, epochs=2, initial_epoch=1, steps_per_epoch=2, **options)
    return model, random.random()


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logged")
    return folder, *fit(folder, every=2)


def test_training_is_the_same_with_snapshots_as_without(logged, tmp_path):
    _, looked, drawn = logged
    plain, drawn_too = fit(tmp_path, every=0)
    assert not changed(values(looked), values(plain))
    assert drawn == drawn_too


def test_the_log_has_a_row_for_each_weight_and_each_distance_of_each_epoch(logged):
    folder, *_ = logged
    rows = list(csv.DictReader((folder / "gradients.csv").read_text().splitlines()))
    assert len(rows) == 2 * (5 + T)
    assert [row["looks"] for row in rows if row["weight"] == "logits/bias"] == ["3", "1"]
    assert rows[1]["weight"] == "rnn_1/recurrent_kernel"
    assert [row["distance"] for row in rows if row["epoch"] == "1" and not row["weight"]] == list("012345")
    assert float(rows[0]["norm"]) > 1e-4
    assert rows[0]["clipped"] == "1.0"
    assert (folder / "g.png").read_bytes().startswith(b"\x89PNG")


def test_tensorboard_shows_weights_and_distances(logged):
    folder, *_ = logged
    values = {
        value.tag: float(tf.make_ndarray(value.tensor))
        for file in (folder / "logs").iterdir()
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
        if event.step == 1
    }
    last = list(csv.DictReader((folder / "gradients.csv").read_text().splitlines()))[-T - 5 :]
    assert values["gradient_norm/rnn_1/kernel"] == pytest.approx(float(last[0]["norm"]))
    assert values["gradient_clipped/logits/bias"] == float(last[4]["clipped"])
    assert values["gradient_reach/4_before"] == pytest.approx(float(last[9]["norm"]) / float(last[5]["norm"]))
    assert "gradient_reach/8_before" not in values


def test_an_epoch_that_is_trained_again_replaces_its_rows(tmp_path):
    log = tmp_path / "gradients.csv"
    log.write_text(",".join(gradients.GRADIENT_COLUMNS) + "\n0,3,a,,1,1,1\n1,3,a,,1,1,1\n1,3,,0,1,,\n")
    assert gradients.rows_before(1, log) == [["0", "3", "a", "", "1", "1", "1"]]
    assert len(gradients.rows_before(2, log)) == 3


def test_the_log_takes_means_and_of_elements_the_largest():
    def snapshot(norm, element, clipped, reach):
        return gradients.GradientSnapshot(np.array([norm]), np.array([element]), np.array([clipped]), np.array(reach))

    norms, largest, shares, reach = gradients.summary([snapshot(1, 5, True, [2, 0]), snapshot(4, 3, False, [4, 1])])
    assert (norms, largest, shares, reach.tolist()) == ([2.5], [5], [0.5], [3, 0.5])
