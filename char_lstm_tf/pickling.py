"""Models that are pickled or copied: only the path of the run is stored, and the model is loaded from it again.

Nothing is imported here that imports TensorFlow, so a process that unpickles a model does so as `load` does.
"""

import multiprocessing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.process_state import visiting
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from char_lstm_tf.inference.language_model import LanguageModel


def load_again(path: Path, fingerprint: str) -> "LanguageModel":
    """Returns the model of a run.

    A pool of `multiprocessing` waits for ever if a worker can't unpickle what it gets. So if loading fails in a worker,
    it gets a model that raises the error when it is used.

    Args:
        path: the run's folder.
        fingerprint: of the run when the model was loaded.

    Raises:
        UserError: the run is gone or has changed, or this process was forked from one that used TensorFlow.
    """
    try:
        with visiting():
            run = TrainedRun.open(path)
            if run.fingerprint() != fingerprint:
                raise UserError(f"{path}: the run has changed since this model was loaded; load it and pickle it again")
            import_tensorflow()
            from char_lstm_tf.inference.language_model import LanguageModel

            return LanguageModel.of(run)
    except UserError as error:
        if multiprocessing.parent_process() is None:
            raise
        return _unusable(error)


def _unusable(error: UserError) -> Any:
    """Returns a model that raises an error when any of its attributes is read."""
    from char_lstm_tf.inference.language_model import LanguageModel

    class Unusable(LanguageModel):
        def __init__(self) -> None:
            pass

        def __getattr__(self, name: str) -> Any:
            raise error

    return Unusable()
