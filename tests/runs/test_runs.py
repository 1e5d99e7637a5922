import dataclasses
import fcntl
import json
import os
import subprocess
import sys
import threading
import time

import pytest
from conftest import command

from char_lstm_tf.config import Config, OutputConfig
from char_lstm_tf.runs import tables
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.progress import Progress
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

METRICS = {
    "validation": {"nats_per_char": 1.5},
    "test": {"nats_per_char": 1.625},
    "parameters": 12345,
    "characters_seen": 1000000,
    "epoch": 2,
    "seconds": 90.0,
    "chars_per_second": 11111,
}


def begun(folder, name, **model):
    config = Config(name=name, output_dir=str(folder), **model)
    run = RunFolder(folder / name)
    with run.opened(config, Vocabulary.fit("ab")):
        pass
    return run


@pytest.fixture
def folder(tmp_path):
    finished = begun(tmp_path, "finished", units=(5,))
    finished.metrics.write_text(json.dumps(METRICS))
    os.utime(finished.metrics, (time.time() - 7300,) * 2)
    interrupted = begun(tmp_path, "interrupted")
    for step in (10, 40):
        path = interrupted.checkpoints / f"step-{step:09d}"
        path.mkdir(parents=True)
        Progress("c", steps=80, step=step, best_loss=2.125).save(path / "progress.json")
    begun(tmp_path, "lost").diverged.write_text("diverged\n")
    (tmp_path / "README.md").write_text("no run")
    return tmp_path


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234.5, "1,234.50"),
        (999_999_999.0, "999,999,999.00"),
        (3.7286e12, "3.73e+12"),
        (1e300, "1.00e+300"),
        (None, "-"),
    ],
)
def test_numbers_of_any_size_fit_a_column(value, shown):
    assert tables.format_number(value, 2) == shown
    assert len(shown) <= 16


def test_each_run_has_a_line_with_its_state(folder):
    done = command("char_lstm_tf.runs", f"--output_dir={folder}")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1] == ["finished", "finished", "100%", "1.5000", "1.6250", "12,345", "2", "h"]
    assert lines[2][:6] == ["interrupted", "interrupted", "50%", "2.1250", "-", "-"]
    assert lines[3][:6] == ["lost", "diverged", "0%", "-", "-", "-"]
    assert len(lines) == 4


@pytest.mark.parametrize("content", ["", "[]", "{}", "[1]", '{"parameters": null}', "\\xff"])
def test_a_damaged_run_does_not_hide_the_others(folder, content):
    (folder / "finished" / "metrics.json").write_text(content)
    done = command("char_lstm_tf.runs", f"--output_dir={folder}")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["finished", "interrupted", "lost"]


def test_a_run_is_running_as_long_as_its_process_lives(folder):
    run = RunFolder(folder / "interrupted")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, os, sys, time; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX); "
            "print('locked', flush=True); time.sleep(60)",
            str(run.path),
        ],
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()
    assert run.state == "running"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert run.state == "interrupted"


def test_a_comparison_shows_what_differs_and_what_came_of_it(folder):
    text = tables.comparison(RunFolder(folder / "finished"), RunFolder(folder / "interrupted"))
    rows = [line.split() for line in text.splitlines()]
    assert ["--units", "5", "128,128"] in rows
    assert [row[0] for row in rows if row[0].startswith("--")] == ["--units"]  # the names differ, too
    assert ["validation", "nats/char", "1.5000", "-"] in rows
    assert ["characters", "seen", "1,000,000", "-"] in rows


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output_dir=nowhere"], "--output_dir=nowhere: no such folder"),
        (["--compare=finished"], "--compare=finished: give two names"),
        (["--compare=finished,../finished"], "--compare=../finished: no run of this name"),
        (["--compare=finished,none"], "--compare=none: no run of this name"),
    ],
)
def test_mistakes_end_in_one_line(folder, words, message):
    done = command("char_lstm_tf.runs", f"--output_dir={folder}", *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_is_refused_to_a_second_process_and_given_after_the_first(folder):
    run = RunFolder(folder / "interrupted")
    again = OutputConfig(name="interrupted", output_dir=str(folder), overwrite=True)
    with (
        run.opened(dataclasses.replace(run.config, overwrite=True), Vocabulary.fit("ab")),
        pytest.raises(UserError, match="another process trains"),
    ):
        RunFolder.reserve(again)
    assert RunFolder.reserve(again).state == "interrupted"


def test_what_came_into_a_folder_while_the_text_was_prepared_stays(tmp_path):
    config = Config(name="x", output_dir=str(tmp_path))
    mine = RunFolder.reserve(config)
    with RunFolder.reserve(config).opened(config, Vocabulary.fit("ab")):
        pass
    mine.metrics.write_text("{}")
    with pytest.raises(UserError, match="choose another name, replace it with --overwrite"):  # noqa: SIM117
        with mine.opened(config, Vocabulary.fit("ab")):
            pass
    resumed = dataclasses.replace(config, resume=True)
    with pytest.raises(UserError, match="another process has finished"):  # noqa: SIM117
        with mine.opened(resumed, Vocabulary.fit("ab")):
            pass
    assert {path.name for path in mine.path.iterdir()} == {"flags.txt", "vocabulary.json", "metrics.json"}


def test_a_loss_that_unknown_characters_flatter_says_so(folder):
    file = folder / "finished" / "metrics.json"
    metrics = json.loads(file.read_text())
    metrics["test"] |= {"characters": 1000, "unknown_characters": 820}
    file.write_text(json.dumps(metrics))
    assert "1.6250 (82.0% unknown)" in command("char_lstm_tf.runs", f"--output_dir={folder}").stdout


def test_those_who_look_at_a_run_do_not_hold_up_each_other_or_a_run_that_starts(folder):
    run = RunFolder(folder / "finished")
    descriptor = os.open(run.path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # somebody looks
        assert run.state == "finished"
        threading.Timer(0.3, lambda: fcntl.flock(descriptor, fcntl.LOCK_UN)).start()
        RunFolder.reserve(OutputConfig(name="finished", output_dir=str(folder), overwrite=True))
    finally:
        os.close(descriptor)
