"""How the model of a run is built, and how it is loaded from the run's folder."""

from zipfile import BadZipFile

import keras
import numpy as np

from char_lstm_tf.config import Config
from char_lstm_tf.models import counted, networks
from char_lstm_tf.runs.folder import RunFolder
from pipelines import UserError
from pipelines.vocabulary import Vocabulary


def build(config: Config, vocabulary_size: int, *, stream: bool = False, trains: bool = False) -> keras.Model:
    """Returns the model of a configuration, uncompiled; with `stream`, the one that carries state between batches."""
    return networks.BUILD[config.architecture](
        config,
        vocabulary_size=vocabulary_size,
        encoding=config.encoding,
        target=config.target,
        window=config.window,
        stream_batch_size=config.batch_size if stream else None,
        trains=trains,
    )


def load(folder: RunFolder) -> tuple[keras.Model, Vocabulary]:
    """Returns the best model of a run, rebuilt from its flags, and its vocabulary.

    Only weights are read from `model.keras`, so nothing that the file holds is run.

    Raises:
        UserError: files of the folder don't fit each other, or a weight is NaN or infinite.
    """
    vocabulary = Vocabulary.load(folder.vocabulary)
    config = folder.config
    try:
        counts = config.architecture == "counts"  # whose sizes the file knows
        model = counted.empty_like(folder.model) if counts else build(config, len(vocabulary))
        model.load_weights(folder.model)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{folder.model}: not the weights of this run ({reason})") from error
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise UserError(f"{folder.model}: a weight is NaN or infinite, so the model is of no use; train it again")
    return model, vocabulary
