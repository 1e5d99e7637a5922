"""When our LSTM layer is compiled, and how it divides its rows among the cores."""

import os
import re

import numpy as np
import pytest
import tensorflow as tf
from conftest import run_python

from char_lstm_tf.models import cores, recurrent
from char_lstm_tf.models.recurrent import loops

pytestmark = pytest.mark.usefixtures("two_cores")


def test_short_runs_are_left_to_keras():
    assert [recurrent.worth_compiling(steps, window=64) for steps in (1, 62, 63)] == [False, False, True]
    assert recurrent.worth_compiling(40, window=100)


def test_groups_have_rows_enough_and_are_no_more_than_cores(monkeypatch):
    monkeypatch.setattr(cores, "MIN_ROWS", 8)
    assert [cores.group_count(rows) for rows in (1, 8, 15, 16, 128, None)] == [1, 1, 1, 2, 2, 2]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(16))
    assert [cores.group_count(rows) for rows in (16, 64, 128, 1000, None)] == [2, 8, 16, 16, 4]


def kernels_of_loops(function, *arguments):
    """Returns the operations of a step of each loop in a compiled function that are kernels of their own."""
    text = function.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")
    bodies = re.findall(r"body=%([\w.-]+)", text)
    assert bodies
    for body in bodies:
        lines = re.search(rf"^%{re.escape(body)} .*?^}}", text, re.DOTALL | re.MULTILINE)[0]
        operations = re.findall(r" = .*? ([a-z-]+)\(", lines)
        assert "dot" in operations
        yield [
            name
            for name in operations
            if name not in ("parameter", "get-tuple-element", "constant", "tuple", "bitcast")
        ]


@pytest.mark.parametrize("continues", [None, tf.ones([8, 16])], ids=["running text", "documents"])
def test_a_step_of_a_loop_is_eight_kernels_at_most_which_xla_runs_one_after_the_other(continues):
    rows, steps, inputs, units = 8, 16, 66, 128
    x, outputs = tf.zeros([rows, steps, inputs]), tf.zeros([rows, steps, units])
    h, cells = tf.zeros([rows, units]), tf.zeros([steps, rows, units])
    gates, kernel = tf.zeros([steps, rows, 4 * units]), tf.zeros([units, 4 * units])
    forward = loops.forward, x, h, h, tf.zeros([inputs, 4 * units]), kernel, tf.zeros([4 * units]), continues
    backward = loops.backward, x, h, h, kernel, outputs, gates, cells, outputs, h, h, continues
    for kernels in (*kernels_of_loops(*forward), *kernels_of_loops(*backward)):
        assert len(kernels) <= 8, kernels


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_groups_of_rows_are_all_rows_in_their_order(rows):
    values = tf.range(rows)[:, None]
    parts = cores.split_rows(values, parts=2)
    assert len(parts) == 2
    np.testing.assert_array_equal(tf.concat(parts, 0), values)
    assert abs(len(parts[0]) - len(parts[1])) <= 1


def test_groups_of_a_layer_below_are_passed_on_as_they_are():
    @tf.function
    def run():
        below = [tf.ones([3, 2]), tf.zeros([4, 2])]
        for part, group in zip(cores.split_rows(tf.concat(below, 0), parts=2), below, strict=True):
            assert part is group
        for other in (
            tf.concat([tf.ones([7, 1]), tf.zeros([7, 1])], 1),  # of features
            tf.concat([tf.ones([2, 2]), tf.zeros([5, 2])], 0),  # other groups
            tf.concat([tf.ones([3, 2]), tf.zeros([3, 2]), tf.zeros([1, 2])], 0),
        ):
            parts = cores.split_rows(other, parts=2)
            assert [part.shape[0] for part in parts] == [3, 4]
            tf.debugging.assert_equal(tf.concat(parts, 0), other)

    run()


def test_rows_not_known_yet_are_split_also_when_joined_from_some_that_are():
    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def run(values):
        return cores.split_rows(tf.concat([tf.ones([3, 2]), values], 0), parts=2)

    assert [len(part) for part in run(tf.zeros([4, 2]))] == [3, 4]


PREPARED = """
import os
import sys
import tensorflow as tf
from char_lstm_tf.models import cores
from char_lstm_tf.config import ModelConfig

os.sched_getaffinity = lambda _: range(2)
if "used" in sys.argv:
    tf.zeros([2]) + 1
cores.set_up_tensorflow(eval(sys.argv[1]), batch_size=int(sys.argv[2]), vocabulary_size=int(sys.argv[3]))
tf.zeros([2]) + 1
print(tf.config.threading.get_intra_op_parallelism_threads())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "threads"),
    [
        (["ModelConfig(units=(128, 64))", "16", "66"], "1"),
        (["ModelConfig(units=(128, 64))", "15", "66"], "0"),  # a core would have no group of rows
        (["ModelConfig(units=(64, 512))", "16", "66"], "0"),
        (["ModelConfig(cell='gru')", "16", "66"], "0"),
        (["ModelConfig(bidirectional=True)", "16", "66"], "0"),
        (["ModelConfig(architecture='ngram')", "16", "66"], "0"),
        (["ModelConfig()", "16", "5000"], "0"),
        (["ModelConfig(units=(128,))", "16", "66", "used"], "0"),
    ],
    ids=str,
)
def test_operations_of_small_models_have_a_thread_each_if_there_is_one_for_each_core(asked, threads):
    assert run_python(PREPARED, *asked) == [threads]
