"""What several tests need: a text of our own, a tiny trained run, commands run as a user runs them."""

import dataclasses
import fcntl
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import forked
import pytest

from pipelines.sources import Document

ROOT = Path(__file__).parent.parent
TINY = ["--units=16,16", "--batch_size=4", "--window=16", "--sample_chars=40", "--seed=3"]


def verse(lines: int, seed: int = 0) -> str:
    """Returns lines of made-up verse, each different, in 30-odd characters."""
    chance = random.Random(seed)
    words = "the old river runs below a quiet hill and every boat upon it dreams of open sea".split()  # noqa: SIM905
    return "".join(
        " ".join(chance.choices(words, k=7)).capitalize() + ",;.!"[chance.randrange(4)] + "\n" for _ in range(lines)
    )


@dataclasses.dataclass
class FakeSource:
    """A source of texts that counts how often it is read."""

    texts: list[str]
    name: str = "fake"
    read: int = 0

    def fingerprint(self) -> str:
        return repr(self.texts)

    def documents(self) -> Iterator[Document]:
        self.read += 1
        yield from map(Document, self.texts)


@dataclasses.dataclass
class LabelledSource:
    """A source of pairs of a label and a text."""

    pairs: list[tuple[str, str]]
    name: str = "labelled"

    def fingerprint(self) -> str:
        return repr(self.pairs)

    def documents(self) -> Iterator[Document]:
        for label, text in self.pairs:
            yield Document(text, label=label)


def free_ports(count: int) -> list[int]:
    """Returns ports of this machine that nothing listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def command(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """Runs `python -m …` in a process of its own."""
    return forked.command(*words, cwd=cwd)


def run_python(program: str, *arguments: str) -> list[str]:
    """Returns the lines that a program prints, in a process of its own."""
    options = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 200}
    done = subprocess.run([sys.executable, "-c", program, *arguments], **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """The calls of our LSTM layer that it didn't leave to Keras."""
    from char_lstm_tf.models.recurrent import layer as layers

    calls, lstm = [], layers.lstm

    def counted(*arguments, **options):
        calls.append(arguments)
        return lstm(*arguments, **options)

    monkeypatch.setattr(layers, "lstm", counted)
    return calls


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores, and rows enough for both in the smallest batch."""
    from char_lstm_tf.models import cores

    monkeypatch.setattr(cores, "MIN_ROWS", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(2))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two epochs, made by the command, once for all processes that test side by side."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "runs" / "tiny" / "metrics.json").exists():
            _train(folder)
    return folder / "runs" / "tiny"


def _train(folder: Path) -> None:
    folder.mkdir()
    (folder / "verse.txt").write_text(verse(300))
    done = command(
        "char_lstm_tf.train",
        f"--text={folder}/verse.txt",
        "--name=tiny",
        f"--output_dir={folder}/runs",
        f"--data_dir={folder}/data",
        "--epochs=2",
        *TINY,
    )
    assert done.returncode == 0, done.stderr
    (folder / "stdout").write_text(done.stdout)
    (folder / "stderr").write_text(done.stderr)
