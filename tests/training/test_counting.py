import numpy as np
import pytest
import tensorflow as tf
from conftest import verse

from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.models.build import load
from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.runs.text import prepare_text
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.training.counting import CountingRun
from char_lstm_tf.training.train import train


def test_what_a_run_of_words_has_seen_is_counted_in_characters(tmp_path):
    (tmp_path / "verse.txt").write_text(verse(200))
    where = {"name": "words", "output_dir": str(tmp_path), "data_dir": str(tmp_path)}
    plan = plan_run(text=(f"{tmp_path}/verse.txt",), architecture="counts", tokens="words", **where)
    text = prepare_text(plan)
    assert CountingRun(plan, text).stats().characters_seen == text.spelled[0] > 2 * len(text.split("train"))


@pytest.mark.slow
def test_a_run_of_counts_is_measured_saved_and_exported_like_any_other(tmp_path):
    (tmp_path / "verse.txt").write_text(verse(200))
    plan = plan_run(
        text=(f"{tmp_path}/verse.txt",),
        split=(0.8, 0.1, 0.1),
        architecture="counts",
        order=4,
        name="counts",
        output_dir=str(tmp_path),
        data_dir=str(tmp_path),
        sample_chars=20,
    )
    metrics, text = train(plan).facts(), prepare_text(plan)
    assert metrics["characters_seen"] == len(text.split("train"))
    assert metrics["test"]["nats_per_char"] < 2.2 < np.log(len(text.vocabulary))
    assert "prompt" in plan.folder.samples.read_text()
    run = TrainedRun.open(plan.folder.path)
    model, vocabulary = load(run), run.vocabulary
    assert model.keras_model.count_params() == metrics["parameters"]
    again = Scorer(model, vocabulary).score(text.split("test")).report()
    assert again == pytest.approx(metrics["test"])
    loaded = tf.saved_model.load(str(plan.folder.versions()[-1]))
    held_out = vocabulary.decode(text.split("test")[:])
    scored = loaded.signatures["score"](text=tf.constant([held_out]))["nats_per_char"]
    assert scored.numpy()[0] == pytest.approx(metrics["test"]["nats_per_char"], abs=1e-5)
