"""Several devices of one machine train a model together. Two CPUs that TensorFlow pretends to have stand for GPUs."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT, verse

PROGRAM = """
import dataclasses, json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.training.fitting.step import train_function
from char_lstm_tf.training.run import Run
from char_lstm_tf.runs.text import prepare_text
from char_lstm_tf.training.workers import ALONE, Workers

flags = dict(units=(16, 16), batch_size=12, window=16, seed=3, teacher=tuple(sys.argv[2:])) | json.loads(sys.argv[1])
found = []
for name in ("alone", "mirrored", "resumed"):
    strategy = None if name == "alone" else tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    workers = Workers(strategy=strategy) if strategy else ALONE
    plan = plan_run(name="run", text=("verse.txt",), output_dir=name, data_dir=name, **flags)
    plan.folder.path.mkdir(parents=True)
    text = prepare_text(plan)

    def run_to(steps, restored=False):
        run = Run(plan, text, workers)
        if restored:
            run.fitting.restore()
        else:
            run.checkpoints.share()
        step = train_function(run.model, run.state, workers=workers, teachers=run.teachers)
        first = run.fitting.progress.step
        batches = iter(run.objective.batches.dataset(first, steps))
        for _ in range(first, steps):
            step(batches)
        run.checkpoints.save(dataclasses.replace(run.fitting.progress, step=steps))
        return run

    if name == "resumed":
        run_to(70)
    run = run_to(165, restored=name == "resumed")
    if name == "mirrored":
        seeds = [v for v in run.model.non_trainable_variables if v.path.endswith("seed_generator_state")]
        print(json.dumps([[value.tolist() for _, value in workers.values_here(seed)] for seed in seeds]))
    weights = [float(tf.norm(weight)) for weight in run.model.trainable_variables]
    found.append([float(run.state.means["loss"].result()), *weights])
print(json.dumps(found))
"""


def trained_thrice(folder, flags, *teachers):
    """Returns the seeds of the devices, and the loss and weights of a run alone, on two devices, and resumed there."""
    (folder / "verse.txt").write_text(verse(1000))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(flags), *teachers],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        env={"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert done.returncode == 0, done.stderr
    return map(json.loads, done.stdout.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [{}, {"batching": "shuffled"}, {"dropout": 0.3}, {"documents": "lines", "cell": "gru"}, {"optimizer": "muon"}],
    ids=["stream", "short last batch", "dropout", "documents", "muon"],
)
def test_two_devices_train_as_one_and_resume_exactly(tmp_path, flags):
    seeds, (alone, mirrored, resumed) = trained_thrice(tmp_path, flags)
    assert seeds
    for (number, count), other in seeds:  # each replica draws its own, equally often
        assert other == [number + 1, count]
    # Dropout differs by replica, so its losses differ, but not by much.
    assert mirrored == pytest.approx(alone, rel=0.05 if "dropout" in flags else 1e-4)
    assert resumed == pytest.approx(mirrored, rel=1e-6)


@pytest.mark.slow
def test_two_devices_learn_from_a_teacher_as_one_and_resume_exactly(tmp_path, trained):
    _, (alone, mirrored, resumed) = trained_thrice(tmp_path, {}, str(trained))
    assert mirrored == pytest.approx(alone, rel=1e-4)
    assert resumed == pytest.approx(mirrored, rel=1e-6)
