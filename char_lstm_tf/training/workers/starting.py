"""TensorFlow's own start of a cluster, which waits an hour for the others and ignores signals meanwhile."""

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import tensorflow as tf
from tensorflow.python import pywrap_tfe

from pipelines import UserError

T = TypeVar("T")

SECONDS_TO_START = 120  # once all workers have met; TensorFlow takes some to import


def started(start: Callable[[], T], index: int) -> T:
    """Returns what `start` returns. It runs in a thread of its own, so that this one can react to signals.

    Args:
        start: starts TensorFlow together with the other workers.
        index: of this worker, for the error.

    Raises:
        UserError: TensorFlow can't start, or takes longer than it should.
    """
    found: list[T] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            found.append(start())
        except Exception as error:
            failed.append(error)

    sigterm = SignalAction(signal.SIGTERM)
    thread = threading.Thread(target=run, daemon=True)
    ends = time.monotonic() + SECONDS_TO_START
    with _waiting_without_lock():
        thread.start()
        while thread.is_alive() and time.monotonic() < ends:
            thread.join(0.05)
            sigterm.put_back()
    if found:
        return found[0]
    if failed and not isinstance(failed[0], tf.errors.OpError):
        raise failed[0]
    reason = " ".join(str(failed[0]).split())[:200] if failed else f"not ready after {SECONDS_TO_START:g} s"
    raise UserError(
        f"TF_CONFIG: cluster: worker {index} has met all others, but TensorFlow can't reach them ({reason}); one may "
        "have ended, so start all of them again"
    )


class SignalAction:
    """The action of a signal. TensorFlow installs a handler that only records SIGTERM, so it would end nothing.

    Python can only restore its own handlers, and only in the main thread, so this calls the C library.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._action = ctypes.create_string_buffer(1024)  # `struct sigaction` takes 152 bytes on Linux
        self._sigaction: Any = ctypes.CDLL(None).sigaction
        self._sigaction(number, None, self._action)

    def put_back(self) -> None:
        """Restores the action."""
        self._sigaction(self._number, self._action, None)


@contextmanager
def _waiting_without_lock() -> Iterator[None]:
    """Makes TensorFlow release Python's global lock while it waits for the other workers."""
    before = pywrap_tfe.TFE_EnableCollectiveOps
    libraries = [Path(tf.sysconfig.get_lib(), f"libtensorflow_{name}.so.2") for name in ("cc", "framework")]
    if all(path.is_file() for path in libraries):  # they have other names on other systems
        pywrap_tfe.TFE_EnableCollectiveOps = _enable_collective_ops(*map(str, libraries))
    try:
        yield
    finally:
        pywrap_tfe.TFE_EnableCollectiveOps = before


def _enable_collective_ops(functions: str, statuses: str) -> Callable[[Any, bytes], None]:
    """Returns `TFE_EnableCollectiveOps` of TensorFlow's C interface, called by ctypes, which releases the lock."""
    tensorflow, framework = ctypes.CDLL(functions), ctypes.CDLL(statuses)
    pointer_in = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_in.restype, pointer_in.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    enable: Any = tensorflow.TFE_EnableCollectiveOps
    enable.restype, enable.argtypes = None, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
    framework.TF_NewStatus.restype = ctypes.c_void_p
    framework.TF_Message.restype = ctypes.c_char_p
    for name in ("TF_GetCode", "TF_Message", "TF_DeleteStatus"):
        getattr(framework, name).argtypes = [ctypes.c_void_p]

    def call(context: Any, server: bytes) -> None:
        status = framework.TF_NewStatus()
        try:
            enable(pointer_in(context, None), server, len(server), status)
            if code := framework.TF_GetCode(status):
                message = framework.TF_Message(status).decode(errors="replace")
                raise tf.errors.exception_type_from_error_code(code)(None, None, message)
        finally:
            framework.TF_DeleteStatus(status)

    return call
