"""Sealed choices: which of several variants flags choose, and which flags have an effect then.

A variant is a frozen dataclass. Its fields are the flags that it reads, or further choices: a union of variants, of
which the first one that the flags choose is taken, or None where the union ends with it. A field whose type is
`Literal[…]` allows these values of its flag alone.
"""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from pipelines import UserError
from pipelines.options import format_flag


class Variant:
    """What some flags mean together.

    Attributes:
        chosen_by: the flag that chooses it, with its values, such as "--documents=lines|rows"; "--books": with any
            value. Empty: chosen if nothing before it in the union is.
        reason: why it allows only some values of a flag, for the error.
    """

    chosen_by: ClassVar[str] = ""
    reason: ClassVar[str] = ""

    def __init_subclass__(cls, *, chosen_by: str = "", reason: str = "") -> None:
        cls.chosen_by, cls.reason = chosen_by, reason

    @classmethod
    def switch(cls) -> tuple[str, str]:
        """Returns the name of the flag that chooses it, and the values; "" for any."""
        name, _, values = cls.chosen_by.removeprefix("--").partition("=")
        return name, values

    @classmethod
    def is_chosen(cls, flags: Mapping[str, Any]) -> bool:
        """Returns whether the flags choose it."""
        name, values = cls.switch()
        if not values:
            return not name or bool(flags[name])
        return any(fnmatchcase(format_flag(flags[name]), value) for value in values.split("|"))


class NoEffectError(UserError):
    """A flag that is given has no effect beside the others.

    Attributes:
        flag: its name.
    """

    def __init__(self, flag: str, message: str) -> None:
        super().__init__(message)
        self.flag = flag


def resolve(kind: Any, flags: Mapping[str, Any], owner: type[Variant] = Variant) -> Any:
    """Returns the variant that the flags choose.

    Args:
        kind: a class of variants, or a union of them.
        flags: the value of every flag.
        owner: the variant that has the field.

    Raises:
        UserError: a flag has a value that the owner doesn't allow.
    """
    for variant in (variants := _variants(kind)):
        if variant is types.NoneType:
            return None
        if variant.is_chosen(flags):
            kinds = _fields(variant)
            return variant(**{name: _value(name, kinds[name], flags, variant) for name in kinds})
    name, values = variants[0].switch()
    raise _not_allowed(name, [values], flags, owner)


def require_effect(kind: Any, chosen: Any, flags: Mapping[str, Any]) -> None:
    """Checks that a variant reads all flags that are given.

    Args:
        kind: the class or the union.
        chosen: what `resolve` returned.
        flags: those that are given, with their values.

    Raises:
        NoEffectError: it doesn't read one of them.
    """
    read = set(_flags_read(chosen))
    for name, value in flags.items():
        if name not in read:
            raise NoEffectError(name, f"--{name}={format_flag(value)}: {_why_unread(name, kind, chosen)}")


def _variants(kind: Any) -> tuple[Any, ...]:
    """Returns the variants of a union, or of one class; () of the type of a flag."""
    union = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return union if isinstance(union[0], type) and issubclass(union[0], Variant) else ()


def _fields(variant: type) -> dict[str, Any]:
    """Returns the type of each field of a variant."""
    kinds = typing.get_type_hints(variant)
    return {field.name: kinds[field.name] for field in dataclasses.fields(variant)}


def _value(name: str, kind: Any, flags: Mapping[str, Any], owner: type[Variant]) -> Any:
    """Returns the value of a field: that of its flag, or the variant that is chosen."""
    if _variants(kind):
        return resolve(kind, flags, owner)
    if typing.get_origin(kind) is typing.Literal and flags[name] not in typing.get_args(kind):
        raise _not_allowed(name, typing.get_args(kind), flags, owner)
    return flags[name]


def _not_allowed(name: str, values: Any, flags: Mapping[str, Any], owner: type[Variant]) -> UserError:
    allowed = " or ".join(f"--{name}={value}" for value in values)
    return UserError(f"--{name}={format_flag(flags[name])}: {owner.chosen_by} needs {allowed}, since {owner.reason}")


def _flags_read(chosen: Any) -> Iterator[str]:
    """Yields the names of the flags that a variant reads, those that chose it or its parts included."""
    if chosen is not None:
        yield chosen.switch()[0]
        for name, kind in _fields(type(chosen)).items():
            if _variants(kind):
                yield from _flags_read(getattr(chosen, name))
            else:
                yield name


def _flags_of(kind: Any) -> frozenset[str]:
    """Returns the flags that a field, a variant or one of a union may read."""
    names: set[str] = set()
    for variant in _variants(kind):
        if variant is not types.NoneType:
            names.add(variant.switch()[0])
            for name, inner in _fields(variant).items():
                names |= _flags_of(inner) or {name}
    return frozenset(names)


def _why_unread(name: str, kind: Any, chosen: Any) -> str:
    """Returns why a flag has no effect, and the remedy: which choice excludes it, or which one it would need."""
    if name in _flags_of(type(chosen)):
        inner = _fields(type(chosen)).items()
        field, field_kind = next((field, each) for field, each in inner if name in _flags_of(each))
        return _why_unread(name, field_kind, getattr(chosen, field))
    others = [each for each in _variants(kind) if each is not type(chosen) and name in _flags_of(each)]
    needed = [flag for each in others for flag in _needed(name, each)]
    needed = [flag for flag in needed if flag.partition("=")[0] not in ("", f"--{name}")]
    if needed and len(others) <= 2:
        return f"only has an effect with {' or '.join(needed)}; add that, or leave it out"
    return f"has no effect with {chosen.chosen_by}; leave one of them out"


def _needed(name: str, variant: type[Variant]) -> Iterator[str]:
    """Yields what chooses the innermost variants that read a flag, within one that may."""
    inner = [each for kind in _fields(variant).values() for each in _variants(kind) if name in _flags_of(each)]
    deeper = [each for each in inner if each.switch()[0] != name and each.chosen_by]
    if not deeper:
        yield variant.chosen_by
    for each in deeper:
        yield from _needed(name, each)
