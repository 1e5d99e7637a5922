"""Sealed choices: which of several variants the flags choose, and which flags then have an effect.

The fields of a variant are the flags that it reads, or further variants: of a union, the first one that the flags
choose. `Annotated[int | None, "--text"]` is a flag that is read only if another one is given, and otherwise None.
`Literal["shuffled"]` allows only these values of its flag.
"""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Literal

from pipelines import UserError
from pipelines.options import format_flag


@typing.dataclass_transform(kw_only_default=True, frozen_default=True)
class Variant:
    """What some flags mean together. A subclass is a frozen dataclass.

    Attributes:
        chosen_by: the flag that chooses it, with its values, such as "--documents=lines|rows"; "--books": with any
            value. Empty: chosen if nothing before it in the union is.
        reason: why it allows only some values of a flag, for the error message.
    """

    chosen_by: ClassVar[str] = ""
    reason: ClassVar[str] = ""

    def __init_subclass__(cls, *, chosen_by: str = "", reason: str = "") -> None:
        cls.chosen_by, cls.reason = chosen_by, reason
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)


class NoEffectError(UserError):
    """A flag that is given has no effect with the others. `flag` is its name."""

    def __init__(self, flag: str, message: str) -> None:
        super().__init__(message)
        self.flag = flag


def resolve(kind: Any, flags: Mapping[str, Any]) -> Any:
    """Returns the variant of a class, or of a union of them, that the values of all flags choose.

    Raises:
        UserError: a flag has a value that the variant doesn't allow.
    """
    variant = next(each for each in _variants(kind) if not each.chosen_by or _holds(each.chosen_by, flags))
    values = {}
    for name, inner in _fields(variant).items():
        if _variants(inner):
            values[name] = resolve(inner, flags)
            continue
        allowed = typing.get_args(inner) if typing.get_origin(inner) is Literal else ()
        if allowed and flags[name] not in allowed:
            needed = " or ".join(f"--{name}={value}" for value in allowed)
            given = f"--{name}={format_flag(flags[name])}"
            raise UserError(f"{given}: {variant.chosen_by} needs {needed}, since {variant.reason}")
        conditions = _conditions(inner)
        read = not conditions or any(_holds(condition, flags) for condition in conditions)
        values[name] = flags[name] if read else None
    return variant(**values)


def require_effect(kind: Any, chosen: Variant, flags: Mapping[str, Any]) -> None:
    """Checks that the variant that `resolve` returned for `kind` reads all flags that are given.

    Raises:
        NoEffectError: it doesn't read one of them.
    """
    read = set(_flags_read(chosen))
    for name, value in flags.items():
        if name not in read:
            raise NoEffectError(name, f"--{name}={format_flag(value)}: {_why_unread(name, kind, chosen)}")


def _holds(condition: str, flags: Mapping[str, Any]) -> bool:
    """Returns whether flags meet a condition such as "--documents=lines|rows", or "--books", which any value meets."""
    name, equals, values = condition.removeprefix("--").partition("=")
    if not equals:
        return bool(flags[name])
    return any(fnmatchcase(format_flag(flags[name]), value) for value in values.split("|"))


def _flag_of(condition: str) -> str:
    """Returns the name of the flag of a condition; "" of none."""
    return condition.removeprefix("--").partition("=")[0]


def _variants(kind: Any) -> list[type[Variant]]:
    """Returns the variants of a union, or of one class; [] of the type of a flag."""
    union = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return [each for each in union if isinstance(each, type) and issubclass(each, Variant)]


def _fields(variant: type[Variant]) -> dict[str, Any]:
    """Returns the type of each field of a variant."""
    kinds = typing.get_type_hints(variant, include_extras=True)
    return {name: kind for name, kind in kinds.items() if typing.get_origin(kind) is not ClassVar}


def _conditions(kind: Any) -> tuple[str, ...]:
    """Returns the conditions of which one must hold for a flag to be read; (): it always is."""
    return typing.get_args(kind)[1:] if typing.get_origin(kind) is Annotated else ()


def _flags_read(chosen: Variant) -> Iterator[str]:
    """Yields the names of the flags that a variant reads, the one that chose it included."""
    yield _flag_of(chosen.chosen_by)
    for name, kind in _fields(type(chosen)).items():
        value = getattr(chosen, name)
        if _variants(kind):
            yield from _flags_read(value)
        elif value is not None or not _conditions(kind):
            yield name


def _needs(name: str, kind: Any) -> dict[type[Variant], list[str]]:
    """Returns the variants of a union that may read a flag, each with the conditions for that, if there are any."""
    found = {}
    for variant in _variants(kind):
        fields = _fields(variant)
        inner = [needs for each in fields.values() for needs in _needs(name, each).values()]
        if name in fields or inner or name == _flag_of(variant.chosen_by):
            deeper = [need for needs in inner for need in needs]
            own = _conditions(fields.get(name)) or deeper or [variant.chosen_by]
            found[variant] = [need for need in own if _flag_of(need) not in ("", name)]
    return found


def _why_unread(name: str, kind: Any, chosen: Variant) -> str:
    """Returns why a flag has no effect, and the remedy: which choice excludes it, or which one it would need."""
    readers = _needs(name, kind)
    may_read = type(chosen) in readers
    for field, inner in _fields(type(chosen)).items() if may_read else ():
        if _needs(name, inner):
            return _why_unread(name, inner, getattr(chosen, field))
    needed = dict.fromkeys(need for needs in readers.values() for need in needs)
    if needed and (may_read or len(readers) <= 2):
        return f"only has an effect with {' or '.join(needed)}; add that, or leave it out"
    return f"has no effect with {chosen.chosen_by}; leave one of them out"
