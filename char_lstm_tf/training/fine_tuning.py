"""Starting from another run: --init_from takes its weights, sizes and vocabulary, --freeze keeps its first layers."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from char_lstm_tf.config import Config, shown
from char_lstm_tf.runs.folder import RunFolder
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

if TYPE_CHECKING:
    import keras

NOT_IN_WEIGHTS = ("dropout",)  # fields of ModelConfig that a run may change


@dataclass(frozen=True)
class Origin:
    """The run that --init_from names."""

    folder: RunFolder
    config: Config
    vocabulary: Vocabulary

    @classmethod
    def find(cls, path: str) -> "Origin":
        """Returns the run in a folder.

        Raises:
            UserError: there is none, with what to give instead.
        """
        folder = RunFolder.find(path, flag="init_from")
        return cls(folder, folder.config, Vocabulary.load(folder.vocabulary))

    def sizes(self) -> dict[str, Any]:
        """Returns the flags that its weights depend on, by name: another run has to have the same."""
        model = dataclasses.asdict(self.config.model)
        sizes = {name: value for name, value in model.items() if name not in NOT_IN_WEIGHTS}
        return sizes | {"encoding": self.config.data.encoding}

    def defaults(self) -> dict[str, Any]:
        """Returns what a run that starts from it has unless its flags say otherwise."""
        return self.sizes() | {"target": self.config.data.target, "window": self.config.data.window}

    def require_sizes(self, config: Config) -> None:
        """Checks that its weights fit.

        Raises:
            UserError: a flag asks for another size.
        """
        asked = dataclasses.asdict(config.model) | {"encoding": config.data.encoding}
        for name, value in self.sizes().items():
            if asked[name] != value:
                raise UserError(
                    f"--{name}={shown(asked[name])}: {self.folder.path} has "
                    f"{shown(value)}; leave the flag out, it is taken from there"
                )

    def give_weights(self, model: "keras.Model", vocabulary: Vocabulary) -> None:
        """Sets the weights of a new model to those of the run; what belongs to new characters stays as it is.

        Args:
            model: of the same sizes.
            vocabulary: the run's, extended.

        Raises:
            UserError: shapes differ by more than the characters.
        """
        trained, known = self.folder.load()
        if len(trained.weights) != len(model.weights):
            raise UserError(f"--init_from={self.folder.path}: its layers aren't those of this run any more")
        values = []
        for weight, old in zip(model.weights, trained.get_weights(), strict=True):
            try:
                values.append(grown(old, weight.numpy(), known=len(known), vocabulary_size=len(vocabulary)))
            except ValueError:
                raise UserError(
                    f"--init_from={self.folder.path}: {weight.path} has the shape {old.shape} there and "
                    f"{tuple(weight.shape)} here; give --window={self.config.data.window}"
                ) from None
        model.set_weights(values)


def grown(old: np.ndarray, fresh: np.ndarray, *, known: int, vocabulary_size: int) -> np.ndarray:
    """Returns fresh weights with the old ones in the places of the old ids.

    An axis that is longer has a block of V for each character read at once: one, but for n-grams.
    Before, for 2 ids and then 3: `[[1, 2], [3, 4]]` and `[[9, 9], [9, 9], [9, 9]]`;
    after: `[[1, 2], [3, 4], [9, 9]]`.

    Raises:
        ValueError: shapes differ by more than the characters.
    """
    places = [
        np.arange(length)
        if length == old_length
        else np.arange(length).reshape(-1, vocabulary_size)[:, :known].ravel()
        for length, old_length in zip(fresh.shape, old.shape, strict=True)
    ]
    value = fresh.copy()
    if value[np.ix_(*places)].shape != old.shape:
        raise ValueError(f"{old.shape} doesn't grow into {fresh.shape}")
    value[np.ix_(*places)] = old
    return value


def freeze(model: "keras.Model", layers: int) -> None:
    """Makes the first layers keep their weights, the embedding, if there is one, with them.

    Raises:
        UserError: the model hasn't so many below the last one, which gives the logits.
    """
    *below, _ = [layer for layer in model.layers if layer.weights]
    hidden = [layer for layer in below if layer.name != "embedding"]
    if layers > len(hidden):
        raise UserError(f"--freeze={layers}: at most {len(hidden)}, the last layer always learns")
    for layer in below[: below.index(hidden[layers - 1]) + 1] if layers else []:
        layer.trainable = False
