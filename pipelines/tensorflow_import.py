"""TensorFlow, imported without its log."""

import importlib
import os
import sys
import tempfile
from typing import BinaryIO


def import_tensorflow(*, verbose: bool = False) -> None:
    """Imports TensorFlow without what its C++ code prints meanwhile (CPU features, absent GPUs), unless `verbose`.

    An exception shows all of it: then it may say why.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:  # all is read-only; TensorFlow asks for the name of a folder, but writes nothing there
        tempfile.tempdir = os.curdir
    if verbose or "tensorflow" in sys.modules:
        importlib.import_module("tensorflow")
        return
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
