"""The functions of the package, called from somebody else's program."""

import ast
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import pytest
import tensorflow as tf
from conftest import ROOT, verse

import char_lstm_tf
from pipelines.process_state import require_usual_keras

SIZES = {"units": (8,), "batch_size": 4, "window": 16, "epochs": 1, "split": (0.8, 0.1, 0.1), "dropout": 0.2}
STATE = """
import gc, locale, logging, os, random, signal, sys, tempfile, threading, warnings
import numpy
if "first" in sys.argv:
    import keras, tensorflow
import char_lstm_tf

def state():
    facts = {
        "random": (random.getstate(), numpy.random.get_state()[1].tolist()),
        "environment": (dict(os.environ), os.getcwd(), tempfile.tempdir, list(sys.argv)),
        "logging": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "numbers": (numpy.geterr(), repr(numpy.get_printoptions()), locale.setlocale(locale.LC_ALL)),
        "python": (sys.excepthook, threading.excepthook, sys.stdout, sys.stderr, sys.getrecursionlimit(), sys.path[:]),
        "gc": (gc.isenabled(), gc.get_threshold(), sys.getswitchinterval()),
    }
    if "first" in sys.argv:
        tf, context = tensorflow, sys.modules["tensorflow.python.eager.context"]
        facts |= {
            "absl": logging.getLogger("absl").level,
            "keras": (keras.config.floatx(), keras.config.dtype_policy().name, keras.config.image_data_format()),
            "seed": context.global_seed(),
            "threads": (
                tf.config.threading.get_intra_op_parallelism_threads(),
                tf.config.threading.get_inter_op_parallelism_threads(),
            ),
            "eager": (tf.config.functions_run_eagerly(), tf.config.optimizer.get_jit(), tf.executing_eagerly()),
            "strategy": tf.distribute.has_strategy(),
        }
    return facts

random.seed(1), numpy.random.seed(2)
CONFIG = char_lstm_tf.Config(text=("verse.txt",), name="x", data_dir="data", quiet=True, **SIZES)
MODELS, TEXTS = {}, ["The river runs", "A hill"]

def load(kind):
    MODELS[kind] = char_lstm_tf.load(f"{OLD}/{kind}")

def adapt():
    from char_lstm_tf.inference.adaptive import Adaptation
    load("counts")
    MODELS["counts"].learn_while_scoring(Adaptation())
    MODELS["counts"].score(TEXTS)

def export():
    from pathlib import Path
    from char_lstm_tf.serving.export import export
    export(MODELS["gru"].network, MODELS["gru"].vocabulary, Path("exported"))

def mix():
    from char_lstm_tf.inference.ensemble import Mixture
    Mixture([MODELS["gru"], MODELS["gru"]]).losses(TEXTS)

before, changed = state(), {}
for name, call in {
    "load": lambda: (load("gru"), load("answers")),
    "generate": lambda: MODELS["gru"].generate(TEXTS, chars=5, stop=["e"]),
    "likeliest": lambda: MODELS["gru"].likeliest("The", chars=3, width=2),
    "next_char": lambda: MODELS["gru"].next_char(TEXTS),
    "score": lambda: MODELS["gru"].score(TEXTS),
    "classify": lambda: MODELS["answers"].classify(TEXTS),
    "learn_while_scoring": adapt,
    "mix": mix,
    "copy": lambda: __import__("copy").deepcopy(MODELS["gru"]),
    "export": export,
    "train": lambda: char_lstm_tf.train(CONFIG),
    "error": lambda: refused(lambda: char_lstm_tf.load("nowhere")),
}.items():
    call()
    changed[name] = [kind for kind, value in state().items() if value != before[kind]]
print(changed)
"""


def config(tmp_path, name, **options):
    (tmp_path / "verse.txt").write_text(verse(60))
    where = {"output_dir": str(tmp_path), "data_dir": str(tmp_path / "data"), "quiet": True, "sample_chars": 0}
    return char_lstm_tf.Config(text=(f"{tmp_path}/verse.txt",), name=name, **SIZES | where | options)


REFUSED = """
def refused(call):
    try:
        call()
    except char_lstm_tf.UserError:
        return
    raise AssertionError

"""


def run(program, cwd, *words, **environment):
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=200,
    )


@pytest.mark.slow
@pytest.mark.parametrize("imported", ["first", "later"])
def test_nothing_of_the_program_changes(tmp_path, imported):
    """Whether the program has imported TensorFlow before, or the package does."""
    (tmp_path / "verse.txt").write_text(verse(60))
    program = STATE.replace("**SIZES", f"**{SIZES}").replace("{OLD}", str(ROOT / "tests" / "end_to_end" / "old_runs"))
    program = program.replace("before, changed", REFUSED + "before, changed")
    done = run(program, tmp_path, imported)
    assert done.returncode == 0, done.stderr
    changed = ast.literal_eval(done.stdout.splitlines()[-1])
    assert len(changed) == 12
    assert {name: kinds for name, kinds in changed.items() if kinds} == {}


@pytest.mark.slow
def test_two_threads_train_as_one_after_the_other(tmp_path):
    expected = [char_lstm_tf.train(config(tmp_path, f"alone{seed}", seed=seed)) for seed in (1, 2)]
    configs = [config(tmp_path, f"together{seed}", seed=seed) for seed in (1, 2)]  # which writes their text
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(char_lstm_tf.train, configs))
    assert [each["validation"] for each in found] == [each["validation"] for each in expected]
    assert found[0]["validation"] != found[1]["validation"]


@pytest.mark.slow
@pytest.mark.parametrize("call", ["run_functions_eagerly(True)", "experimental.enable_op_determinism()"])
def test_what_tensorflow_is_set_to_makes_no_difference(tmp_path, call):
    (tmp_path / "verse.txt").write_text(verse(60))
    program = (
        "import tensorflow as tf, char_lstm_tf\nCALL\nprint(char_lstm_tf.train(char_lstm_tf.Config(name='x', "
        f"text=('verse.txt',), quiet=True, overwrite=True, data_dir='data', **{SIZES}))['test']['nats_per_char'])"
    )
    losses = []
    for line in ("", f"tf.config.{call}"):
        done = run(program.replace("CALL", line), tmp_path)
        assert done.returncode == 0, done.stderr
        losses.append(float(done.stdout.splitlines()[-1]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_another_backend_is_refused_before_it_is_imported(tmp_path):
    done = run("import char_lstm_tf; char_lstm_tf.load('x')", tmp_path, KERAS_BACKEND="jax")
    assert done.stderr.splitlines()[-1].endswith("KERAS_BACKEND=jax: models here need tensorflow; unset it")


@pytest.mark.slow
def test_a_keras_json_of_another_backend_is_refused(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    done = run("import char_lstm_tf; char_lstm_tf.load('x')", tmp_path, KERAS_HOME=str(tmp_path))
    assert "keras" in (last := done.stderr.splitlines()[-1]).lower()
    assert "UserError" in last


def test_other_floats_and_a_strategy_are_refused():
    require_usual_keras()
    try:
        keras.config.set_dtype_policy("mixed_float16")
        with pytest.raises(char_lstm_tf.UserError, match="dtype policy is mixed_float16"):
            require_usual_keras()
        keras.config.set_dtype_policy("float32")
        keras.config.set_floatx("float64")
        with pytest.raises(char_lstm_tf.UserError, match="floatx is float64"):
            require_usual_keras()
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
    with tf.Graph().as_default(), pytest.raises(char_lstm_tf.UserError, match="where TensorFlow builds a graph"):
        require_usual_keras()
    with (
        tf.distribute.MirroredStrategy(["CPU:0"]).scope(),
        pytest.raises(char_lstm_tf.UserError, match="in the scope of a"),
    ):
        require_usual_keras()
