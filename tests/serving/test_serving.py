"""Runtimes that don't have our code read a trained, exported and moved model: the same logits, the same text."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, command

from char_lstm_tf.serving import warmup

CHARS, SEED, PROMPT = 150, 5, "the old "
TEMPERATURE = 0.8  # the C program's, too
SAVED_MODEL_CLI = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
IDS = np.int32([[1, 9], [4, 3], [0, 5], [7, 7]] * 5)  # [T, B], read one after the other


def run(*words: object, cwd: Path) -> str:
    """Runs a command outside of the repository and returns what it printed."""
    done = subprocess.run(list(map(str, words)), cwd=cwd, capture_output=True, timeout=200)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def moved(trained, tmp_path_factory):
    """The SavedModel in a folder of its own, outside of its run."""
    return shutil.copytree(trained / "1", tmp_path_factory.mktemp("elsewhere") / "model")


@pytest.fixture(scope="module")
def loaded(moved):
    return tf.saved_model.load(str(moved))


@pytest.fixture(scope="module")
def texts(trained):
    """What the command line writes for two seeds."""
    done = command(
        "char_lstm_tf.sample",
        f"--model={trained}",
        f"--prompt={PROMPT}",
        f"--chars={CHARS}",
        f"--temperature={TEMPERATURE}",
        f"--seed={SEED}",
        "--num_samples=2",
    )
    parts = done.stdout.split("━━ seed ")[1:]
    return [part.split("\n", 1)[1].removeprefix(PROMPT)[:CHARS] for part in parts]


@pytest.fixture(scope="module")
def states(loaded):
    """Zeros for `step`, by name."""
    inputs = loaded.signatures["step"].structured_input_signature[1]
    return {name: np.zeros([2, spec.shape[1]], "f") for name, spec in inputs.items() if name != "ids"}


def logits_of(step, states):
    """Returns the logits of reading `IDS`, `[T, B, V]`; step: ids and states → its outputs by name."""
    logits = []
    for ids in IDS:
        outputs = step({"ids": ids, **states})
        states = {name: np.asarray(outputs[f"new_{name}"]) for name in states}
        logits.append(np.asarray(outputs["logits"]))
    return np.array(logits)


@pytest.fixture(scope="module")
def logits(loaded, states):
    def step(inputs):
        return loaded.signatures["step"](**{name: tf.constant(value) for name, value in inputs.items()})

    return logits_of(step, states)


def test_loaded_in_python(loaded, texts):
    written = loaded.signatures["generate"](
        prompt=tf.constant([PROMPT] * 2),
        num_chars=tf.fill([2], CHARS),
        temperature=tf.fill([2], TEMPERATURE),
        top_k=tf.fill([2], 0),
        top_p=tf.fill([2], 1.0),
        seed=tf.constant([SEED, SEED + 1], tf.int64),
    )["text"]
    assert [text.decode() for text in written.numpy()] == texts
    assert [len(text) for text in texts] == [CHARS, CHARS]


@pytest.mark.serving
def test_a_c_program_writes_the_same(moved, loaded, texts):
    folder = Path(tf.__file__).parent
    program = moved.parent / "generate"
    libraries = ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2", f"-Wl,-rpath,{folder}"]
    compile = ["gcc", "-Wall", "-Wextra", "-Werror", ROOT / "tests" / "serving" / "generate.c", "-o", program]
    run(*compile, "-isystem", folder / "include", f"-L{folder}", *libraries, cwd=moved.parent)
    output = "StatefulPartitionedCall:0"
    assert output in run(
        *SAVED_MODEL_CLI, "show", "--dir", moved, "--tag_set", "serve",
        "--signature_def", "generate", cwd=moved.parent,
    )  # fmt: skip
    assert run(program, moved, output, PROMPT, CHARS, SEED, cwd=moved.parent).split("\0") == [*texts, ""]


@pytest.mark.slow
def test_saved_model_cli_writes_the_same_and_gives_the_same_logits(moved, texts, states, logits, tmp_path):
    def call(signature, *words):
        model = ["--dir", moved, "--tag_set", "serve", "--signature_def", signature, *words]
        return run(*SAVED_MODEL_CLI, "run", *model, cwd=tmp_path)

    values = {"num_chars": CHARS, "temperature": TEMPERATURE, "top_k": 0, "top_p": 1.0}
    inputs = ";".join(f"{name}={[value] * 2}" for name, value in values.items())
    prompts = f"prompt={[PROMPT] * 2};seed={[SEED, SEED + 1]};{inputs}"
    printed = call("generate", "--input_exprs", prompts)
    for text in texts:
        assert repr(text.encode()) in printed

    np.savez(tmp_path / "inputs.npz", ids=IDS[0], **states)
    given = ";".join(f"{name}={tmp_path}/inputs.npz[{name}]" for name in ("ids", *states))
    call("step", "--inputs", given, "--outdir", tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), logits[0], atol=1e-5)


def test_messages_of_tensorflow_serving_batched_as_its_server_would(loaded, texts):
    from tensorflow_serving.apis import predict_pb2

    signature = loaded.signatures["generate"]
    requests = []
    for seed in (SEED, SEED + 1):  # of two clients
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "tiny", "generate"
        for name, value in {
            "prompt": [PROMPT],
            "num_chars": np.int32([CHARS]),
            "temperature": np.float32([TEMPERATURE]),
            "top_k": np.int32([0]),
            "top_p": np.float32([1]),
            "seed": np.int64([seed]),
        }.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        requests.append(predict_pb2.PredictRequest.FromString(request.SerializeToString()))
    inputs = {
        name: np.concatenate([tf.make_ndarray(request.inputs[name]) for request in requests])
        for name in requests[0].inputs
    }
    outputs = signature(**{name: tf.constant(value) for name, value in inputs.items()})
    for row, text in enumerate(texts):  # split again, one row a client
        response = predict_pb2.PredictResponse()
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()[row : row + 1]))
        response = predict_pb2.PredictResponse.FromString(response.SerializeToString())
        assert tf.make_ndarray(response.outputs["text"])[0].decode() == text


def test_warm_up_requests_are_what_the_server_replays(moved, loaded):
    from tensorflow_serving.apis import prediction_log_pb2

    replayed = set()
    for record in tf.data.TFRecordDataset(str(moved / warmup.FILE)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        assert all(len(value) for value in loaded.signatures[request.model_spec.signature_name](**inputs).values())
        replayed.add(request.model_spec.signature_name)
    assert replayed == set(loaded.signatures)
