"""NVIDIA Triton, a real server, serves the SavedModel: many clients at once get what each would get alone."""

import json
import random
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
import tensorflow as tf
from conftest import ROOT

PYTHON = ROOT / ".venv-triton" / "bin" / "python"
TYPES = {"BYTES": tf.string, "INT32": tf.int32, "INT64": tf.int64, "FP32": tf.float32}
INPUTS = {"prompt": "BYTES", "num_chars": "INT32", "temperature": "FP32", "top_k": "INT32", "top_p": "FP32"}
INPUTS |= {"seed": "INT64"}
CLIENTS, REQUESTS = 16, 320

pytestmark = [
    pytest.mark.serving,
    pytest.mark.skipif(
        not PYTHON.exists(), reason="no NVIDIA Triton: make .venv-triton/installed needs a Python 3.11 such as Debian's"
    ),
]


@pytest.fixture(scope="module")
def server(trained):
    """The address of a server of the trained model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [PYTHON, ROOT / "examples" / "triton_server.py", trained / "1", port]
    process = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/v2/models"
    try:
        until = time.monotonic() + 100
        while not is_ready(f"{address}/next_char/ready"):  # the last one that it offers
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


def is_ready(address):
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def infer(address, **inputs):
    """Returns the outputs of one row by name; inputs are (type, value)."""
    tensors = [
        {"name": name, "shape": [1, 1], "datatype": kind, "data": [value]} for name, (kind, value) in inputs.items()
    ]
    request = urllib.request.Request(f"{address}/infer", json.dumps({"inputs": tensors}).encode())
    with urllib.request.urlopen(request) as answer:
        return {output["name"]: output["data"] for output in json.load(answer)["outputs"]}


def test_sixteen_clients_get_the_texts_that_the_model_writes_alone(server, trained):
    loaded = tf.saved_model.load(str(trained / "1"))
    chance = random.Random(1)
    values = [
        {
            "prompt": chance.choice(["", "the old ", "And every boat", "\u4e2d"]),
            "num_chars": chance.randrange(40),
            "temperature": chance.choice([0.0, 0.5, 1.0]),
            "top_k": chance.choice([0, 3]),
            "top_p": chance.choice([1.0, 0.9]),
            "seed": chance.randrange(1000),
        }
        for _ in range(REQUESTS)
    ]

    def ask(row):
        return infer(f"{server}/generate", **{name: (kind, row[name]) for name, kind in INPUTS.items()})["text"][0]

    with ThreadPoolExecutor(CLIENTS) as clients:
        texts = list(clients.map(ask, values))
    columns = {name: tf.constant([row[name] for row in values], TYPES[kind]) for name, kind in INPUTS.items()}
    expected = [text.decode() for text in loaded.signatures["generate"](**columns)["text"].numpy()]
    assert texts == expected


def test_scores_are_those_of_the_model(server, trained):
    loaded = tf.saved_model.load(str(trained / "1"))
    texts = ["the old river\n" * count + "hill" for count in range(40)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        found = list(clients.map(lambda text: infer(f"{server}/score", text=("BYTES", text)), texts))
    expected = loaded.signatures["score"](text=tf.constant(texts))
    assert [row["characters"][0] for row in found] == expected["characters"].numpy().tolist()
    assert [row["nats_per_char"][0] for row in found] == pytest.approx(expected["nats_per_char"].numpy(), rel=1e-5)


def test_a_value_out_of_range_is_refused_with_its_sentence(server):
    row = {"prompt": "a", "num_chars": 5, "temperature": -1.0, "top_k": 0, "top_p": 1.0, "seed": 1}
    with pytest.raises(urllib.error.HTTPError) as refused:
        infer(f"{server}/generate", **{name: (kind, row[name]) for name, kind in INPUTS.items()})
    assert "temperature must be a number of at least 0" in refused.value.read().decode()
    refused.value.close()
