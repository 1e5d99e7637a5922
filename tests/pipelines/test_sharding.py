"""Two real worker processes on loopback share one epoch."""

import json
import os
import socket
import subprocess
import sys

import pytest
from conftest import ROOT, FakeSource

from pipelines import corpus

WORKER = """
import json, sys
import tensorflow as tf
from pathlib import Path
from pipelines.batches import Batching, id_windows
from pipelines.corpus import Corpus

strategy = tf.distribute.MultiWorkerMirroredStrategy()
ids = Corpus.load(Path(sys.argv[1])).split("train")
batching = Batching("shuffled", batch_size=4, window=8, stride=8)
epoch = strategy.experimental_distribute_dataset(id_windows(ids, batching, steps=batching.steps_per_epoch(ids)))
seen = [row for batch in epoch for part in strategy.experimental_local_results(batch) for row in part.numpy().tolist()]
print(json.dumps(seen))
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


@pytest.mark.slow
def test_auto_sharding_gives_two_workers_every_window_once_between_them(tmp_path):
    text = "".join(chr(256 + number) for number in range(400))  # every window is another one
    prepared = corpus.prepare([FakeSource([text])], split=(1, 0, 0), folder=tmp_path)
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(prepared.folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ
            | {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})},
        )
        for index in range(2)
    ]
    first, second = (json.loads(worker.communicate(timeout=120)[0].splitlines()[-1]) for worker in workers)
    starts = sorted(row[0] for row in first + second)
    assert starts == list(range(1, 392, 8))  # 49 windows, each once
    assert len(first) > 10
    assert len(second) > 10
