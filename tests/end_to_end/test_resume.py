"""Real training processes, killed and faulted, end as the one that was left alone."""

import dataclasses
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import verse
from forked import Forked

from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.inference.writing import Writer
from char_lstm_tf.models.build import load
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.serving import export
from char_lstm_tf.training import run as run_module
from char_lstm_tf.training.callbacks.clock import Clock
from char_lstm_tf.training.fitting.divergence import DivergedError
from char_lstm_tf.training.fitting.signals import SIGNALS, Signals, StoppedError
from char_lstm_tf.training.train import train

FLAGS = ["--units=16", "--dropout=0.2", "--batch_size=4"]
OF_TEXT = ["--window=16", "--sample_chars=40"]
SAME = ["training.csv", "steps.csv", "samples.txt", "vocabulary.json", "1/variables/variables.data-00000-of-00001"]


@dataclasses.dataclass
class Run:
    """A training process, as often as it is started."""

    text: Path
    folder: Path
    flags: list[str]
    of_model: list[str] = dataclasses.field(default_factory=lambda: OF_TEXT)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def start(self, *flags: str) -> Forked:
        words = [
            f"--text={self.text}",
            f"--name={self.folder.name}",
            f"--output_dir={self.folder.parent}",
            f"--data_dir={self.text.parent}/data",
            *FLAGS,
            *self.of_model,
            *self.flags,
            *flags,
        ]
        return Forked("char_lstm_tf.train", *words, cwd=self.text.parent)

    def end(self, *flags: str) -> None:
        process = self.start(*flags)
        _, stderr = process.communicate(timeout=200)
        assert process.returncode == 0, stderr

    def step(self) -> int:
        """Returns the step of the newest checkpoint, -1 before the first one."""
        return max((int(path.name[5:]) for path in self.checkpoints.glob("step-*")), default=-1)

    def kill(self, process: Forked, number: signal.Signals) -> tuple[int, str]:
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
        return process.returncode, stderr


def wait_for(condition, process, seconds=100.0):
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.0005)


def assert_same(run: Run, other: Run, *, names: Sequence[str] = SAME) -> None:
    for name in names:
        assert (run.folder / name).read_bytes() == (other.folder / name).read_bytes(), name


def undisturbed(folder: Path, *, lines: int, epochs: int) -> Run:
    """Returns a run of `lines` / 2 steps per epoch, finished."""
    (folder / "verse.txt").write_text(verse(lines))
    flags = [f"--epochs={epochs}", "--checkpoint_steps=50", "--keep=3"]
    run = Run(folder / "verse.txt", folder / "runs" / "alone", flags)
    run.end()
    return run


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Run:
    return undisturbed(tmp_path_factory.mktemp("resume"), lines=600, epochs=2)


@pytest.fixture(scope="module")
def long_alone(tmp_path_factory) -> Run:
    return undisturbed(tmp_path_factory.mktemp("resume"), lines=2500, epochs=5)


@pytest.fixture
def run(alone, tmp_path) -> Run:
    return dataclasses.replace(alone, folder=tmp_path / "runs" / "killed")


def test_killed_while_it_saves_and_asked_to_stop_it_ends_as_if_nothing_had_happened(alone, run):
    process = run.start()
    wait_for(lambda: run.step() >= 100, process)
    second = run.start("--overwrite")
    assert second.wait(timeout=60) == 1
    assert "another process trains" in second.communicate()[1]
    wait_for(lambda: list(run.checkpoints.glob(".aside-*")), process)
    assert run.kill(process, signal.SIGKILL)[0] == -signal.SIGKILL
    killed_at = run.step()

    process = run.start("--resume")
    wait_for(lambda: run.step() > killed_at, process)
    status, stderr = run.kill(process, signal.SIGTERM)
    assert status == 143
    assert f"resuming after step {killed_at}" in stderr
    assert f"SIGTERM: stopped after step {run.step():,}; continue with " in stderr
    assert f" -m char_lstm_tf.train --resume --name=killed --output_dir={run.folder.parent}\n" in stderr
    assert RunFolder(run.folder).state == "interrupted"

    run.end("--resume")
    assert_same(run, alone)
    assert not run.checkpoints.exists()
    assert not list(run.folder.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--encoding=embedding", "--gradient_steps=40", "--optimizer=muon"],
        ["--tokens=words", "--window=3", "--sampled_softmax=9"],
    ],
)
def test_a_run_on_documents_ends_as_if_it_had_not_been_killed(tmp_path, flags):
    (tmp_path / "verse.txt").write_text(verse(200))
    flags = [*flags, "--documents=lines", "--epochs=2", "--checkpoint_steps=20", "--split=0.8,0.1,0.1"]
    alone, run = (Run(tmp_path / "verse.txt", tmp_path / "runs" / name, flags) for name in ("alone", "killed"))
    alone.end()
    process = run.start()
    wait_for(lambda: run.step() >= 100, process)  # in the second epoch
    run.kill(process, signal.SIGKILL)
    run.end("--resume")
    assert_same(run, alone)
    assert not list(run.folder.glob(".*"))


@pytest.mark.slow
def test_a_run_with_a_teacher_ends_as_if_it_had_not_been_killed_even_if_the_teacher_was_trained_again(alone, tmp_path):
    teacher = Run(alone.text, tmp_path / "runs" / "teacher", ["--max_steps=50"])
    teacher.end()
    flags = [*alone.flags, f"--teacher={teacher.folder}"]
    taught, run = (Run(alone.text, tmp_path / "runs" / name, flags) for name in ("taught", "killed"))
    taught.end()
    assert (taught.folder / SAME[-1]).read_bytes() != (alone.folder / SAME[-1]).read_bytes()
    process = run.start()
    wait_for(lambda: run.step() >= 100, process)
    run.kill(process, signal.SIGKILL)
    teacher.end("--overwrite", "--seed=7")
    run.end("--resume")
    assert_same(run, taught)


@pytest.mark.slow
def test_a_run_that_answers_labels_ends_as_if_it_had_not_been_killed(tmp_path):
    lines = verse(600).splitlines()
    (tmp_path / "verse.tsv").write_text("".join(f"{'river' in line}\t{line}\n" for line in lines if line))
    flags = ["--documents=rows", "--text_field=2", "--labels=field", "--label_field=1", "--target=label"]
    flags += ["--tokens=words", "--epochs=3", "--checkpoint_steps=20", "--split=0.8,0.1,0.1", "--dropout=0.2"]
    flags += ["--average=0.9", "--pieces_and_pairs", "--linear"]
    alone, run = (Run(tmp_path / "verse.tsv", tmp_path / "runs" / name, flags, []) for name in ("alone", "killed"))
    alone.end()
    process = run.start()
    wait_for(lambda: run.step() >= 140, process)  # in the second epoch
    run.kill(process, signal.SIGKILL)
    run.end("--resume")
    assert_same(run, alone, names=[name for name in SAME if name != "samples.txt"])  # it writes none


@pytest.mark.slow
def test_killed_twenty_times_it_ends_as_if_nothing_had_happened(long_alone, tmp_path, capsys):
    run = dataclasses.replace(long_alone, folder=tmp_path / "runs" / "killed")
    chance = random.Random(5)
    repeated = []
    for kill in range(20):
        before = run.step()
        process = run.start("--resume")
        if kill % 4 == 3:  # while it starts
            time.sleep(chance.uniform(0, 4))
        else:
            target = before + chance.randrange(60)
            wait_for(lambda target=target: run.step() > target, process)
            if kill % 2:  # at any moment
                time.sleep(chance.uniform(0, 0.2))
            else:
                wait_for(lambda: list(run.checkpoints.glob(".aside-*")), process)
        assert process.poll() is None  # else the run is too short for so many kills
        run.kill(process, signal.SIGKILL)
        repeated.append((run.step(), kill))
    run.end("--resume")
    assert_same(run, long_alone)
    with capsys.disabled():
        print(f"\n{len(repeated)} kills, newest checkpoint at each: {[step for step, _ in repeated]}")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["truncated", "a bit flipped"])
def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(alone, run, how):
    process = run.start()
    wait_for(lambda: run.step() >= 200, process)
    run.kill(process, signal.SIGKILL)
    damaged = run.checkpoints / f"step-{run.step():09d}" / "tensors.data-00000-of-00001"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 4
    damaged.write_bytes(content if how == "a bit flipped" else content[:-1])
    run.end("--resume")
    assert_same(run, alone)


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [60, 160, 300, 400, 450, 500])
def test_a_disk_that_fills_up_at_any_place_ends_the_run_in_one_line(alone, run, kilobytes):
    words = [sys.executable, "-m", "char_lstm_tf.train", f"--text={run.text}", "--name=killed", "--max_steps=150"]
    words += [f"--output_dir={run.folder.parent}", f"--data_dir={run.text.parent}/data", *FLAGS, *OF_TEXT, "--quiet"]
    mounted = "mkdir -p {0} && mount -t tmpfs -o size={1}k tmpfs {0} && {2}; status=$?; ls -A {0}/killed; exit $status"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mounted.format(run.folder.parent, kilobytes, " ".join(words))],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr.splitlines()[-1]
    entries = done.stdout.splitlines()
    assert "1" not in entries
    assert "metrics.json" not in entries


def test_a_user_without_a_home_is_told_so():
    words = ["env", "-u", "HOME", "unshare", "--map-user=54321", sys.executable, "-m", "char_lstm_tf.runs"]
    done = subprocess.run([*words, "--output_dir=~/runs"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("python -m char_lstm_tf.runs: ~/runs: ")
    assert done.stderr.endswith("give a path without ~, or set HOME\n")


@pytest.mark.slow
def test_a_full_disk_costs_nothing_but_the_wait_for_room(alone, run):
    script = (
        "mkdir -p {0} && mount -t tmpfs -o size=400k tmpfs {0} && {{ {1}; echo status $?; "
        "mount -o remount,size=50m {0}; {1} --resume; echo status $?; cp -r {0}/killed {2}; }}"
    )
    words = [sys.executable, "-m", "char_lstm_tf.train", f"--text={run.text}", "--name=killed"]
    words += [f"--output_dir={run.folder.parent}", f"--data_dir={run.text.parent}/data", *FLAGS, *OF_TEXT, *run.flags]
    copy = run.folder.parent.parent / "copy"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script.format(run.folder.parent, " ".join(words), copy)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no file system of a given size here: {done.stderr.splitlines()[0]}")
    assert "No space left on device; the previous checkpoint is kept; make room" in done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("status")] == [
        "status 1",
        "status 0",
    ]
    assert_same(dataclasses.replace(run, folder=copy), alone)


@pytest.mark.slow
def test_a_text_that_has_changed_is_refused(alone, run, tmp_path):
    run.text = Path(shutil.copy(alone.text, tmp_path / "verse.txt"))
    process = run.start()
    wait_for(lambda: run.step() >= 0, process)
    run.kill(process, signal.SIGKILL)
    run.text.write_text(verse(1201))
    process = run.start("--resume")
    assert "the text has changed since the run started" in process.communicate()[1]
    assert process.returncode == 1


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The flags of a short run in this process, whose weights can be spoiled."""
    (tmp_path / "verse.txt").write_text(verse(60))
    monkeypatch.setattr(export, "export", lambda model, vocabulary, path, calibration: path.mkdir())
    monkeypatch.setattr(run_module, "draw_curves", lambda log, steps, path, epoch: path.touch())
    return {
        "text": (f"{tmp_path}/verse.txt",),
        "name": "x",
        "output_dir": str(tmp_path),
        "data_dir": str(tmp_path),
        "split": (0.9, 0.1, 0.0),
        "batch_size": 4,
        "window": 16,
        "units": (8,),
        "epochs": 3,
        "schedule": "constant",
        "sample_chars": 0,
        "quiet": True,
    }


def spoil(monkeypatch, *, epoch, times):
    """Makes a weight NaN at the beginning of an epoch, the first `times` times that it begins."""
    left, begin = [times], Clock.on_epoch_begin

    def on_epoch_begin(self, number, logs=None):
        begin(self, number, logs)
        if number == epoch and left[0]:
            left[0] -= 1
            self.model.layers[-1].bias.assign(np.full(self.model.layers[-1].bias.shape, np.nan))

    monkeypatch.setattr(Clock, "on_epoch_begin", on_epoch_begin)


@pytest.mark.slow
def test_a_diverged_run_goes_back_and_on_with_a_lower_learning_rate(tiny, monkeypatch, capsys):
    spoil(monkeypatch, epoch=1, times=2)
    flags = {"on_divergence": "rollback", "max_rollbacks": 2, "checkpoint_steps": 7, "learning_rate": 0.01}
    plan = plan_run(**tiny, **flags)
    metrics, folder = train(plan).facts(), plan.folder
    assert metrics["validation"]["nats_per_char"] < np.log(30)
    assert "learning rate times 0.5" in (stderr := capsys.readouterr().err)
    assert "learning rate times 0.25" in stderr
    rows = [line.split(",") for line in folder.training_log.read_text().splitlines()]
    rates = [float(row[rows[0].index("learning_rate")]) for row in rows[1:]]
    assert rates == pytest.approx([0.01, 0.0025, 0.0025])
    assert [row[0] for row in rows[1:]] == ["0", "1", "2"]


@pytest.mark.slow
def test_a_run_that_may_not_go_back_stops_with_its_last_good_checkpoint(tiny, monkeypatch):
    spoil(monkeypatch, epoch=1, times=3)
    plan = plan_run(**tiny, on_divergence="rollback", max_rollbacks=2, checkpoint_steps=10)
    folder = plan.folder
    with pytest.raises(DivergedError, match="is NaN or infinite"):
        train(plan)
    assert folder.state == "diverged"
    assert folder.checkpoint_folders()
    assert not folder.metrics.exists()
    train(plan_run(name="x", output_dir=tiny["output_dir"], resume=True))
    assert folder.state == "finished"


@pytest.mark.slow
@pytest.mark.parametrize("interrupted", [(Scorer, "score"), (Writer, "write")], ids=["validation", "samples"])
def test_a_signal_at_the_end_of_an_epoch_ends_the_run_before_that_and_changes_nothing(tiny, monkeypatch, interrupted):
    tiny |= {"sample_chars": 30, "epochs": 4, "learning_rate": 0.3, "plateau_patience": 1, "checkpoint_steps": 7}
    alone = plan_run(**tiny)
    train(alone)
    rates = [row.split(",")[-2] for row in alone.folder.training_log.read_text().splitlines()]

    owner, name = interrupted
    real, calls = getattr(owner, name), []

    def asked_to_stop(self, *given, **options):
        calls.append(given)
        if len(calls) == 1:  # in the first epoch, which is the best so far
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self, *given, **options)

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    monkeypatch.setattr(owner, name, asked_to_stop)
    plan = plan_run(**tiny | {"name": "y"})
    with pytest.raises(StoppedError, match="SIGTERM: stopped after step"):
        train(plan, Signals(*SIGNALS))
    signal.signal(signal.SIGTERM, before)
    train(plan_run(name="y", output_dir=tiny["output_dir"], resume=True))
    for file in ("training_log", "samples"):
        assert getattr(plan.folder, file).read_text() == getattr(alone.folder, file).read_text()
    ours, theirs = (load(TrainedRun.open(each.folder.path)).keras_model.get_weights() for each in (plan, alone))
    assert all(map(np.array_equal, ours, theirs))
    assert len(set(rates)) > 2, rates
