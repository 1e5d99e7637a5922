"""A search for good flags: which values are tried, how long each trial trains, and why one failed."""

import dataclasses
import math
import random
import re
import signal
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from char_lstm_tf.config import Config, OutputConfig, TextConfig
from pipelines import UserError
from pipelines.command_line import given_flags


@dataclass(frozen=True)
class Dimension:
    """A flag that varies, by its name. `draw` returns a random value, written as the flag takes it."""

    name: str
    draw: Callable[[random.Random], str]

    @classmethod
    def parse(cls, word: str) -> "Dimension":
        """Returns the dimension of a word of --vary: `dropout=0.1..0.5`, `learning_rate=log:1e-3..1e-2`, `units=64|96`.

        Raises:
            UserError: it isn't valid.
        """
        name, equals, values = word.partition("=")
        kinds = typing.get_type_hints(Config)
        fixed = {field.name for group in (TextConfig, OutputConfig) for field in dataclasses.fields(group)}
        if not equals or name not in kinds or name in fixed - {"max_words", "seed"}:
            raise UserError(f"--vary={word}: write flag=values, with a flag of the batches, the model or the training")
        if ".." not in values:
            spellings: dict[Any, str] = {}
            for value in values.split("|"):
                parsed = given_flags(Config, [f"--{name}={value}"])[name]
                spellings.setdefault(parsed, value)  # of `0.1|1e-1`, the first
            choices = tuple(spellings.values())
            return cls(name, lambda chance: chance.choice(choices))
        kind = next(iter(typing.get_args(kinds[name])), kinds[name])  # of `float | None` and of `tuple[int, ...]`
        try:
            log, low, high = values.startswith("log:"), *map(float, values.removeprefix("log:").split(".."))
        except ValueError:
            raise UserError(
                f"--vary={word}: a range is two numbers, such as {name}=0.1..0.5 or log:1e-3..1e-2"
            ) from None
        if kind not in (int, float) or not low < high or (log and low <= 0):
            raise UserError(f"--vary={word}: a range goes from a lower to a higher number, and with log: from above 0")

        def draw(chance: random.Random) -> str:
            edges = low, high + (kind is int)  # so that the highest whole number is drawn too
            value = math.exp(chance.uniform(*map(math.log, edges))) if log else chance.uniform(*edges)
            return str(min(int(value), int(high))) if kind is int else f"{value:.4g}"

        return cls(name, draw)


@dataclass(frozen=True)
class Rung:
    """A round of the search: how many trials, the best of the round before, train for which share of a run's steps."""

    trials: int
    share: float


def settings_of(vary: str, trials: int, *, seed: int) -> list[dict[str, str]]:
    """Returns the values of each trial, by flag. With more trials, the first ones stay the same.

    No two are the same. There are fewer than `trials` if `vary` doesn't allow as many.

    Raises:
        UserError: a word of `vary` isn't `flag=values`, or two have the same flag.
    """
    dimensions = [Dimension.parse(word) for word in vary.split()]
    if len({dimension.name for dimension in dimensions}) < max(len(dimensions), 1):
        raise UserError(f"--vary={vary}: name at least one flag, and each once, such as 'dropout=0.1..0.5'")
    chance = random.Random(seed)
    draws = (tuple(dimension.draw(chance) for dimension in dimensions) for _ in range(100 * trials))
    found = list(dict.fromkeys(draws))[:trials]  # of n equally likely settings, one is missed with probability e^-100
    return [{dimension.name: value for dimension, value in zip(dimensions, drawn, strict=True)} for drawn in found]


def rungs(trials: int, *, halving: int) -> list[Rung]:
    """Returns the rounds of successive halving; one, if `halving` is 1.

    Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization" (2016); Li and
    others, "Hyperband" (2018). Here, a trial of a later round is a new run with a whole schedule of its own, since the
    beginning of a long schedule says little about its end.

    Before: 30 trials, halving 3; after: 30 with 1/27 of the steps, 10 with 1/9, 3 with 1/3, 1 with all.
    """
    counts = [trials]
    while halving > 1 and counts[-1] >= halving:
        counts.append(counts[-1] // halving)
    return [Rung(count, halving ** -float(len(counts) - 1 - place)) for place, count in enumerate(counts)]


def config_of(given: dict[str, Any], settings: dict[str, str], rung: Rung, *, folder: str, name: str) -> Config:
    """Returns the configuration of a trial: the given flags of all trials, and its own settings.

    Raises:
        UserError: the flags don't go together.
    """
    own = given_flags(Config, [f"--{flag}={value}" for flag, value in settings.items()])
    wanted = dict(given) | own | {"output_dir": folder, "name": name}
    whole = Config(**wanted)
    steps = max(1, round(whole.max_steps * rung.share)) if whole.max_steps else 0
    return dataclasses.replace(whole, epochs=max(1, round(whole.epochs * rung.share)), max_steps=steps)


def reason_of(status: int, log: str) -> str:
    """Returns why `train` failed, in one line.

    Before: 1, "…\\npython -m char_lstm_tf.train: --units=0: must be …\\n"; after: "--units=0: must be …". A status
    below 0 is the signal that killed it.
    """
    lines = [line for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"python -m \S+: |[\w.]*(Error|Exception)\b", line)]  # of a traceback
    if status < 0:
        name = signal.Signals(-status).name
        return f"killed by {name}" + (", perhaps for lack of memory" if status == -signal.SIGKILL else "")
    if not lines:
        return f"ended with status {status} and printed nothing"
    # without the command; for TensorFlow's errors, without the module and the node
    return re.sub(r"^(python -m \S+: |(\w+\.)+(?=\w+:))|\{\{.*?\}\} ", "", (errors or lines)[-1].strip())


def shown(settings: dict[str, str]) -> str:
    """Returns settings as flags: `--dropout=0.31 --units=128`."""
    return " ".join(f"--{name}={value}" for name, value in settings.items())
