"""Settings as frozen dataclasses. Each field is also a flag, with its help, its choices and its limits in one place."""

import dataclasses
import operator
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pipelines import UserError

_LIMITS = {"at least": operator.ge, "above": operator.gt, "at most": operator.le, "below": operator.lt}


def option(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] = (),
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    outcome: bool = True,
) -> Any:
    """Returns a dataclass field that is also a flag.

    Args:
        default: its value unless given.
        help: what `--help` says.
        choices: the values allowed; none: any.
        at_least: a limit of the value, or of each element of a tuple; likewise `above`, `at_most` and `below`.
        outcome: whether the result of a run depends on it. If not, a resumed run may be given another value.
    """
    limits = dict(zip(_LIMITS, (at_least, above, at_most, below), strict=True))
    return dataclasses.field(
        default=default,
        metadata={
            "help": help,
            "choices": tuple(choices),
            "limits": {phrase: limit for phrase, limit in limits.items() if limit is not None},
            "outcome": outcome,
        },
    )


def format_flag(value: Any) -> str:
    """Returns a value as a flag takes it. Before: `(128, 128)`, "a⏎b"; after: `128,128`, `a\\nb`."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).replace("\n", r"\n")


def unescaped(text: str) -> str:
    r"""Returns the value of a flag with \n as new lines, as `format_flag` writes them."""
    return text.replace(r"\n", "\n")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Settings that check themselves. A mistake names the flag, its value and the remedy.

    The first line of a subclass's docstring is its heading in `--help`. A class that inherits from several of them
    has the fields of all.

    Attributes:
        recipes: the folder of flagfiles that are reached by their name, if there is one.
        former_names: of flags in earlier versions, which the command line and flagfiles may still use.
        positional: the field that takes the words of the command line that are no flags, if there is one.

    Raises:
        UserError: a value has the wrong type, is out of its limits, or contradicts another one.
    """

    recipes: ClassVar[Path | None] = None
    former_names: ClassVar[Mapping[str, str]] = types.MappingProxyType({})
    positional: ClassVar[str] = ""

    def __post_init__(self) -> None:
        kinds = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            self._check_field(field, kinds[field.name])
        self.check()

    def check(self) -> None:
        """Checks what no single field can check. Subclasses extend it, and call `super().check()`."""

    def require(self, condition: bool, name: str, remedy: str) -> None:
        """Raises UserError about a field unless the condition holds."""
        if not condition:
            raise UserError(f"--{name}={format_flag(getattr(self, name))}: {remedy}")

    def _check_field(self, field: dataclasses.Field[Any], kind: Any) -> None:
        value = getattr(self, field.name)
        if not _has_type(value, kind):
            wanted = kind.__name__ if type(kind) is type else kind
            raise UserError(f"--{field.name}={value!r}: must be of type {wanted}")
        choices, limits = field.metadata["choices"], field.metadata["limits"]
        self.require(not choices or value in choices, field.name, f"must be one of {', '.join(filter(None, choices))}")
        if value is None:
            return
        remedy = "must be " + " and ".join(f"{phrase} {limit:g}" for phrase, limit in limits.items())
        for element in value if isinstance(value, tuple) else (value,):
            within = all(_LIMITS[phrase](element, limit) for phrase, limit in limits.items())
            self.require(within, field.name, remedy)

    def is_given(self, name: str) -> bool:
        """Returns whether a field has another value than its default."""
        return bool(getattr(self, name) != self.__dataclass_fields__[name].default)

    def given(self) -> dict[str, Any]:
        """Returns the fields that have another value than their default."""
        names = [field.name for field in dataclasses.fields(self)]
        return {name: getattr(self, name) for name in names if self.is_given(name)}

    @classmethod
    def groups(cls) -> dict[str, list[dataclasses.Field[Any]]]:
        """Returns its fields by the heading of the class that defines them, those of the class itself first."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        found = {}
        for each in (cls, *cls.__bases__):
            if own := [fields[name] for name in vars(each).get("__annotations__", {}) if name in fields]:
                found[(each.__doc__ or "").splitlines()[0]] = own
        return found


def _has_type(value: Any, kind: Any) -> bool:
    if isinstance(kind, types.UnionType):
        return any(_has_type(value, one) for one in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_has_type(item, typing.get_args(kind)[0]) for item in value)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def has_raw_bytes(text: str) -> bool:
    """Returns whether a word of the command line holds bytes that aren't UTF-8, which Python keeps as surrogates."""
    return any("\ud800" <= character <= "\udfff" for character in text)
