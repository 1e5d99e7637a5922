"""Initial weights of a run: those of another run (--init_from, --freeze), or vectors of words (--vectors)."""

from functools import partial

import keras
import numpy as np

from char_lstm_tf.config import Config
from char_lstm_tf.models import build
from char_lstm_tf.models.classifier import Classifier
from char_lstm_tf.models.network import Network
from char_lstm_tf.runs.plan import Origin
from pipelines import UserError
from pipelines.files import path_of
from pipelines.vocabulary import Vocabulary, vectors


def give_weights(origin: Origin, network: Network | Classifier, vocabulary: Vocabulary) -> None:
    """Sets the weights of a new network to those of another run. `vocabulary` is that of the other run, extended.

    Weights of new tokens and labels stay as they are.

    Raises:
        UserError: shapes differ by more than the tokens and labels.
    """
    known = origin.vocabulary
    own, given = network.weights_from(build.load(origin))
    own = [weight for weight in own if known.labels or not weight.name.startswith("label_")]
    if len(given) != len(own):
        raise UserError(f"--init_from={origin.folder.path}: its layers aren't those of this run")
    for weight, old in zip(own, [weight.numpy() for weight in given], strict=True):
        value, grown = weight.numpy(), partial(extend_weights, known=len(known), vocabulary_size=len(vocabulary))
        try:
            if weight.name.startswith("label_"):
                value[: len(old)] = [grown(*pair) for pair in zip(old, value, strict=False)]
            else:
                value = grown(old, value)
        except ValueError:
            raise UserError(
                f"--init_from={origin.folder.path}: {weight.path} has the shape {old.shape} there and "
                f"{tuple(weight.shape)} here; leave the flags of its sizes out"
            ) from None
        weight.assign(value)


def extend_weights(old: np.ndarray, fresh: np.ndarray, *, known: int, vocabulary_size: int) -> np.ndarray:
    """Returns fresh weights with the old ones in the places of the old ids.

    An axis that is longer has a block of V for each character that is read at once: one, or several for n-grams.
    Before, for 2 ids and then 3: `[[1, 2], [3, 4]]` and `[[9, 9], [9, 9], [9, 9]]`;
    after: `[[1, 2], [3, 4], [9, 9]]`.

    Raises:
        ValueError: shapes differ by more than the characters.
    """
    places = [
        np.arange(length) if length == old_length else np.arange(length).reshape(-1, vocabulary_size)[:, :known].ravel()
        for length, old_length in zip(fresh.shape, old.shape, strict=True)
    ]
    value = fresh.copy()
    if value[np.ix_(*places)].shape != old.shape:
        raise ValueError(f"{old.shape} doesn't grow into {fresh.shape}")
    value[np.ix_(*places)] = old
    return value


def freeze(model: keras.Model, layers: int) -> None:
    """Makes the first layers keep their weights, and an embedding too.

    Raises:
        UserError: the model has fewer layers below the last one, which gives the logits.
    """
    *below, _ = [layer for layer in model.layers if layer.weights]
    hidden = [layer for layer in below if layer.name != "embedding"]
    if layers > len(hidden):
        raise UserError(f"--freeze={layers}: at most {len(hidden)}, the last layer always learns")
    for layer in below[: below.index(hidden[layers - 1]) + 1] if layers else []:
        layer.trainable = False


def give_vectors(config: Config, model: keras.Model, vocabulary: Vocabulary) -> str:
    """Sets the embedding of a new model to the vectors of --vectors, and returns a line about it.

    Tokens that aren't in the file keep their random vectors, scaled to the spread of the others.

    Raises:
        UserError: the file can't be read, has vectors of another size, or none of the tokens.
    """
    names = [vectors.names_of(token) if token else () for token in vocabulary.tokens]
    found = vectors.read(path_of(config.vectors), {name for each in names for name in each})
    if found.size != config.embedding_size:
        raise UserError(
            f"--embedding_size={config.embedding_size}: --vectors={config.vectors} has {found.size} numbers per word; "
            f"give --embedding_size={found.size}"
        )
    chosen = [next((name for name in each if name in found.vectors), None) for each in names]
    known = {id: found.vectors[name] for id, name in enumerate(chosen) if name is not None}
    if not known:
        raise UserError(f"--vectors={config.vectors}: has none of the {len(vocabulary):,} tokens of the text")
    layer = model.get_layer("embedding")
    value = layer.embeddings.numpy()
    given = np.stack(list(known.values()))
    value *= given.std() / max(value.std(), 1e-12)
    value[list(known)] = given
    layer.embeddings.assign(value)
    skipped = {"duplicate": found.duplicates, "broken": found.broken}
    left_out = "".join(f", {count:,} {kind} lines left out" for kind, count in skipped.items() if count)
    return (
        f"{config.vectors}: vectors of {len(known):,} of the {len(vocabulary):,} tokens "
        f"({found.lines:,} lines of {found.size} numbers{left_out})"
    )
