import dataclasses
import math

import pytest

from pipelines import UserError
from pipelines.options import Options, format_flag, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text(Options):
    """Text."""

    files: tuple[str, ...] = option((), "Files.")
    encoding: str = option("", "Encoding.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model(Options):
    """Model."""

    cell: str = option("lstm", "Cell.", choices=("lstm", "gru"))
    units: tuple[int, ...] = option((8, 8), "Units.", at_least=1)
    dropout: float = option(0.0, "Dropout.", at_least=0, below=1)
    clip: float | None = option(None, "Clip.", above=0)

    def check(self) -> None:
        super().check()
        self.require(self.cell == "lstm" or not self.clip, "clip", "goes with lstm; leave it out")


@dataclasses.dataclass(frozen=True, kw_only=True)
class All(Text, Model):
    """All."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Both(Text):
    """Both."""

    sort: bool = option(False, "Sort.")


def test_several_groups_together_have_the_fields_and_checks_of_all():
    groups = {heading: [field.name for field in fields] for heading, fields in All.groups().items()}
    assert groups == {"Text.": ["files", "encoding"], "Model.": ["cell", "units", "dropout", "clip"]}
    assert list(Both.groups()) == ["Both.", "Text."]
    assert All(files=("a",), units=(3,)).given() == {"files": ("a",), "units": (3,)}
    with pytest.raises(UserError, match=r"--clip=0\.5: goes with lstm; leave it out"):
        All(cell="gru", clip=0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cell": "rnn"}, "--cell=rnn: must be one of lstm, gru"),
        ({"units": (3, 0)}, "--units=3,0: must be at least 1"),
        ({"dropout": 1.0}, "--dropout=1.0: must be at least 0 and below 1"),
        ({"dropout": -0.1}, "--dropout=-0.1: must be at least 0 and below 1"),
        ({"dropout": math.nan}, "--dropout=nan: must be at least 0"),
        ({"clip": 0.0}, "--clip=0.0: must be above 0"),
        ({"units": 8}, r"--units=8: must be of type tuple\[int, ...\]"),
        ({"units": ("8",)}, r"--units=\('8',\): must be of type tuple\[int, ...\]"),
        ({"files": "a.txt"}, r"--files='a.txt': must be of type tuple\[str, ...\]"),
        ({"dropout": "0"}, "--dropout='0': must be of type float"),
        ({"dropout": True}, "--dropout=True: must be of type float"),
        ({"clip": "1"}, r"--clip='1': must be of type float \| None"),
    ],
)
def test_a_wrong_value_is_named_with_its_flag_and_what_it_must_be(values, message):
    with pytest.raises(UserError, match=message):
        All(**values)


def test_an_int_is_accepted_for_a_float_and_none_for_an_optional():
    assert All(dropout=0, clip=None).clip is None


def test_values_are_written_as_flags_take_them():
    assert [format_flag(value) for value in ((1, 2), "a\nb", True, 0.5)] == ["1,2", r"a\nb", "true", "0.5"]
