"""The cores and the memory of this machine, and how TensorFlow uses them."""

import contextlib
import itertools
import os

import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from pipelines.process_state import environment

# The smallest group. One core multiplies it with a recurrent kernel of 128 units in 28 µs, and 16 rows in 31 µs: most
# of the time goes into reading the kernel, so another core for fewer rows gains nothing.
MIN_ROWS = 8

# Units up to which TensorFlow's operations get one thread each. On two cores that made 2×128 units 1.1 to 1.4 times as
# fast and 2×256 units 1.05 to 1.1 times; 2×512 units were not faster.
MAX_ONE_THREAD_UNITS = 256

# Tokens up to which that holds. The vectors and logits of more are most of the work, and operations on them are large.
MAX_ONE_THREAD_TOKENS = 1_000

KEEP_MEMORY = {"TF_CPU_ALLOCATOR_USE_BFC": "1"}


def keep_memory() -> None:
    """Starts TensorFlow so that it keeps the memory of a batch for the next one. It must not have started yet.

    Getting it from the system each time took a seventh of a step with 2×512 units.
    """
    with environment(**KEEP_MEMORY):  # which is read once
        tf.zeros([])


def set_up_tensorflow(config: ModelConfig, batch_size: int, vocabulary_size: int = 0) -> None:
    """Sets up TensorFlow to train a model on a CPU. Must be called before TensorFlow's first operation.

    Memory is kept, see `keep_memory`. Operations get one thread each if every core has a group of rows, and layers and
    vocabulary are small.
    """
    os.environ.update({name: value for name, value in KEEP_MEMORY.items() if name not in os.environ})
    fast = config.architecture in ("sequential", "functional") and config.cell == "lstm" and not config.bidirectional
    small = max(config.units) <= MAX_ONE_THREAD_UNITS and vocabulary_size <= MAX_ONE_THREAD_TOKENS
    small = small and group_count(batch_size) >= count()
    asked = "TF_NUM_INTRAOP_THREADS" in os.environ
    if fast and small and not asked and not tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # too late: this process has used TensorFlow already
            tf.config.threading.set_intra_op_parallelism_threads(1)


def has_only_cpus() -> bool:
    """Returns whether TensorFlow sees no other devices than CPUs."""
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())


def count() -> int:
    """Returns how many operations TensorFlow runs in parallel: as many as there are cores that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return tf.config.threading.get_inter_op_parallelism_threads() or usable or 1


def group_count(rows: int | None) -> int:
    """Returns into how many groups to split the rows of a batch; None: not known yet, taken as 32."""
    return max(1, min(count(), (32 if rows is None else rows) // MIN_ROWS))


def split_rows(values: tf.Tensor, *, parts: int) -> list[tf.Tensor]:
    """Returns the rows of `[B, …]` in groups of nearly equal size.

    If the values are the outputs of a `recurrent.LSTM`, its own groups are returned, so that a group needn't
    wait for the others.
    """
    if parts == 1:
        return [values]
    rows = values.shape[0] or tf.shape(values)[0]
    edges = [rows * part // parts for part in range(parts + 1)]
    sizes = [end - start for start, end in itertools.pairwise(edges)]
    if isinstance(rows, int) and not tf.executing_eagerly() and values.op.type == "ConcatV2":
        *joined, _ = values.op.inputs  # the last input is the axis
        if [part.shape[0] for part in joined] == sizes:
            return joined
    return tf.split(values, sizes)
