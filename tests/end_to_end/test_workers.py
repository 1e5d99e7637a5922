"""Real processes on loopback train one model together, and one machine trains it alone."""

import csv
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, free_ports, verse
from forked import Forked

SIZES = ["--units=16,16", "--batch_size=12", "--seed=3"]
OF_TEXT = ["--window=16", "--sample_chars=20"]  # of a model that predicts text
LOST = 4  # the exit status of a worker that has lost another one
SECONDS_TO_END = 20  # after another worker was killed


@dataclasses.dataclass
class Together:
    """Workers that train a run together, each a process with a folder of its own."""

    base: Path
    name: str
    flags: list[str]
    processes: list[Forked] = dataclasses.field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.base / "worker-0" / self.name

    def start(
        self,
        count: int,
        *flags: str,
        text: dict[int, Path] | None = None,
        hosts: Sequence[str] = (),
        **environment: str,
    ) -> "Together":
        ports = free_ports(count)
        named = zip(hosts or ["127.0.0.1"] * count, ports, strict=True)
        addresses = [f"{host}:{port}" for host, port in named]
        self.processes = []
        for index in range(count):
            task = {"type": "worker", "index": index}
            cluster = {"worker": addresses}
            config = {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})} if count > 1 else {}
            home = self.base / f"worker-{index}"
            words = [
                f"--text={(text or {}).get(index, self.base / 'verse.txt')}",
                f"--name={self.name}",
                f"--output_dir={home}",
                f"--data_dir={home}/data",
            ]
            words += [] if "--target=label" in self.flags else OF_TEXT
            words = ["char_lstm_tf.train", *words, *SIZES, *self.flags, *flags]
            self.processes.append(Forked(*words, cwd=self.base, environment=config | environment))
        return self

    def ends(self, seconds: float = 120.0) -> list[tuple[int, str]]:
        """Returns the exit status and what each worker wrote to stderr."""
        until = time.monotonic() + seconds
        try:
            written = [process.communicate(timeout=until - time.monotonic())[1] for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()
                process.communicate()
        return [(process.returncode, lines) for process, lines in zip(self.processes, written, strict=True)]

    def succeed(self, count: int, *flags: str) -> "Together":
        for status, stderr in self.start(count, *flags).ends():
            assert status == 0, stderr
        return self

    def wait_for_checkpoint(self, after: int) -> None:
        until = time.monotonic() + 100
        while not any(int(path.name[5:]) > after for path in self.folder.glob("checkpoints/step-*")):
            assert all(process.poll() is None for process in self.processes), self.ends()
            assert time.monotonic() < until
            time.sleep(0.02)

    def losses(self) -> np.ndarray:
        with (self.folder / "training.csv").open() as file:
            return np.array([[float(row["loss"]), float(row["val_loss"])] for row in csv.DictReader(file)])

    def weights(self) -> bytes:
        return (self.folder / "1" / "variables" / "variables.data-00000-of-00001").read_bytes()


@pytest.fixture
def together(tmp_path):
    (tmp_path / "verse.txt").write_text(verse(1500))

    def make(name: str, *flags: str) -> Together:
        return Together(tmp_path, name, list(flags))

    return make


# 48,000 characters, so an epoch of a stream has 200 steps, and one of shuffled windows has a short last batch. The
# documents are lines, and their labels are their last characters.
KINDS = {
    "stream": ["--epochs=1"],
    "shuffled": ["--batching=shuffled", "--epochs=1"],
    "embedding": ["--encoding=embedding", "--embedding_size=8", "--global_clipnorm=0.1", "--average=0.9", "--epochs=1"],
    "documents": ["--documents=lines", "--cell=gru", "--epochs=1"],
    "words": ["--tokens=words", "--sampled_softmax=20", "--batching=shuffled", "--epochs=3"],
    "muon": ["--optimizer=muon", "--units=16,16", "--max_steps=100"],
    "penalties": ["--architecture=functional", "--l2=0.001", "--optimizer=adam", "--max_steps=100"],
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("stream", 3), *((kind, 2) for kind in KINDS)])
def test_workers_get_the_losses_of_one_machine(together, kind, count):
    alone = together("alone", *KINDS[kind]).succeed(1)
    several = together("several", *KINDS[kind]).succeed(count)
    np.testing.assert_allclose(several.losses(), alone.losses(), rtol=3e-5)
    assert not (several.base / "worker-1" / "several").exists()  # the chief alone writes


@pytest.mark.slow
def test_workers_learn_from_a_teacher_as_one_machine_does(together, trained):
    flags = [f"--teacher={trained}", "--max_steps=100"]
    alone, several = together("alone", *flags).succeed(1), together("several", *flags).succeed(2)
    np.testing.assert_allclose(several.losses(), alone.losses(), rtol=3e-5)


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [("[::1]", "[::1]"), ("localhost", "127.0.0.1")], ids=["IPv6", "a proxy"])
def test_workers_connect_directly_by_names_and_by_ipv6(together, hosts):
    if "[::1]" in hosts and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    run = together("direct", "--max_steps=20", "--units=8", "--sample_chars=0")
    ends = run.start(2, hosts=hosts, http_proxy=nobody, https_proxy=nobody, grpc_proxy=nobody, no_proxy="").ends(240)
    for status, stderr in ends:
        assert status == 0, stderr
        assert "grpc_proxy is set, but the workers connect to each other directly" in stderr


# It meets the others, and then isn't there.
MEETS = "import time; from char_lstm_tf.runs.cluster import Cluster; Cluster.from_environment().meet(); time.sleep(300)"
IMPATIENT = """
import runpy
from char_lstm_tf.training.workers import starting
starting.SECONDS_TO_START = 3
runpy.run_module("char_lstm_tf.train", run_name="__main__", alter_sys=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("index", "ends_by"), [(0, None), (1, None), (0, signal.SIGTERM), (1, signal.SIGINT)])
def test_waiting_for_tensorflow_to_start_ends(tmp_path, index, ends_by):
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    environments = [
        os.environ | {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"index": number}})} for number in range(2)
    ]
    (tmp_path / "verse.txt").write_text(verse(100))
    start = ["-m", "char_lstm_tf.train"] if ends_by else ["-c", IMPATIENT]
    words = ["--text=verse.txt", "--name=x", *SIZES, *OF_TEXT]
    with subprocess.Popen([sys.executable, "-c", MEETS], env=environments[1 - index], cwd=ROOT) as other:
        worker = subprocess.Popen(
            [sys.executable, *start, *words],
            env=environments[index] | {"PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        if ends_by:
            time.sleep(30)  # until it has imported TensorFlow
            assert worker.poll() is None
            worker.send_signal(ends_by)
        try:
            _, stderr = worker.communicate(timeout=90)
        finally:
            worker.kill()
            other.kill()
    expected = {None: 1, signal.SIGTERM: -signal.SIGTERM, signal.SIGINT: 130}
    assert worker.returncode == expected[ends_by], stderr
    if not ends_by:
        assert f"TF_CONFIG: cluster: worker {index} has met all others, but TensorFlow can't reach" in stderr
        assert "Traceback" not in stderr


@pytest.mark.slow
def test_labels_are_learnt_as_on_one_machine(together):
    """Batches of 12 of whole documents, the last of which has fewer rows than there are workers."""
    for name, flags in {
        "told": [],
        "answered": ["--target=label", "--tokens=words", "--pieces_and_pairs", "--linear"],
    }.items():
        flags = ["--documents=rows", "--text_field=text", "--labels=field", "--label_field=label", *flags]
        runs = []
        for count in (1, 3):
            run = together(f"{name}{count}", "--epochs=2", *flags)
            lines = [line for line in verse(3010).splitlines() if line[-1] in ",."]
            rows = [f"{line}\t{'comma' if line.endswith(',') else 'stop'}" for line in lines]
            table = run.base / "rows.tsv"
            table.write_text("text\tlabel\n" + "\n".join(rows) + "\n")
            texts = dict.fromkeys(range(count), table)
            for status, stderr in run.start(count, text=texts).ends():
                assert status == 0, stderr
            runs.append(run)
        np.testing.assert_allclose(runs[1].losses(), runs[0].losses(), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_after_a_killed_worker_the_others_end_and_a_resumed_run_is_as_if_nothing_had_happened(together, victim):
    flags = ["--dropout=0.2", "--epochs=3", "--checkpoint_steps=20"]
    undisturbed = together("undisturbed", *flags).succeed(2)
    killed = together("killed", *flags).start(2)
    killed.wait_for_checkpoint(after=60)
    killed.processes[victim].send_signal(signal.SIGKILL)
    since = time.monotonic()
    ends = killed.ends()
    assert time.monotonic() - since < SECONDS_TO_END
    status, stderr = ends[1 - victim]
    assert status == LOST
    last = stderr.strip().splitlines()[-1]
    assert "lost another worker; start all of them again with --resume" in last
    assert "Traceback" not in stderr
    resumed = killed.succeed(2, "--resume")
    assert (resumed.losses() == undisturbed.losses()).all()
    assert resumed.weights() == undisturbed.weights()


@pytest.mark.slow
def test_a_frozen_worker_is_lost_too(together):
    run = together("frozen", "--epochs=50").start(2)
    run.wait_for_checkpoint(after=-1)
    run.processes[1].send_signal(signal.SIGSTOP)
    since = time.monotonic()
    _, stderr = run.processes[0].communicate(timeout=60)
    assert time.monotonic() - since < SECONDS_TO_END
    run.processes[1].kill()
    run.processes[1].communicate()
    assert run.processes[0].returncode == LOST, stderr


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 3)])
def test_another_number_of_workers_goes_on_from_a_checkpoint(together, before, after):
    """The rows of a stream take their states with them, so only the order of the sums differs."""
    flags = ["--epochs=2", "--checkpoint_steps=20"]
    alone = together("alone", *flags).succeed(1)
    moved = together("moved", *flags).start(before)
    moved.wait_for_checkpoint(after=60)
    for process in moved.processes:
        process.send_signal(signal.SIGKILL)
    moved.ends()
    assert not (moved.folder / "metrics.json").exists()
    np.testing.assert_allclose(moved.succeed(after, "--resume").losses(), alone.losses(), rtol=3e-5)


@pytest.mark.slow
@pytest.mark.parametrize("asked", [0, 1])
def test_a_signal_to_one_worker_stops_all_at_the_same_step(together, asked):
    run = together("stopped", "--epochs=50", "--checkpoint_steps=20").start(2)
    run.wait_for_checkpoint(after=20)
    run.processes[asked].send_signal(signal.SIGTERM)
    ends = run.ends()
    stopped = [lines.strip().splitlines()[-1] for _, lines in ends]
    assert [status for status, _ in ends] == [143, 143], ends
    assert stopped[0].partition("; continue")[0] == stopped[1].partition("; continue")[0]  # the folders differ
    assert "SIGTERM: stopped after step" in stopped[0]


@pytest.mark.slow
def test_sigterm_ends_a_worker_that_only_waits(together):
    """TensorFlow's own handler would swallow it. The chief reads a text that doesn't come."""
    run = together("waiting")
    os.mkfifo(run.base / "pipe.txt")
    run.start(2, text={0: run.base / "pipe.txt"})
    time.sleep(20)
    assert [process.poll() for process in run.processes] == [None, None]
    run.processes[1].send_signal(signal.SIGTERM)
    run.processes[1].communicate(timeout=20)
    assert run.processes[1].returncode == -signal.SIGTERM
    run.processes[0].kill()
    run.processes[0].communicate()


@pytest.mark.slow
def test_a_diverged_run_rolls_back_in_all_workers(together):
    flags = ["--optimizer=sgd", "--learning_rate=3e38", "--clipnorm=0", "--schedule=constant", "--epochs=1"]
    ends = together("diverged", *flags).start(2).ends()
    assert [status for status, _ in ends] == [3, 3], ends
    flags += ["--on_divergence=rollback", "--max_rollbacks=2"]
    ends = together("rolled", *flags).start(2).ends()
    assert [status for status, _ in ends] == [3, 3], ends
    assert ends[0][1].count("learning rate times") == 2


@pytest.mark.slow
def test_another_text_on_one_worker_is_refused_before_the_first_step(together):
    run = together("other")
    other = run.base / "other.txt"
    other.write_text(verse(1500, seed=1))
    ends = run.start(3, text={2: other}).ends()
    for status, stderr in ends:
        assert status == 1
        assert "worker 2: not the text of worker 0; all workers need the same" in stderr.splitlines()[-1]
    assert not run.folder.exists()


@pytest.mark.slow
def test_a_finished_run_is_finished_for_all_workers(together):
    run = together("finished", "--max_steps=20").succeed(2).succeed(2, "--resume")
    assert (run.folder / "metrics.json").exists()


def test_a_batch_that_workers_cannot_divide_is_refused(together):
    ends = together("odd").start(2, "--batch_size=13").ends()
    for status, stderr in ends:
        assert status == 1
        assert "--batch_size=13: is the size of the whole batch" in stderr
        assert "12 and 14 can" in stderr
