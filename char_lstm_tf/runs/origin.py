"""The run that --init_from names: what another run that starts from it takes over."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from char_lstm_tf.config import Config, shown
from char_lstm_tf.runs.folder import RunFolder
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

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
