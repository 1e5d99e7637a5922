import json
import signal
import subprocess
import sys

import pytest
from conftest import command, verse

import char_lstm_tf
from char_lstm_tf.evaluate import EvaluateConfig
from char_lstm_tf.inference.adaptive import Adaptation
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.serving.adapted import AdaptedRun
from pipelines import UserError

LINE = "the quiet boat, the quiet boat"


@pytest.mark.slow
def test_a_model_that_adopts_what_it_has_learnt_scores_and_writes_with_it(trained):
    model = char_lstm_tf.load(trained)
    with pytest.raises(UserError, match="only a recurrent network that learns while it scores has new weights"):
        model.adopt()
    model.learn_while_scoring(Adaptation(rate=0.01))
    model.score([LINE * 20])
    (learnt,) = model.score([LINE])
    model.learn_while_scoring(Adaptation(rate=1e-9, decay=0.0))
    (before,) = model.score([LINE])
    assert learnt.nats_per_char < before.nats_per_char - 0.1  # learning leaves the model itself as it was
    model.learn_while_scoring(Adaptation(rate=0.01))
    model.score([LINE * 20])
    model.adopt()
    (adopted,) = model.label_scorer.nats_of_each([model.vocabulary.encode_whole(LINE)])
    assert adopted.mean() == pytest.approx(learnt.nats_per_char, abs=0.3)
    assert adopted.mean() < before.nats_per_char - 0.1
    with pytest.raises(UserError, match="a model without a run's folder can't be pickled"):
        model.__reduce__()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--save=y: only has an effect with --dynamic"),
        ({"dynamic": True, "save": "../y"}, "--save=../y: give a name and no path"),
        ({"dynamic": True, "mix": ("z",)}, "--save=y: keeps the weights of one network"),
    ],
)
def test_what_cant_be_saved_is_refused_before_anything_is_read(options, message, trained):
    with pytest.raises(UserError, match=message):
        AdaptedRun(TrainedRun.open(trained), EvaluateConfig(model="x", text=("x",), **{"save": "y"} | options).save)


@pytest.mark.slow
def test_the_command_leaves_a_run_with_the_weights_that_were_learnt(trained, tmp_path):
    (tmp_path / "x.txt").write_text(LINE * 40)
    common = ("char_lstm_tf.evaluate", f"--text={tmp_path}/x.txt", "--json")
    done = command(*common, f"--model={trained}", "--dynamic", "--dynamic_rate=0.01", "--save=adapted")
    assert not done.returncode, done.stderr
    adapted = trained.parent / "adapted"
    names = sorted(path.name for path in adapted.iterdir())
    assert {"1", "README.md", "flags.txt", "metrics.json", "model.keras", "vocabulary.json"} <= set(names)
    before, after = (
        json.loads(command(*common, f"--model={run}").stdout)["nats_per_char"] for run in (trained, adapted)
    )
    assert after < before - 0.1
    facts = json.loads((adapted / "metrics.json").read_text())
    assert facts["adapted_from"] == str(trained)
    assert facts["adapted_on_characters"] == len(LINE * 40) - 1
    assert f"Then {len(LINE * 40) - 1:,} more characters" in (adapted / "README.md").read_text()
    assert "test" not in facts  # the held-out losses aren't those of this model
    again = command(*common, f"--model={trained}", "--dynamic", "--save=adapted")
    assert again.returncode == 1
    assert again.stderr.splitlines()[-1].endswith(f"--save=adapted: {adapted} exists; choose another name")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stream_of_lines_that_is_interrupted_is_saved(number, trained):
    name = f"stream_{number.name}"
    flags = [f"--model={trained}", "--text=-", "--dynamic", f"--save={name}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # where tests run in the background, it is ignored
    process = subprocess.Popen([sys.executable, "-m", "char_lstm_tf.evaluate", *flags], **pipes)
    signal.signal(signal.SIGINT, before)
    process.stdin.write(f"{LINE}\n{verse(1)}\n")
    process.stdin.flush()
    while LINE not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    process.stdin.close(), process.stdout.close()
    assert json.loads((trained.parent / name / "metrics.json").read_text())["adapted_on_characters"] > len(LINE)
