"""How the model of a run is built, and how it is loaded from the run's folder."""

from zipfile import BadZipFile

import numpy as np

from char_lstm_tf.config import Config
from char_lstm_tf.models import networks
from char_lstm_tf.models.classifier import Classifier
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.models.network import Network
from char_lstm_tf.models.ngrams import counted
from char_lstm_tf.runs.folder import RunFolder
from pipelines import UserError
from pipelines.vocabulary import Vocabulary


def build(
    config: Config, vocabulary: Vocabulary, *, stream: bool = False, trains: bool = False, packed: bool = False
) -> Network | Classifier:
    """Returns the model of a configuration, uncompiled. This is where its kind is decided.

    Args:
        config: sizes.
        vocabulary: its characters and labels.
        stream: whether it carries state between batches.
        trains: whether it will be trained for long, see `Interface`.
        packed: whether it is to be trained on packed documents, if it knows documents. Models that read windows need no
            reset: their batches have nothing of earlier documents.
    """
    if config.target == "label":
        return Classifier(config, vocabulary, encoding=config.input_encoding, trains=trains)
    recurrent = config.architecture != "ngram" and not config.bidirectional
    interface = Interface(
        vocabulary_size=len(vocabulary),
        encoding=config.input_encoding,
        target=config.target,
        window=config.window,
        stream_batch_size=config.batch_size if stream else None,
        trains=trains,
        end=vocabulary.end if packed and recurrent else None,
        labels=len(vocabulary.labels),
    )
    return networks.BUILD[config.architecture](config, interface)


def load(folder: RunFolder) -> tuple[Network | Classifier, Vocabulary]:
    """Returns the best model of a run, rebuilt from its flags, and its vocabulary.

    Only weights are read from `model.keras`, so nothing that the file holds is run.

    Raises:
        UserError: files of the folder don't fit each other, or a weight is NaN or infinite.
    """
    vocabulary = Vocabulary.load(folder.vocabulary)
    config = folder.config
    _require_enough(folder, config, vocabulary)
    try:
        counts = config.architecture == "counts"  # whose sizes the file knows
        network = counted.empty_like(folder.model) if counts else build(config, vocabulary)
        network.keras_model.load_weights(folder.model)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, BadZipFile) as error:
        reason = " ".join(str(error).split())  # Keras says in the last of several lines which shapes differ
        raise UserError(f"{folder.model}: not the weights of this run ({reason})") from error
    if not all(np.isfinite(weight).all() for weight in network.keras_model.get_weights()):
        raise UserError(f"{folder.model}: a weight is NaN or infinite, so the model is of no use; train it again")
    return network, vocabulary


def _require_enough(folder: RunFolder, config: Config, vocabulary: Vocabulary) -> None:
    """Raises UserError if `model.keras` is smaller than the largest matrices of the sizes in the flags.

    A folder of somebody else's may name any size, so this is checked before memory is asked for.
    """
    if config.architecture == "counts":
        return
    units = config.units
    recurrent = config.architecture != "ngram"
    weights = sum(a * b for a, b in zip(units, units if recurrent else units[1:], strict=False))
    answers = len(vocabulary.labels) if config.target == "label" else len(vocabulary) * (1 + len(vocabulary.labels))
    weights += (config.embedding_size if config.tie else answers) * units[-1]
    if config.input_encoding == "embedding":
        weights += len(vocabulary) * config.embedding_size
    if not recurrent and config.ngram_inputs == "concat":
        weights += config.window * units[0]
    there, needed = folder.model.stat().st_size, 4 * weights
    if there < needed:
        raise UserError(
            f"{folder.model}: not the weights of this run: it has {there:,} bytes, and the sizes in flags.txt need "
            f"{needed:,}"
        )
