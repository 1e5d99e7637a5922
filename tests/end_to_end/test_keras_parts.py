"""The parts for Keras programs, used as docs/keras.md says."""

import re
import subprocess
import sys

import keras
import pytest
from conftest import ROOT, verse

from char_lstm_tf.callbacks import SampleText
from pipelines import UserError

PAGE = (ROOT / "docs" / "keras.md").read_text(encoding="utf-8")
EXAMPLES = {
    heading.splitlines()[0]: example
    for heading in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    for example in re.findall(r"^```python\n(.*?)^```", heading, re.DOTALL | re.MULTILINE)
}
PROGRAM = EXAMPLES.pop("All together")


@pytest.mark.slow
@pytest.mark.parametrize("heading", EXAMPLES)
def test_every_example_of_the_page_works(heading, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # where encoded texts are kept
    exec(compile(EXAMPLES[heading], "docs/keras.md", "exec"), {"__name__": "example"})


@pytest.mark.slow
def test_a_plain_keras_program_of_25_lines_uses_all_parts(tmp_path):
    """It trains with `model.fit`, shows samples, and saves and loads with `keras.models.load_model`."""
    assert len(PROGRAM.splitlines()) <= 25
    (tmp_path / "book.txt").write_text(verse(300))
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    losses = [float(loss) for loss in re.findall(r" val_loss: ([0-9.]+)", done.stdout)]
    assert len(losses) == 3
    assert losses[2] < losses[0] < 3.4
    samples = re.findall(r"━━ epoch (\d): loss .*, val_loss .*, prompt 'The '\n── temperature 0.5\nThe ", done.stdout)
    assert samples == ["1", "2", "3"]
    # After the last sample of 60 characters, those of the model that was loaded follow. Both may have several lines.
    assert len(done.stdout.rpartition("── temperature 0.5\n")[2]) >= len("The ") + 2 * 60


def fitted(callback, *, epochs=3):
    """Trains a model that has learnt nothing but to write `b`."""
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.SimpleRNN(2, return_sequences=True)])
    model.add(
        keras.layers.Dense(3, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant([0, 0, 9]))
    )
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    b = keras.ops.one_hot([[2, 2]], 3)
    model.fit(b, b, epochs=epochs, callbacks=[callback], verbose=0)


@pytest.mark.slow
def test_samples_are_printed_every_few_epochs_with_the_losses(capsys):
    fitted(SampleText(["[UNK]", "a", "b"], prompt="a", chars=4, temperatures=[0], every=2), epochs=5)
    printed = capsys.readouterr().out
    assert re.findall(r"━━ epoch (\d): loss 0\.0\d+, prompt 'a'\n── temperature 0\nabbbb\n", printed) == ["2", "4"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"temperatures": 0.5}, "temperatures=0.5: must be a list"),
        ({"temperatures": [-1]}, "temperature=-1"),
        ({"chars": 0}, "chars=0: must be a whole number from 1"),
        ({"every": 0.5}, "every=0.5: must be a whole number from 1"),
        ({"vocabulary": "ab"}, "id 0 must be the unknown character"),
    ],
)
def test_a_wrong_argument_of_the_callback_is_an_error_at_once(options, says):
    with pytest.raises(UserError, match=says):
        SampleText(**{"vocabulary": ["[UNK]", "a"]} | options)


def test_a_model_that_cannot_write_is_refused_when_training_begins():
    with pytest.raises(UserError, match=r"reads \(None, None, 3\); must be ids"):
        fitted(SampleText(["[UNK]", "a"]))
