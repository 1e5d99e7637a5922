"""TensorFlow and Keras, imported without their log, as this package needs them."""

import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from pipelines import UserError


def import_tensorflow(*, verbose: bool = False) -> None:
    """Imports TensorFlow and Keras without what TensorFlow's C++ code prints meanwhile, unless `verbose`.

    That is about CPU features and absent GPUs. An exception shows all of it: then it may say why.

    Raises:
        UserError: Keras is set up in a way that would give other models, see `require_usual_keras`.
    """
    if "keras" not in sys.modules and os.environ.get("KERAS_BACKEND", "") not in ("", "tensorflow"):
        raise UserError(f"KERAS_BACKEND={os.environ['KERAS_BACKEND']}: models here need tensorflow; unset it")
    if verbose or "tensorflow" in sys.modules:
        importlib.import_module("tensorflow")
    else:
        _import_quietly()
    require_usual_keras()


def require_usual_keras() -> None:
    """Checks that the program that this runs in hasn't changed what Keras computes with.

    Raises:
        UserError: the backend, the type of floats, or a strategy is another one.
    """
    try:
        keras = importlib.import_module("keras")
    except ImportError as error:
        raise UserError(f"keras.json: its backend can't be imported ({error}); set it to tensorflow") from error
    if keras.config.backend() != "tensorflow":
        raise UserError(f"Keras' backend is {keras.config.backend()}: models here need KERAS_BACKEND=tensorflow")
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
    if importlib.import_module("tensorflow").distribute.has_strategy():
        raise UserError("called in the scope of a tf.distribute strategy; call it outside: a run makes its own")


@contextmanager
def kept_settings() -> Iterator[None]:
    """Puts back what belongs to the program that this runs in: environment, logging, the folder of temporary files."""
    variables, folder = dict(os.environ), tempfile.tempdir
    handlers, absl = list(logging.root.handlers), logging.root.manager.loggerDict.get("absl")
    level = absl.level if isinstance(absl, logging.Logger) else None
    try:
        yield
    finally:
        for name in os.environ.keys() - variables.keys():
            del os.environ[name]
        os.environ.update({name: value for name, value in variables.items() if os.environ.get(name) != value})
        tempfile.tempdir = folder
        for handler in set(logging.root.handlers) - set(handlers):  # absl adds one when TensorFlow exports a model
            logging.root.removeHandler(handler)
        if isinstance(absl, logging.Logger) and level is not None:
            absl.setLevel(level)


def _import_quietly() -> None:
    try:
        tempfile.gettempdir()
    except FileNotFoundError:  # all is read-only; TensorFlow asks for the name of a folder, but writes nothing there
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
