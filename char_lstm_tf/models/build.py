"""How the model of a run is built, and how it is loaded from the run's folder."""

from zipfile import BadZipFile

import numpy as np

from char_lstm_tf.config import Config, settings
from char_lstm_tf.models import networks
from char_lstm_tf.models.classifier import Classifier, LinearClassifier, RecurrentClassifier
from char_lstm_tf.models.classifier.linear import FIRST_KINDS, ROWS
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.models.network import Network
from char_lstm_tf.models.ngrams import counted
from char_lstm_tf.models.seeding import seeded
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.vocabulary import Vocabulary


def build(
    config: Config, vocabulary: Vocabulary, *, stream: bool = False, trains: bool = False, packed: bool = False
) -> Network | Classifier:
    """Returns the model of a configuration, uncompiled. Its kind is decided here.

    Args:
        config: sizes.
        vocabulary: its characters and labels.
        stream: whether it carries state between batches.
        trains: whether it will be trained for long, see `Interface`.
        packed: whether it is to be trained on packed documents, if there are documents.
    """
    if isinstance(config.settings.model, settings.Linear):
        return LinearClassifier(vocabulary)
    if isinstance(config.settings.model, settings.Classifier):
        return RecurrentClassifier(config, vocabulary, encoding=config.input_encoding, trains=trains)
    interface = Interface(
        vocabulary_size=len(vocabulary),
        encoding=config.input_encoding,
        target=config.target,
        window=config.window,
        stream_batch_size=config.batch_size if stream else None,
        trains=trains,
        end=vocabulary.end if packed else None,
        labels=len(vocabulary.labels),
    )
    return networks.BUILD[config.architecture](config, interface)


def load(run: TrainedRun) -> Network | Classifier:
    """Returns the best model of a run, rebuilt from its flags.

    Only weights are read from `model.keras`, so no code in the file is run.

    Raises:
        UserError: files of the folder don't fit each other, or a weight is NaN or infinite.
    """
    _require_enough(run)
    file = run.folder.model
    try:
        counts = isinstance(run.config.settings.model, settings.Counts)  # whose sizes are in the file
        with seeded(0):  # the weights that are drawn are replaced
            network = counted.empty_like(file) if counts else build(run.config, run.vocabulary)
        network.keras_model.load_weights(file)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, BadZipFile) as error:
        reason = " ".join(str(error).split())  # Keras says in the last of several lines which shapes differ
        raise UserError(f"{file}: not the weights of this run ({reason})") from error
    if not all(np.isfinite(weight).all() for weight in network.keras_model.get_weights()):
        raise UserError(f"{file}: a weight is NaN or infinite, so the model can't be used; train it again")
    return network


def _require_enough(run: TrainedRun) -> None:
    """Raises UserError if `model.keras` is smaller than the largest matrices of the sizes in the flags.

    A folder from elsewhere may claim any size, so this is checked before memory is allocated.
    """
    there, needed = run.folder.model.stat().st_size, 4 * _least_weights(run.config, run.vocabulary)
    if there < needed:
        raise UserError(
            f"{run.folder.model}: not the weights of this run: it has {there:,} bytes, and the sizes in flags.txt need "
            f"{needed:,}"
        )


def _least_weights(config: Config, vocabulary: Vocabulary) -> int:
    """Returns how many numbers the largest matrices have. Those of counts don't depend on the flags."""
    model, labels, found = config.settings.model, len(vocabulary.labels), 0
    if isinstance(model, settings.Linear) or (isinstance(model, settings.Classifier) and model.linear):
        found += FIRST_KINDS * ROWS * (labels + 1)
    if not isinstance(model, settings.Network):
        return found
    units, reads_windows = model.units, isinstance(model, settings.NeuralNgram)
    found += sum(a * b for a, b in zip(units, units[1:] if reads_windows else units, strict=False))
    outputs = labels if isinstance(model, settings.Classifier) else len(vocabulary) * (1 + labels)
    found += (config.embedding_size if config.tie else outputs) * units[-1]
    if model.embedding_size is not None:
        found += len(vocabulary) * model.embedding_size
    if reads_windows and config.ngram_inputs == "concat":
        found += config.window * units[0]
    return found
