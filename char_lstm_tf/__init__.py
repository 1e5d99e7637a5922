"""Character-level language models with LSTMs, in Keras 3 on TensorFlow.

    config = char_lstm_tf.Config(text=("book.txt",), name="book")
    metrics = char_lstm_tf.train(config)
    model = char_lstm_tf.load("saved_models/book")
    model.generate(["Once upon"], chars=200)

For Keras models of one's own, there are `layers`, `data` and `callbacks`; docs/keras.md says more.

`train`, `load` and the parts for Keras import TensorFlow; importing the package doesn't. The commands are modules
beside these functions, and are run with `python -m`.
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from char_lstm_tf.config import Config
from pipelines import UserError

if TYPE_CHECKING:
    import keras

    from char_lstm_tf import callbacks, data, layers
    from char_lstm_tf.inference.language_model import LanguageModel

__all__ = [
    "Config",
    "LanguageModel",
    "UserError",
    "__version__",
    "callbacks",
    "data",
    "export",
    "layers",
    "load",
    "train",
]
__version__ = "1.0.0"

# What imports TensorFlow, and so is imported when it is first used.
PARTS = ("callbacks", "data", "layers")


class _Package(ModuleType):
    """The package, in which `train` stays the function when a program imports the command of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "train" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    if name == "LanguageModel":
        return importlib.import_module(f"{__name__}.inference.language_model").LanguageModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def train(config: Config, callbacks: "Sequence[keras.callbacks.Callback]" = ()) -> dict[str, Any]:
    """Trains, measures and exports a model, as `python -m char_lstm_tf.train` does.

    Samples and progress are printed unless `config.quiet`. It may be called from any thread, and leaves random states,
    signals and settings of the program as they are; a signal ends the program as it would without. A run that ended so
    continues from its newest checkpoint with `Config(resume=True, name=…)`. The command also gives each operation of
    TensorFlow one thread where that is quicker; set TF_NUM_INTRAOP_THREADS=1 before TensorFlow is imported for that.

    Args:
        config: the flags. One that equals its default counts as not given: a resumed run, or one with `init_from`, has
            it from there.
        callbacks: of Keras, called as `fit` calls them: with the model in training, and with the logs that
            training.csv has. `model.stop_training = True` ends training. If one raises an exception, a checkpoint is
            saved first, so that the run can be resumed.

    Returns:
        What metrics.json in the run's folder holds: `validation` and `test` losses, `parameters`, `seconds` and more.

    Raises:
        UserError: something is wrong with the configuration, the text or the folder.
    """
    # Imported here, so that importing the package takes no time.
    from char_lstm_tf.runs.plan import plan_run
    from char_lstm_tf.training.train import train
    from pipelines.process_state import visiting

    with visiting():
        metrics = train(plan_run(**config.given()), callbacks=callbacks)
    return metrics.facts() if metrics else {}


def export(model: "LanguageModel", path: str | Path) -> None:
    """Writes a model as a SavedModel with all signatures, which any program with TensorFlow can load.

    A run has one already. This is for a model of `LanguageModel.from_keras`, or for another place.

    Args:
        model: the model, with the weights that it has now.
        path: the folder to write.

    Raises:
        UserError: the folder exists, or can't be written.
    """
    from char_lstm_tf.serving.export import export
    from pipelines.files import atomic_write, path_of
    from pipelines.process_state import without_reports

    folder = path_of(str(path))
    if folder.exists():
        raise UserError(f"{folder}: exists; name another folder, or remove it")
    try:
        with without_reports(), atomic_write(folder) as aside:
            export(model.network, model.vocabulary, aside, model.calibration)
    except OSError as error:
        raise UserError(f"{folder}: can't be written ({error.strerror or error})") from error


def load(path: str | Path) -> "LanguageModel":
    """Returns the best model of a run, to write and score text with, from a folder such as saved_models/quickstart.

    Raises:
        UserError: there is no trained run.
    """
    from pipelines.process_state import visiting
    from pipelines.tensorflow_import import import_tensorflow

    with visiting():
        import_tensorflow()
        from char_lstm_tf.inference.language_model import LanguageModel

        return LanguageModel.load(path)
