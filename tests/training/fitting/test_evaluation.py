import math

import keras
import numpy as np
import pytest

from char_lstm_tf.config import Config, ModelConfig
from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.inference.writing import Sampling, Writer
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.training.callbacks.samples import Samples, show_samples
from char_lstm_tf.training.fitting.evaluation import Evaluation
from char_lstm_tf.training.fitting.objective import PredictText
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("abc\n")


def network(*, stream_batch_size=None):
    interface = Interface(vocabulary_size=len(VOCABULARY), stream_batch_size=stream_batch_size)
    return networks.build_sequential(ModelConfig(units=(4,)), interface)


@pytest.fixture
def model():
    return network(stream_batch_size=2).keras_model


def states(model):
    return np.concatenate([state.numpy() for state in model.layers[0].states])


class Objective:
    """Text, read in pieces of five tokens."""

    measures = staticmethod(PredictText.measures)

    def scorer(self, network):
        return Scorer(network, VOCABULARY, chunk=5)

    def writer(self, network):
        return None


def evaluation(model, best=None, *, folder=None):
    return Evaluation(
        model,
        network(),
        best or network(),
        objective=Objective(),
        held_out={"validation": VOCABULARY.encode("abcab")},
        config=Config(name="x"),
        folder=folder,
    )


def test_the_weights_of_an_epoch_are_kept_when_told(model, tmp_path):
    model.compile(keras.optimizers.SGD(0.25))
    twin = network()
    best = twin.keras_model
    folder = RunFolder(tmp_path)
    kept = evaluation(model, twin, folder=folder)
    kept.measure(0, {"loss": 1.0})
    assert not np.array_equal(best.get_weights()[0], model.get_weights()[0])
    kept.keep_weights()
    for one, other in zip(best.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert folder.model.exists()


def test_measures_are_of_a_full_pass_and_leave_the_training_state(model):
    model(np.eye(5, dtype="float32")[[[1, 2, 3], [2, 3, 4]]])
    before = states(model)
    model.layers[-1].set_weights([np.zeros((4, 5)), np.zeros(5)])
    model.compile(keras.optimizers.SGD(0.25))
    logs = evaluation(model).measure(0, {"loss": math.log(8)})
    assert logs["val_loss"] == pytest.approx(math.log(5))
    assert logs["val_bits_per_char"] == pytest.approx(math.log2(5))
    assert logs["val_perplexity_per_char"] == pytest.approx(5)
    assert logs["bits_per_char"] == pytest.approx(3)
    assert logs["perplexity_per_char"] == pytest.approx(8)
    assert logs["learning_rate"] == 0.25
    assert np.abs(before).max() > 0
    np.testing.assert_array_equal(states(model), before)


@pytest.mark.parametrize("quiet", [False, True])
def test_samples_are_printed_and_appended_epoch_by_epoch(tmp_path, capsys, quiet):
    path, temperatures = tmp_path / "samples.txt", (0.5, 1.0)
    writer = Writer(network(), VOCABULARY)
    config = Config(name="x", sample_prompt="ab", sample_chars=60, sample_temperatures=temperatures, seed=1)
    for epoch, losses in enumerate([{"loss": 2.5, "val_loss": 2.25}, {"loss": 2.0}]):
        show_samples(Samples.of(config).report(writer, epoch, losses), path, quiet=quiet)
    text = path.read_text()
    printed = "" if quiet else text.replace("\n\n━━ epoch 2", "\n\n\n━━ epoch 2") + "\n"
    assert capsys.readouterr().out == printed
    assert "epoch 1: loss 2.5000, val_loss 2.2500 (nats per character), prompt 'ab'\n── temperature 0.5\n" in text
    assert text.index("epoch 1") < text.index("epoch 2: loss 2.0000 (")
    each = [Sampling(temperature=temperature, seed=1) for temperature in temperatures]
    rows = writer.write(["ab", "ab"], each, chars=60)
    for temperature, written in zip(temperatures, zip(*rows, strict=True), strict=True):
        sample = f"── temperature {temperature}\nab{''.join(written)}\n"
        assert text.count(sample) == 2  # nothing was learned between
