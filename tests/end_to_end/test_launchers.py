"""The files in examples/workers start workers that find each other."""

import os
import socket
import subprocess
import sys

import pytest
from conftest import ROOT, TINY, verse

from char_lstm_tf.runs.cluster import Cluster

WORKERS = ROOT / "examples" / "workers"
RAY = ROOT / ".venv-ray" / "bin" / "python"
KUBERNETES = "1.34"


@pytest.fixture
def flags(tmp_path):
    (tmp_path / "verse.txt").write_text(verse(300))
    paths = [f"--text={tmp_path}/verse.txt", "--name=run", f"--output_dir={tmp_path}", f"--data_dir={tmp_path}/data"]
    return [*paths, "--epochs=1", *TINY]


def free_port(count=1):
    """Returns the first of so many ports in a row that nothing listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return port - count


def finished(folder, *outputs):
    assert (folder / "run" / "metrics.json").is_file(), outputs
    return True


@pytest.mark.slow
def test_over_ssh(tmp_path, flags):
    """With a shell in place of SSH."""
    (tmp_path / "ssh").write_text('#!/bin/sh\necho "to $1" >&2; shift; exec sh -c "$*"\n')
    (tmp_path / "ssh").chmod(0o755)
    port = free_port(2)
    flags.append("--sample_prompt=it's")  # has to arrive as it is
    done = subprocess.run(
        [WORKERS / "over_ssh.sh", f"127.0.0.1:{port} localhost:{port + 1}", *flags],
        env=os.environ | {"SSH": str(tmp_path / "ssh"), "FOLDER": str(ROOT), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert "to localhost" in done.stderr
    assert "worker 1: all 2 are there" in done.stderr
    assert 'prompt "it\'s"' in done.stdout
    assert finished(tmp_path)


@pytest.mark.slow
def test_on_slurm(tmp_path, flags):
    """With the variables that SLURM sets in the tasks of a step of two tasks on one node."""
    port = free_port(2)
    slurm = {
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_TASKS_PER_NODE": "2",
    }
    tasks = [
        subprocess.Popen(
            [WORKERS / "on_slurm.sh", *flags],
            env=os.environ | slurm | {"SLURM_PROCID": str(number), "PORT": str(port), "PYTHON": sys.executable},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    ends = [(task.communicate(timeout=200)[1], task.returncode) for task in tasks]
    assert [status for _, status in ends] == [0, 0], ends
    assert finished(tmp_path, ends)


@pytest.mark.slow
@pytest.mark.skipif(not RAY.exists(), reason="no Ray: make .venv-ray/installed")
def test_on_ray(tmp_path, flags):
    """A local Ray of two cores."""
    done = subprocess.run(
        [RAY, WORKERS / "on_ray.py", "2", *flags],
        env=os.environ | {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert finished(tmp_path, done.stdout, done.stderr)


@pytest.mark.serving
def test_the_kubernetes_objects_fit_their_schemas():
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    yaml = pytest.importorskip("yaml")
    service, job = yaml.safe_load_all((WORKERS / "kubernetes.yaml").read_text())
    for each in (service, job):
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    broken = {**job, "spec": {**job["spec"], "completionMode": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, KUBERNETES, strict=True)
    name, spec = job["metadata"]["name"], job["spec"]
    assert spec["completions"] == spec["parallelism"] == 2
    assert spec["template"]["spec"]["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": name}


def test_the_script_of_kubernetes_names_all_pods(tmp_path):
    """Run with a `python` that shows what it was given."""
    text = (WORKERS / "kubernetes.yaml").read_text()
    script = text[text.index("workers=2") : text.index("resources:")]
    (tmp_path / "python").write_text('#!/bin/sh\necho "$TF_CONFIG"; echo "$@" >&2\n')
    (tmp_path / "python").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "JOB_COMPLETION_INDEX": "1"},
        capture_output=True,
        text=True,
    )
    assert Cluster.from_environment({"TF_CONFIG": done.stdout}) == Cluster(
        ("char-lstm-0.char-lstm:12345", "char-lstm-1.char-lstm:12345"), 1
    )
    assert done.stderr.split()[:3] == ["-m", "char_lstm_tf.train", "--resume"]
