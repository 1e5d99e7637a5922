"""Imported by the process that `forked` forks commands from."""

import time
from pathlib import Path

from pipelines.tensorflow_import import import_tensorflow


def wait_for_threads(seconds: float = 10.0) -> None:
    """Waits until all other threads of this process have slept for a tenth of a second, or for so many seconds.

    The import starts a thread of TensorFlow. While a thread of TensorFlow begins, it holds the lock of their names. In
    a process that is forked at this moment, nobody would ever release it, and the first training step would wait for it
    forever.
    """
    until, asleep = time.monotonic() + seconds, 0
    while asleep < 5 and time.monotonic() < until:
        time.sleep(0.02)
        try:
            states = [path.read_text().rpartition(")")[2].split()[0] for path in Path("/proc/self/task").glob("*/stat")]
        except OSError:  # a thread has ended meanwhile
            asleep = 0
            continue
        asleep = asleep + 1 if sum(state != "S" for state in states) <= 1 else 0  # this thread runs


import_tensorflow()
wait_for_threads()
