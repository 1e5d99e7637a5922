import os
import subprocess
import sys

import pytest
from conftest import ROOT
from test_options import All

from pipelines import UserError, command_line
from pipelines.command_line import given_flags


def test_only_what_is_given_is_returned_and_in_its_type():
    words = ["--files=a,b", "--files=c", "--units=3,4", "--dropout=0.5", "--clip", "2"]
    expected = {"files": ("a,b", "c"), "units": (3, 4), "dropout": 0.5, "clip": 2.0}
    assert given_flags(All, words) == expected
    assert given_flags(All, []) == {}


def test_flags_after_a_flagfile_replace_what_it_says(tmp_path):
    (tmp_path / "f.flags").write_text("# a comment\n--files=a\n--files=b\n--units=5\n")
    flagfile = f"--flagfile={tmp_path}/f.flags"
    assert given_flags(All, [flagfile]) == {"files": ("a", "b"), "units": (5,)}
    given = given_flags(All, [flagfile, "--files=c", "--files", "d", "--units=6"])
    assert given == {"files": ("c", "d"), "units": (6,)}
    assert given_flags(All, [flagfile, "--files="])["files"] == ()


def test_a_flagfile_may_begin_with_a_byte_order_mark_and_name_a_path_in_any_encoding(tmp_path):
    (tmp_path / "f.flags").write_bytes(b"\xef\xbb\xbf--units=5\r\n// a comment\n\n--files=caf\xe9\n")
    given = given_flags(All, [f"--flagfile={tmp_path}/f.flags"])
    assert given == {"units": (5,), "files": (os.fsdecode(b"caf\xe9"),)}


def test_a_line_of_a_flagfile_ends_at_a_new_line_alone(tmp_path):
    (tmp_path / "f.flags").write_text("--files=a\u2028b\x85c\n", encoding="utf-8")
    assert given_flags(All, [f"--flagfile={tmp_path}/f.flags"]) == {"files": ("a\u2028b\x85c",)}


def test_flagfiles_may_read_others_in_their_place_but_not_themselves(tmp_path):
    outer, inner = tmp_path / "outer", tmp_path / "inner"
    inner.write_text("--units=6\n--dropout=0.1\n")
    outer.write_text(f"--units=5\n--flagfile={inner}\n--dropout=0.2\n")
    assert given_flags(All, ["--flagfile", str(outer)]) == {"units": (6,), "dropout": 0.2}
    inner.write_text(f"--flagfile={outer}\n")
    with pytest.raises(UserError, match=f"--flagfile={outer}: reads itself"):
        given_flags(All, [f"--flagfile={outer}"])


def test_a_flagfile_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "f").write_text("--units=5\n", encoding="utf-16")
    with pytest.raises(UserError, match="not text in UTF-8; convert it"):
        given_flags(All, [f"--flagfile={tmp_path}/f"])
    with pytest.raises(UserError, match="Is a directory"):
        given_flags(All, [f"--flagfile={tmp_path}"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--unitz=3"], "Unknown command line flag 'unitz'"),
        (["units=3"], "'units=3' is no flag; flags are written --name=value"),
        (["--cell=rnn"], "--cell=rnn: value should be one of"),
        (["--units=big"], "--units=big: must be whole numbers, separated by commas"),
        (["--flagfile=nowhere.flags"], "nowhere.flags"),
    ],
)
def test_what_is_no_flag_or_no_value_of_one_is_refused(words, message):
    with pytest.raises(UserError, match=message):
        given_flags(All, words)


def test_help_lists_flags_in_groups_with_choices_and_defaults():
    lines = command_line.help_text(All).splitlines()
    assert lines[0] == "Text."
    assert lines[1:3] == ["  --files", "      Files."]
    assert lines[lines.index("Model.") - 1] == ""
    assert "  --cell  (lstm, gru; default: lstm)" in lines
    assert "  --units  (default: 8,8)" in lines


PROGRAM = """
import dataclasses, sys
from pathlib import Path
from pipelines import command_line
from pipelines.options import Options

@dataclasses.dataclass(frozen=True, kw_only=True)
class None_(Options):
    "Nothing."

def main(config):
    with command_line.tolerant_output():
        print("smørrebrød ☃", flush=True)
        print("on stderr ☃", file=sys.stderr, flush=True)
    Path(sys.argv[0]).with_suffix(".done").touch()

command_line.run(main, None_)
"""


@pytest.mark.parametrize("how", [">&- 2>&-", ">/dev/full 2>/dev/full", "2>/dev/null | true", ">out 2>err"])
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_nothing_that_becomes_of_the_output_ends_a_run(tmp_path, how, encoding):
    (tmp_path / "program.py").write_text(PROGRAM)
    shell = f"set -o pipefail; {sys.executable} program.py {how}"
    done = subprocess.run(
        ["bash", "-c", shell],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "program.done").exists()
    if "out" in how:
        expected = "smørrebrød ☃\n".encode(encoding, "backslashreplace")
        assert (tmp_path / "out").read_bytes() == expected


def test_a_full_disk_ends_a_command_that_only_prints_in_one_line(tmp_path):
    program = PROGRAM.replace("with command_line.tolerant_output():", "if True:")
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} program.py >/dev/full"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("No space left on device")
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_is_written_to_no_more():
    program = (
        "import sys, time; from pipelines.command_line import TolerantStream; out = TolerantStream(sys.stdout);"
        "[(print(i, file=out, flush=True), time.sleep(0.01)) for i in range(100)]; print('went on', file=sys.stderr)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.stderr.read() == "went on\n"
    assert process.wait() == 0
    process.stderr.close()
