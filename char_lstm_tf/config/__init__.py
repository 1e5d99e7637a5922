"""Every flag of `train`: its default, its meaning, and its limits.

Each group of flags is a dataclass, and `Config` has all of them: `Config(text=("book.txt",), name="book")`.
`Config.settings` says what they mean: see `char_lstm_tf.config.settings`.
"""

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from char_lstm_tf.config.network import BatchConfig, ModelConfig
from char_lstm_tf.config.settings import Settings
from char_lstm_tf.config.text import TextConfig
from char_lstm_tf.config.training import OutputConfig, TrainingConfig
from char_lstm_tf.config.variants import NoEffectError, require_effect, resolve

__all__ = ["OUTCOME", "RECIPES", "BatchConfig", "Config", "ModelConfig", "OutputConfig", "TextConfig", "TrainingConfig"]

RECIPES = Path(__file__).parents[1] / "flagfiles"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(TextConfig, BatchConfig, ModelConfig, TrainingConfig, OutputConfig):
    """Everything about a run."""

    recipes = RECIPES

    @classmethod
    def with_defaults(cls, defaults: Mapping[str, Any], **given: Any) -> Self:
        """Returns a configuration with other defaults. Those that have no effect with the other flags are left out.

        Args:
            defaults: flags of another run, or of an older version, by name.
            **given: the flags that were given.

        Raises:
            UserError: flags contradict each other, or a flag that was given has no effect.
        """
        try:
            return cls(**{**defaults, **given})
        except NoEffectError as error:
            if error.flag in given:
                raise
            return cls.with_defaults({name: defaults[name] for name in defaults if name != error.flag}, **given)

    def check(self) -> None:
        """Checks the groups, that they fit each other, and that every flag that is given has an effect."""
        super().check()
        # flags.txt has these values for every model
        given = {name: value for name, value in self.given().items() if value != self.usual.get(name)}
        require_effect(Settings, self.settings, given)
        for name in ("patience", "plateau_patience"):
            self.require(
                not getattr(self, name) or self.split[1] > 0,
                name,
                "waits for the validation loss, and --split leaves nothing to validate on",
            )
        self.require(
            self.target != "label" or bool(self.labels),
            "target",
            "predicts the label of a document; say where labels come from, with --labels",
        )
        self.require(
            self.optimizer != "muon" or self.architecture != "ngram",
            "optimizer",
            "is for recurrent layers, and --architecture=ngram has none; use adamw",
        )
        for name in ("labels", "gradient_steps", "teacher"):
            self.require(
                not (self.sampled_softmax and getattr(self, name)), "sampled_softmax", f"doesn't go with --{name}"
            )
        self.require(
            not self.tie or not self.labels,
            "tie",
            "a model with labels has an output layer for each, which can't all be the embedding; leave the flag out",
        )

    @cached_property
    def settings(self) -> Settings:
        """What the flags mean. Raises UserError if the kind of model doesn't allow the value of a flag."""
        settings: Settings = resolve(Settings, self.resolved())
        return settings

    @property
    def usual(self) -> dict[str, str]:
        """The defaults of --batching and --encoding, which depend on other flags."""
        return {
            "batching": "stream" if self.target == "sequence" else "shuffled",
            "encoding": "embedding" if self.tokens == "words" else "one_hot",
        }

    @property
    def input_encoding(self) -> str:
        """`one_hot` or `embedding`: --encoding, or its default."""
        return self.encoding or self.usual["encoding"]

    def resolved(self) -> dict[str, Any]:
        """Returns the value of each flag by name, in the order of `--help`. Defaults that depend on others are set."""
        values = {field.name: getattr(self, field.name) for fields in self.groups().values() for field in fields}
        values |= {name: values[name] or value for name, value in self.usual.items()}
        usual_stride = 3 if self.target == "next_char" else self.window
        stream = values["batching"] == "stream" or self.target == "label"  # these have no stride
        return values | {"stride": 0 if stream else self.stride or usual_stride}


OUTCOME = frozenset(field.name for field in dataclasses.fields(Config) if field.metadata["outcome"])
"""The flags that the result of a run depends on."""
