"""The process that the package runs in, which may be somebody else's program: what is checked, and what is restored.

The functions of the package change no global state of the program for good. What they must change is restored at once,
so that they don't undo what another thread sets meanwhile.
"""

import functools
import importlib
import logging
import os
import random
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pipelines import UserError

P = ParamSpec("P")
R = TypeVar("R")

THREADS = Path("/proc/self/task")  # of this process, on Linux
_IMPORTS = threading.Lock()  # so that no thread saves what another one has changed as the program's own state
_checked_in: int | None = None  # the process in which TensorFlow was found to be usable


def require_own_tensorflow() -> None:
    """Checks that this process wasn't forked from one that used TensorFlow.

    TensorFlow computes in threads, and a forked process has none of its parent's, so most operations would wait for
    ever. It doesn't matter which code of the parent used it.

    Raises:
        UserError: it was.
    """
    global _checked_in
    process = os.getpid()
    if _checked_in == process:
        return
    if _in_use() and _lacks_threads(process):
        raise UserError(
            f"process {process} was forked from one that had used TensorFlow, which can't work here: load or train in "
            "each process after the fork, or start processes with multiprocessing.get_context('spawn')"
        )
    _checked_in = process


def _in_use() -> bool:
    """Returns whether TensorFlow has started in this process, or in the one that it was forked from."""
    module: Any = sys.modules.get("tensorflow.python.eager.context")
    context = module and module.context_safe()
    return bool(context and context._initialized)


def _lacks_threads(process: int) -> bool:
    try:
        return not any(name.read_text().startswith("tf_") for name in THREADS.glob("*/comm"))
    except OSError:  # a thread ended meanwhile
        return _lacks_threads(process)


def needs_tensorflow(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function call `require_own_tensorflow` first, before it waits for anything."""

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        require_own_tensorflow()
        return function(*args, **kwargs)

    return checked


def require_tensorflow_backend() -> Any:
    """Returns the module keras. Raises UserError if its backend isn't TensorFlow."""
    try:
        keras = importlib.import_module("keras")
    except ImportError as error:
        raise UserError(f"keras.json: its backend can't be imported ({error}); set it to tensorflow") from error
    if keras.config.backend() != "tensorflow":
        raise UserError(f"Keras' backend is {keras.config.backend()}: models here need KERAS_BACKEND=tensorflow")
    return keras


def require_usual_keras() -> None:
    """Checks that the program hasn't changed the settings of Keras that models here need.

    Raises:
        UserError: the backend, the float type or the dtype policy is another one, a strategy is in scope, or a graph is
            being built.
    """
    keras = require_tensorflow_backend()
    if keras.config.floatx() != "float32":
        raise UserError(
            f"Keras' floatx is {keras.config.floatx()}: models here need float32; set it with keras.config.set_floatx"
            "('float32'), or in keras.json"
        )
    if (policy := keras.config.dtype_policy().name) != "float32":
        raise UserError(
            f"Keras' dtype policy is {policy}: models here are float32; call keras.config.set_dtype_policy('float32') "
            "before, and your own again afterwards"
        )
    tensorflow = importlib.import_module("tensorflow")
    if not tensorflow.executing_eagerly():
        raise UserError("called where TensorFlow builds a graph; call it outside, with eager execution enabled")
    if tensorflow.distribute.has_strategy():
        raise UserError("called in the scope of a tf.distribute strategy; call it outside: a run makes its own")


@contextmanager
def visiting() -> Iterator[None]:
    """The context of public functions: checks `require_own_tensorflow`, and restores what is set only once.

    Python looks for the temporary folder once, so a TMPDIR that the program sets later would have no effect. The first
    line that TensorFlow logs gives the root logger a handler, so the program's `logging.basicConfig` would have none.
    """
    require_own_tensorflow()
    folder, handlers, level = tempfile.tempdir, list(logging.root.handlers), logging.root.level
    loggers = logging.root.manager.loggerDict
    of_absl = getattr(loggers.get("absl"), "level", logging.NOTSET)
    try:
        yield
    finally:
        if folder is None:
            tempfile.tempdir = None
        if not handlers and logging.root.level == level:
            for handler in filter(_is_default, list(logging.root.handlers)):
                logging.root.removeHandler(handler)
                if isinstance(absl := loggers.get("absl"), logging.Logger):
                    absl.setLevel(of_absl)


@contextmanager
def without_reports() -> Iterator[None]:
    """Keeps TensorFlow from reporting, in a notebook, that it has written to a folder that is about to be renamed."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(level)


def _is_default(handler: logging.Handler) -> bool:
    """Returns whether a handler is the one that `logging.basicConfig()` makes without arguments."""
    return type(handler) is logging.StreamHandler and getattr(handler.formatter, "_fmt", "") == logging.BASIC_FORMAT


@contextmanager
def importing() -> Iterator[None]:
    """Restores what importing TensorFlow changes: environment, random state, warnings."""
    with _IMPORTS:
        variables, state, filters, folder = dict(os.environ), random.getstate(), warnings.filters[:], tempfile.tempdir
        try:
            yield
        finally:
            for name in os.environ.keys() - variables.keys():
                del os.environ[name]
            os.environ.update({name: value for name, value in variables.items() if os.environ.get(name) != value})
            random.setstate(state)
            warnings.filters[:] = filters  # type: ignore[index]
            tempfile.tempdir = folder


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Sets variables of the environment that aren't set, and removes them at the end."""
    own = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in own.items():
            if os.environ.get(name) == value:
                del os.environ[name]
