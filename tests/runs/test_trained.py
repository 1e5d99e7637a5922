import dataclasses
import json
import shutil

import pytest
from conftest import ROOT, command

from char_lstm_tf.config import Config
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.metrics import Metrics, TrainingStats
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

OLD_RUNS = ROOT / "tests" / "end_to_end" / "old_runs"


@pytest.mark.parametrize("name", [path.name for path in OLD_RUNS.iterdir() if (path / "model.keras").is_file()])
def test_a_run_is_opened_with_all_that_its_files_say(name):
    run = TrainedRun.open(OLD_RUNS / name)
    facts = json.loads((OLD_RUNS / name / "metrics.json").read_text())
    assert run.config.name == name
    assert len(run.vocabulary) > 10
    assert run.metrics.facts() == facts
    assert run.metrics.held_out["test"] == facts["test"]


def test_metrics_survive_being_written(tmp_path):
    training = TrainingStats(parameters=7, characters_seen=90, seconds=1.5, chars_per_second=60, epoch=2)
    metrics = Metrics(held_out={"test": {"nats_per_char": 1.0}}, training=training, provenance={"packages": {"a": "1"}})
    metrics.save(tmp_path / "metrics.json")
    assert Metrics.load(tmp_path / "metrics.json") == metrics
    assert list(json.loads((tmp_path / "metrics.json").read_text())) == [
        "test",
        "parameters",
        "characters_seen",
        "epoch",
        "seconds",
        "chars_per_second",
        "packages",
    ]


def test_what_is_no_trained_run_is_named_with_what_to_do(tmp_path):
    begun = RunFolder(tmp_path / "begun")
    with (
        begun.opened(Config(name="begun", output_dir=str(tmp_path)), Vocabulary.fit("ab")),
        pytest.raises(UserError, match="begun: no epoch is finished, so there is no model yet; wait for it"),
    ):
        TrainedRun.open(begun.path)
    (tmp_path / "empty").mkdir()
    exported = shutil.copytree(OLD_RUNS / "gru", tmp_path / "gru") / "1"
    exported.mkdir()
    (exported / "saved_model.pb").touch()
    for path, message in (
        ("", "--model=: names no run; give the folder of one, such as saved_models/quickstart"),
        (tmp_path / "none", "none: no such folder; .*; saved_models has "),
        (tmp_path / "empty", "empty: not a trained run, it has no flags.txt"),
        (exported, "a SavedModel for serving; give the run's folder, .*gru"),
        (begun.path, "resume it with .*python.* -m char_lstm_tf.train --resume --name=begun --output_dir="),
    ):
        with pytest.raises(UserError, match=message):
            TrainedRun.open(path)


def test_a_share_of_held_out_documents_is_a_loss():
    run = TrainedRun.open(OLD_RUNS / "gru")
    with pytest.raises(
        UserError, match=r"--threshold=99%: no such loss .*metrics\.json; older runs .* have none; give a"
    ):
        run.loss_at("99%")
    measured = {"nats_per_char": 1.5, "nats_per_char_50%": 2.0, "nats_per_char_99%": 3.5}
    metrics = dataclasses.replace(run.metrics, held_out={"validation": measured})
    run = dataclasses.replace(run, metrics=metrics)
    assert run.loss_at("99%") == 3.5
    with pytest.raises(UserError, match="it has those of 50%, 99%; give one of them, or a number"):
        run.loss_at("98%")


def test_sampling_without_a_model_says_what_to_give():
    done = command("char_lstm_tf.sample")
    assert done.returncode == 1
    assert (
        done.stderr == "python -m char_lstm_tf.sample: --model=: names no run; give the folder of one, such as "
        "saved_models/quickstart\n"
    )
