import json
import shutil

import numpy as np
import pytest
from conftest import FakeSource, command, verse

from char_lstm_tf.config import Config, ModelConfig
from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.models import build, networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.runs.plan import Origin
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.training import fine_tuning
from char_lstm_tf.training.fine_tuning import extend_weights
from char_lstm_tf.training.fitting import compiling
from pipelines import UserError, corpus
from pipelines.vocabulary import Vocabulary


def test_old_ids_keep_their_weights_and_new_ones_stay_fresh():
    kernel = extend_weights(np.ones((2, 3)), np.full((4, 3), 9.0), known=2, vocabulary_size=4)
    assert kernel.tolist() == [[1] * 3, [1] * 3, [9] * 3, [9] * 3]
    logits = extend_weights(np.ones((3, 2)), np.full((3, 4), 9.0), known=2, vocabulary_size=4)
    assert logits.tolist() == [[1, 1, 9, 9]] * 3
    assert extend_weights(np.ones(2), np.full(3, 9.0), known=2, vocabulary_size=3).tolist() == [1, 1, 9]
    assert extend_weights(np.ones((2, 2)), np.full((2, 2), 9.0), known=2, vocabulary_size=3).tolist() == [[1, 1]] * 2


def test_each_of_several_characters_read_at_once_has_its_own_block():
    kernel = extend_weights(np.array([[1], [2], [3], [4]]), np.full((6, 1), 9), known=2, vocabulary_size=3)
    assert kernel.ravel().tolist() == [1, 2, 9, 3, 4, 9]


@pytest.mark.parametrize("old", [(5, 3), (2, 4), (6, 3)])
def test_weights_that_differ_by_more_than_characters_are_refused(old):
    with pytest.raises(ValueError, match=r"grow|reshape"):
        extend_weights(np.ones(old), np.ones((4, 3)), known=2, vocabulary_size=4)


@pytest.mark.parametrize("encoding", ["one_hot", "embedding"])
def test_frozen_layers_are_the_first_ones(encoding):
    def frozen(count):
        model = networks.build_functional(
            ModelConfig(units=(3, 4), dropout=0.1), Interface(vocabulary_size=5, encoding=encoding)
        ).keras_model
        fine_tuning.freeze(model, count)
        return [layer.name for layer in model.layers if layer.weights and not layer.trainable]

    embedding = ["embedding"] if encoding == "embedding" else []
    assert frozen(0) == []
    assert frozen(1) == [*embedding, "lstm_1"]
    assert frozen(2) == [*embedding, "lstm_1", "lstm_2"]
    with pytest.raises(UserError, match="--freeze=3: at most 2"):
        frozen(3)


def test_a_run_that_starts_from_another_has_its_loss(trained, tmp_path):
    """Also when the vocabulary has grown: what the new characters add to each softmax is taken out again."""
    origin = Origin.open(str(trained))
    old, vocabulary = build.load(origin), origin.vocabulary
    ids = vocabulary.encode(verse(20))
    loss = Scorer(old, vocabulary).score(ids).nats
    same = build.build(origin.config, vocabulary, stream=True)
    fine_tuning.give_weights(origin, same, vocabulary)
    assert Scorer(same, vocabulary).score(ids).nats == pytest.approx(loss, rel=1e-5)

    larger = vocabulary.extended("é☃")
    network = build.build(origin.config, larger)
    model = network.keras_model
    fresh = model.layers[-1].get_weights()[0][:, -2:]
    fine_tuning.give_weights(origin, network, larger)
    np.testing.assert_array_equal(model.layers[-1].get_weights()[0][:, -2:], fresh)
    kernel, bias = model.layers[-1].get_weights()
    bias[-2:] = -50
    model.layers[-1].set_weights([kernel, bias])
    assert Scorer(network, larger).score(ids).nats == pytest.approx(loss, rel=1e-5)


def test_new_characters_get_ids_after_the_old_ones(tmp_path):
    def prepare(**options):
        return corpus.prepare([FakeSource(["zebra" * 4 + "aaa"])], split=(1, 0, 0), folder=tmp_path, **options)

    known = Vocabulary.fit("bear!")
    extended = prepare(known=known)
    assert extended.vocabulary.characters == "\ufffd!aber" + "z"
    assert extended.split("train")[:5].tolist() == [6, 4, 3, 5, 2]
    assert prepare().vocabulary.characters == "\ufffdaberz"
    assert prepare(known=Vocabulary.fit("!"), max_vocabulary=4).vocabulary.characters == "\ufffd!ab"
    with pytest.raises(UserError, match="--max_vocabulary=3: fewer than the 6 ids of --init_from"):
        prepare(known=known, max_vocabulary=3)


def test_freeze_alone_is_an_error():
    with pytest.raises(UserError, match="--freeze=1: only has an effect with --init_from"):
        Config(name="x", freeze=1)


def test_a_frozen_layer_stays_and_the_others_learn(trained):
    origin = Origin.open(str(trained))
    vocabulary = origin.vocabulary.extended("☃")
    network = build.build(origin.config, vocabulary)
    model = network.keras_model
    fine_tuning.give_weights(origin, network, vocabulary)
    fine_tuning.freeze(model, 1)
    compiling.compile_model(model, origin.config, steps=4)
    before = [layer.get_weights() for layer in model.layers]
    batch = np.eye(len(vocabulary), dtype="float32")[np.arange(64).reshape(4, 16) % len(vocabulary)]
    for _ in range(2):  # the first step of a warm-up has a learning rate of 0
        model.train_on_batch(batch, batch)
    moved = [
        max(np.abs(new - old).max() for new, old in zip(layer.get_weights(), weights, strict=True))
        for layer, weights in zip(model.layers, before, strict=True)
    ]
    assert moved[0] == 0
    assert min(moved[1:]) > 1e-4


@pytest.mark.slow
def test_a_fine_tuned_run_keeps_sizes_and_frozen_layers_and_its_flags_repeat_it(trained, tmp_path):
    (tmp_path / "new.txt").write_text(verse(60, seed=8).replace("river", "rivière"))
    done = command(
        "char_lstm_tf.train",
        f"--text={tmp_path}/new.txt",
        "--name=tuned",
        f"--output_dir={tmp_path}",
        f"--data_dir={tmp_path}/data",
        f"--init_from={trained}",
        "--freeze=1",
        "--batch_size=4",
        "--epochs=1",
        "--max_steps=10",
        "--sample_chars=0",
    )
    assert done.returncode == 0, done.stderr
    resolved = (tmp_path / "tuned" / "flags.txt").read_text().splitlines()
    assert {"--units=16,16", "--window=16", f"--init_from={trained}", "--freeze=1"} <= set(resolved)
    runs = [TrainedRun.open(path) for path in (trained, tmp_path / "tuned")]
    (old, before), (new, after) = ((build.load(run), run.vocabulary) for run in runs)
    assert after.characters == before.characters + "è"
    old, new = old.keras_model, new.keras_model
    first = [model.layers[0].get_weights() for model in (old, new)]
    np.testing.assert_array_equal(first[1][0][:-1], first[0][0])
    np.testing.assert_array_equal(first[1][1], first[0][1])
    assert np.abs(new.layers[1].get_weights()[0] - old.layers[1].get_weights()[0]).max() > 1e-4
    loss = json.loads((tmp_path / "tuned" / "metrics.json").read_text())["validation"]["nats_per_char"]

    shutil.move(tmp_path / "tuned", tmp_path / "first")
    again = command("char_lstm_tf.train", f"--flagfile={tmp_path}/first/flags.txt")
    assert again.returncode == 0, again.stderr
    metrics = json.loads((tmp_path / "tuned" / "metrics.json").read_text())
    assert metrics["validation"]["nats_per_char"] == pytest.approx(loss, abs=1e-6)
