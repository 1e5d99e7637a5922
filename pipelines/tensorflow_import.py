"""TensorFlow and Keras, imported without their log, as this package needs them."""

import importlib
import os
import sys
import tempfile
import threading
from typing import BinaryIO

from tqdm import TMonitor

from pipelines import UserError
from pipelines.process_state import importing, require_own_tensorflow, require_usual_keras


def import_tensorflow(*, verbose: bool = False) -> None:
    """Imports TensorFlow and Keras, and hides what TensorFlow's C++ code prints meanwhile, unless `verbose`.

    It is about CPU features and absent GPUs. If the import fails, all of it is shown, since it may say why.

    Raises:
        UserError: Keras has other settings than models here need, or TensorFlow can't work in this process, see
            `process_state`.
    """
    require_own_tensorflow()
    if "keras" not in sys.modules and os.environ.get("KERAS_BACKEND", "") not in ("", "tensorflow"):
        raise UserError(f"KERAS_BACKEND={os.environ['KERAS_BACKEND']}: models here need tensorflow; unset it")
    with importing():
        if verbose or "tensorflow" in sys.modules or _others_run():  # what they print must be seen
            importlib.import_module("tensorflow")
        else:
            _import_quietly()
        require_usual_keras()


def _others_run() -> bool:
    """Returns whether another thread runs besides that of tqdm, which prints nothing."""
    threads = set(threading.enumerate()) - {threading.current_thread()}
    return not all(isinstance(thread, TMonitor) for thread in threads)


def _import_quietly() -> None:
    try:
        tempfile.gettempdir()
    except FileNotFoundError:  # everything is read-only; TensorFlow only asks for the name
        tempfile.tempdir = os.curdir
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # from here on, only errors
    sys.stderr.flush()
    terminal = os.dup(2)
    with _log() as log:
        os.dup2(log.fileno(), 2)
        try:
            tf = importlib.import_module("tensorflow")
            tf.config.list_physical_devices()  # looks for GPUs now, rather than at the first operation
        except BaseException:
            log.seek(0)
            os.write(terminal, log.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _log() -> BinaryIO:
    """Returns a file for what is printed. Where the system can, it is in memory: a disk may have no room for it."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("tensorflow.log"), "w+b")
    return tempfile.TemporaryFile()
