import dataclasses
import io
import os

import pytest

from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.callbacks.clock import Clock
from char_lstm_tf.training.fitting.objective import PredictText


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def now(monkeypatch):
    """The time, in seconds, that tests let go by."""
    time = [100.0]
    monkeypatch.setattr("char_lstm_tf.training.callbacks.clock.time.monotonic", lambda: time[0])
    return time


def take(clock, now, *, step, seconds):
    clock.on_train_batch_begin(step)
    now[0] += seconds
    clock.stands[0] = clock.stands[0].after_step(clock.stands[0].seconds + seconds)
    clock.on_train_batch_end(step, {"loss": 2.0})


def epoch(clock, now, *, number, steps, seconds):
    clock.on_epoch_begin(number)
    for step in range(steps):
        take(clock, now, step=step, seconds=seconds)
    logs = {"loss": 2.0, "val_loss": 1.5}
    clock.on_epoch_end(number, logs)
    return logs


def clock(tmp_path, out, **state):
    stands = [Progress("c", steps=10, steps_per_epoch=5, **state)]
    timer = Clock(
        lambda: stands[0], chars_per_step=100, log=tmp_path / "speed.csv", out=out, describe=PredictText.describe
    )
    timer.stands = stands
    return timer


def test_speed_is_of_the_steps_after_the_one_that_compiles(tmp_path, now):
    timer = clock(tmp_path, None)
    timer.on_epoch_begin(0)
    take(timer, now, step=0, seconds=60)  # compiling
    now[0] += 7  # saving, say
    for step in range(1, 5):
        take(timer, now, step=step, seconds=0.5)
    logs = {"loss": 2.0}
    timer.on_epoch_end(0, logs)
    assert (logs["seconds"], logs["chars_per_second"]) == (2.0, 200)
    epoch(timer, now, number=1, steps=5, seconds=1)
    assert (tmp_path / "speed.csv").read_text() == "epoch,seconds,chars_per_second\n0,2.0,200\n1,5.0,100\n"


def test_without_a_terminal_there_is_a_line_each_half_minute_and_each_epoch(tmp_path, now):
    out = io.StringIO()
    timer = clock(tmp_path, out)
    epoch(timer, now, number=0, steps=5, seconds=20)
    epoch(timer, now, number=1, steps=5, seconds=1)
    assert out.getvalue().splitlines() == [
        "epoch 1/2  step 2/10  loss 2.0000 (2.885 bits/char)  5 chars/s  2:40 left",
        "epoch 1/2  step 4/10  loss 2.0000 (2.885 bits/char)  5 chars/s  2:00 left",
        "epoch 1/2  loss 2.0000 (2.885 bits/char)  validation loss 1.5000 (2.164 bits/char)  5 chars/s  1:40",
        "epoch 2/2  loss 2.0000 (2.885 bits/char)  validation loss 1.5000 (2.164 bits/char)  100 chars/s  1:45",
    ]


@pytest.mark.parametrize(("columns", "bits"), [(200, True), (80, False), (40, False)])
def test_the_line_fits_the_terminal(tmp_path, now, monkeypatch, columns, bits):
    out = Terminal()
    out.fileno = lambda: 2
    monkeypatch.setattr(os, "get_terminal_size", lambda descriptor: os.terminal_size((columns, 24)))
    timer = clock(tmp_path, out)
    timer.stands[0] = dataclasses.replace(timer.stands[0], steps=123_456)
    timer.on_epoch_begin(0)
    take(timer, now, step=0, seconds=1)
    take(timer, now, step=1, seconds=1)
    line = out.getvalue().split("\r\x1b[K")[-1]
    assert len(line) < columns
    assert ("bits" in line) == bits
    assert line.startswith("epoch 1/24692  step 2/123,456")


def test_a_terminal_has_one_line_that_is_written_over(tmp_path, now):
    out = Terminal()
    timer = clock(tmp_path, out)
    epoch(timer, now, number=0, steps=5, seconds=1)
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().count("\r\x1b[Kepoch 1/2") == 6


def test_in_a_notebook_one_line_is_rewritten(tmp_path, now):
    notebook = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    timer = clock(tmp_path, notebook)
    timer.on_epoch_begin(0)
    for step in range(4):
        take(timer, now, step=step, seconds=2)
    timer.on_epoch_end(0, {"loss": 2.0})
    lines = notebook.getvalue()
    assert lines.count("\n") == 1
    shown = lines.rstrip("\n").split("\r")
    assert len(shown) == 5
    assert shown[2].startswith("epoch 1/2  step 3/10  loss 2.0000")
    assert len(shown[-1]) >= len(shown[-2])  # nothing of the line before is left
    assert shown[-1].strip().endswith("0:08")
