"""A trained model as a SavedModel, for any TensorFlow runtime and without this package."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from char_lstm_tf.inference.calibration import Calibration
from char_lstm_tf.models.classifier import Classifier
from char_lstm_tf.models.network import Network
from char_lstm_tf.serving import signatures, warmup
from char_lstm_tf.serving.strings import Strings, code_points
from pipelines.process_state import visiting
from pipelines.vocabulary import Vocabulary


def export(
    network: Network | Classifier, vocabulary: Vocabulary, path: Path, calibration: Calibration | None = None
) -> None:
    """Writes a SavedModel with all signatures of a model.

    It holds the weights once, the vocabulary as an asset, nothing of the training, and no operation that exists on one
    kind of device only.

    Args:
        network: any model of `models.build`.
        vocabulary: its vocabulary.
        path: the folder to write. It must not exist.
        calibration: of a model with labels.

    Raises:
        OSError: the disk is full, for instance.
    """
    with visiting(), os_errors(path), tempfile.TemporaryDirectory() as folder:
        module = _weights(network)
        module.vocabulary = tf.saved_model.Asset(str(_vocabulary_file(vocabulary, Path(folder))))
        module.ids = id_table(module.vocabulary.asset_path)
        words = None
        if vocabulary.words:
            module.words = tf.saved_model.Asset(str(_lines_file(vocabulary.words, Path(folder, "words.txt"))))
            words = module.places = word_table(module.words.asset_path)
        if vocabulary.labels:
            module.labels = tf.saved_model.Asset(str(_lines_file(vocabulary.labels, Path(folder, "labels.txt"))))
        found = signatures.of(network, vocabulary, Strings(vocabulary, module.ids, words), calibration)
        tf.saved_model.save(module, str(path), found)
        warmup.write(path, found, vocabulary.labels)


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Raises OSError for TensorFlow's own errors of writing to a disk."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
    except (tf.errors.UnknownError, tf.errors.PermissionDeniedError, tf.errors.FailedPreconditionError) as error:
        raise OSError(errno.EIO, str(error).splitlines()[0], str(path)) from error


def _weights(network: Network | Classifier) -> tf.Module:
    """Returns what keeps the weights of a network alive while it is written."""
    module = tf.Module()
    module.weights = [weight.value for weight in network.keras_model.weights]
    return module


def _vocabulary_file(vocabulary: Vocabulary, folder: Path) -> Path:
    """Writes a line for each id, in order: the character's code point, and the character as JSON.

    In place of the code point, the end symbol, "", has -1, and a word -1 minus its id.
    """
    path = folder / "vocabulary.tsv"
    lines = zip(code_points(vocabulary), vocabulary.tokens, strict=True)
    path.write_text("".join(f"{code_point}\t{json.dumps(token)}\n" for code_point, token in lines))
    return path


def _lines_file(values: Sequence[str], path: Path) -> Path:
    path.write_text("".join(f"{value}\n" for value in values), encoding="utf-8")
    return path


class _Lines(tf.lookup.TextFileInitializer):
    """The lines of the vocabulary, under a name that depends on nothing but what they say.

    TensorFlow names the table after the path of the file, a temporary one, so that no two exports would be equal. The
    name must differ from that of another vocabulary: tables of one name may be shared in a process.
    """

    @property
    def _shared_name(self) -> str:
        return f"vocabulary_{hashlib.sha256(tf.io.read_file(self._filename).numpy()).hexdigest()}"


def id_table(vocabulary_file: str | tf.Tensor) -> tf.lookup.StaticHashTable:
    """Returns the table from code points to ids, both int64. A code point that isn't in the file has id 0."""
    lines = _Lines(vocabulary_file, tf.int64, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER)
    return tf.lookup.StaticHashTable(lines, 0)


def word_table(words_file: str | tf.Tensor) -> tf.lookup.StaticHashTable:
    """Returns the table from the lines of a file to their numbers, int64; -1 for what isn't in the file."""
    kinds = (tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER)
    return tf.lookup.StaticHashTable(_Lines(words_file, *kinds), -1)
