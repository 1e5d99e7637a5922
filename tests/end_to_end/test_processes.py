"""Models in forked, spawned and copied form, and in threads: as servers and pools of processes use them."""

import copy
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import ROOT

import char_lstm_tf
from char_lstm_tf.config.variants import NoEffectError
from char_lstm_tf.inference.adaptive import Adaptation
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.training.fitting.divergence import DivergedError
from char_lstm_tf.training.fitting.signals import StoppedError

OLD = Path(__file__).parent / "old_runs"
SECONDS = 120  # after which something hangs

PARENT = """
import copy, os, pickle, sys, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
import char_lstm_tf

TEXT = "The old river runs below a quiet hill."

def attempt(name, call):
    try:
        result = call()
    except char_lstm_tf.UserError as error:
        result = f"UserError: {error}"
    print(name, "->", result, flush=True)

def forked(name, call):
    sys.stdout.flush()
    child = os.fork()
    if not child:
        attempt(name, call)
        sys.exit(0)  # with all that Python does at its end, as gunicorn's workers
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        time.sleep(0.05)

def nats_of(text):
    return round(MODEL.score([text])[0].nats, 3)
"""


def run(program: str, *words: object, **environment: str) -> str:
    """Runs a program in a process of its own, and returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_forked_process_says_at_once_what_to_do(tmp_path):
    program = """
MODEL = char_lstm_tf.load(sys.argv[1])
MODEL.score([TEXT])
pickled = pickle.dumps(MODEL)
uses = {
    "generate": lambda: MODEL.generate(["The"], chars=3),
    "score": lambda: MODEL.score([TEXT]),
    "next_char": lambda: MODEL.next_char(["The"]),
    "likeliest": lambda: MODEL.likeliest("The", chars=2, width=2),
    "classify": lambda: MODEL.classify([TEXT]),
    "load": lambda: char_lstm_tf.load(sys.argv[1]),
    "train": lambda: char_lstm_tf.train(char_lstm_tf.Config(name="x")),
    "unpickle": lambda: pickle.loads(pickled),
    "deepcopy": lambda: copy.deepcopy(MODEL),
}
for name, call in uses.items():
    forked(name, call)
with get_context("fork").Pool(1) as pool:
    attempt("Pool, its own", lambda: pool.map(nats_of, [TEXT]))
    attempt("Pool, a pickled one", lambda: pool.map(MODEL.score, [[TEXT]]))
with ProcessPoolExecutor(1, get_context("fork")) as pool:
    attempt("executor", lambda: pool.submit(MODEL.score, [TEXT]).result())
print("parent", nats_of(TEXT) > 0)
"""
    *lines, last = run(PARENT + program, OLD / "counts").splitlines()
    assert last == "parent True"
    assert len(lines) == 12
    for line in lines:
        assert " -> UserError: process " in line
        assert "forked from one that had used TensorFlow, which can't work here: load or train in each process" in line


@pytest.mark.slow
def test_a_process_forked_before_tensorflow_is_used_loads_and_scores():
    program = "import tensorflow\nload = lambda: char_lstm_tf.load(sys.argv[1]).next_char(['The'], k=1)\n"
    found = run(
        PARENT + program + "forked('first', load)\nforked('second', load)\nattempt('parent', load)", OLD / "gru"
    )
    results = [line.partition(" -> ")[2] for line in found.splitlines()]
    assert len(results) == 3
    assert results[0].startswith("[[(")
    assert results[1:] == results[:1] * 2


@pytest.mark.slow
def test_tensorflow_used_by_the_program_itself_is_noticed():
    program = PARENT.replace("import char_lstm_tf\n", "import tensorflow as tf\ntf.zeros([2]) + 1\n", 1)
    lines = """
def load():
    import char_lstm_tf
    try:
        char_lstm_tf.load(sys.argv[1])
    except char_lstm_tf.UserError as error:
        print(error, flush=True)
child = os.fork()
if not child:
    load()
    os._exit(0)
os.waitpid(child, 0)
"""
    assert "forked from one that had used TensorFlow" in run(program + lines, OLD / "gru")


SPAWNED = (
    PARENT
    + """
def main():
    global MODEL
    MODEL = char_lstm_tf.load(sys.argv[1])
    expected = MODEL.score([TEXT])
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        attempt("executor", lambda: pool.submit(MODEL.score, [TEXT]).result() == expected)
    with get_context("spawn").Pool(1) as pool:
        attempt("Pool", lambda: pool.map(MODEL.score, [[TEXT]]) == [expected])
        os.rename(sys.argv[1], sys.argv[1] + "-moved")
        attempt("moved", lambda: pool.map(MODEL.score, [[TEXT]]))

if __name__ == "__main__":
    main()
"""
)


@pytest.mark.slow
def test_a_spawned_process_scores_with_a_model_that_is_sent_to_it(tmp_path):
    shutil.copytree(OLD / "counts", tmp_path / "run")
    (tmp_path / "program.py").write_text(SPAWNED)
    done = subprocess.run(
        [sys.executable, "program.py", tmp_path / "run"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    *worked, moved = done.stdout.splitlines()
    assert worked == ["executor -> True", "Pool -> True"]
    assert moved.startswith(f"moved -> UserError: --model={tmp_path}/run: no such folder")


@pytest.mark.slow
def test_a_copy_and_a_pickled_model_are_loaded_from_the_run_again(tmp_path, monkeypatch):
    shutil.copytree(OLD / "counts", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    model = char_lstm_tf.load("run")
    pickled = pickle.dumps(model)
    monkeypatch.chdir("/")
    expected = model.next_char(["The "])
    assert pickle.loads(pickled).next_char(["The "]) == expected
    twin = copy.deepcopy(model)
    twin.learn_while_scoring(Adaptation())
    twin.score(["The old river"])
    assert copy.copy(model).next_char(["The "]) == expected
    with pytest.raises(char_lstm_tf.UserError, match="a model that learns while it scores can't be pickled or copied"):
        pickle.dumps(twin)
    with (tmp_path / "run" / "flags.txt").open("a") as flags:
        flags.write("--seed=9\n")
    with pytest.raises(char_lstm_tf.UserError, match=f"{tmp_path}/run: the run has changed since this model was"):
        pickle.loads(pickled)
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(char_lstm_tf.UserError, match=f"model={tmp_path}/run: no such folder"):
        pickle.loads(pickled)
    with pytest.raises(char_lstm_tf.UserError, match="without a run's folder can't be pickled"):
        pickle.dumps(LanguageModel(model.network, model.vocabulary))


def test_errors_of_the_package_pass_from_process_to_process():
    """A pool waits for ever if it can't read the exception of a worker."""
    for error in (
        NoEffectError("units", "no effect"),
        StoppedError(signal.SIGTERM, 3, command="train --resume"),
        DivergedError("NaN"),
    ):
        found = pickle.loads(pickle.dumps(error))
        assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))
        assert found.status == error.status


@pytest.mark.slow
def test_eight_threads_score_by_one_model_that_learns_as_one_after_the_other():
    texts = ["The old river runs below a quiet hill. " * 4] * 8
    alone, shared = (char_lstm_tf.load(OLD / "counts") for _ in range(2))
    for model in (alone, shared):
        model.learn_while_scoring(Adaptation())
    expected = [alone.score([text])[0].nats for text in texts]
    assert expected == sorted(expected, reverse=True)  # it learns
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda text: shared.score([text])[0].nats, texts, timeout=SECONDS)
    assert sorted(found, reverse=True) == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sequential", "counts", "words", "answers", "gru"])
def test_eight_threads_use_a_model_at_once(kind):
    """They also compile its loops at once. Two threads load two models."""
    with ThreadPoolExecutor(2) as pool:
        model, reference = pool.map(char_lstm_tf.load, [OLD / kind] * 2)
    start = threading.Barrier(8)

    def use(model, number):
        if kind == "answers":
            return [sorted(found.items()) for found in model.classify(["The old river."] * (number + 1))]
        texts = ["The old river runs below. " * (1 + number)] * (1 + number % 3)
        label = next(iter(model.vocabulary.labels), "")
        scores = [score.nats for score in model.score(texts, label=label)]
        written = model.generate(["The", "A"], chars=40 + number, seed=number, label=label)
        return written, scores, model.next_char(["The"], k=1, label=label)

    def together(number):
        start.wait(SECONDS)
        return use(model, number)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(together, range(8), timeout=SECONDS))
    for number, result in enumerate(found):
        assert str(result) == str(use(reference, number))
