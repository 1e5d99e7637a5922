"""The random draws of new layers."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Makes new layers draw their weights, and the seeds of their dropout, from a seed.

    Keras draws both from Python's global generator, whose state is restored at the end. Only one thread at a time may
    enter, so that two runs that start together don't draw from each other's seed.
    """
    with _LOCK:
        before = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(before)
