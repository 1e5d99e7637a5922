"""How the next token is chosen, as a value that has been checked."""

import dataclasses
import numbers
import operator
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from pipelines import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        temperature: below 1: safer; above 1: wilder; 0: the likeliest token every time.
        top_k: choose among this many of the likeliest tokens; 0: among all.
        top_p: choose among the likeliest tokens that together have this probability; 1: among all.
        seed: of the random numbers, a signed number of 64 bits. Default: a new one.
        stop: the text ends before any of these.

    Raises:
        UserError: an argument has another type, or is out of its range.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    seed: int = dataclasses.field(default_factory=lambda: secrets.randbits(31))
    stop: Sequence[str] = ()

    def __post_init__(self) -> None:
        temperature = real_number("temperature", self.temperature)
        _require("temperature", self.temperature, 0 <= temperature <= 1e6, "a number from 0 to 1,000,000")
        top_p = real_number("top_p", self.top_p)
        _require("top_p", self.top_p, 0 < top_p <= 1, "a number above 0 and at most 1")
        stop = list_of_texts("stop", self.stop)
        _require("stop", self.stop, all(stop), "texts of at least one character")
        checked = {
            "temperature": temperature,
            "top_k": whole_number("top_k", self.top_k, below=2**31),
            "top_p": top_p,
            "seed": whole_number("seed", self.seed, at_least=-(2**63), below=2**63),
            "stop": tuple(stop),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def for_rows(self, count: int, *, first: int = 0) -> "list[Sampling]":
        """Returns one for each of `count` texts, with the seeds `seed + first`, `seed + first + 1` and so on.

        Raises:
            UserError: a seed would have more than 64 bits.
        """
        last = self.seed + first + count - 1
        _require("seed", self.seed, last < 2**63, f"less by {last - 2**63 + 1}, so that every text has a seed")
        return [dataclasses.replace(self, seed=self.seed + first + row) for row in range(count)]


def whole_number(name: str, value: Any, *, at_least: int = 0, below: int) -> int:
    """Returns an argument that must be a whole number, also one of numpy. Raises UserError for any other."""
    try:
        number = operator.index(value)
    except TypeError:
        number = below
    fits = at_least <= number < below and not isinstance(value, bool)
    _require(name, value, fits, f"a whole number from {at_least:,} to {below - 1:,}")
    return number


def real_number(name: str, value: Any) -> float:
    """Returns an argument that must be a number. Raises UserError for any other."""
    _require(name, value, isinstance(value, numbers.Real) and not isinstance(value, bool), "a number")
    return float(value)


def list_of_texts(name: str, values: Iterable[str]) -> list[str]:
    """Returns an argument that must be a list of texts. Raises UserError for any other, such as a single text."""
    alone = isinstance(values, str | bytes) or not isinstance(values, Iterable)
    texts = [] if alone else list(values)
    _require(name, values, not alone and all(isinstance(text, str) for text in texts), "a list of str")
    return texts


def _require(name: str, value: Any, holds: bool, rule: str) -> None:
    if not holds:
        raise UserError(f"{name}={value!r}: must be {rule}")
