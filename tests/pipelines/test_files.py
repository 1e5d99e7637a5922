import dataclasses
from pathlib import Path

import pytest

from pipelines import UserError
from pipelines.files import atomic_write, file_of, path_of, remove, require_writable
from pipelines.options import Options, option


def test_a_file_or_a_folder_appears_whole_or_not_at_all(tmp_path):
    def fail():
        with atomic_write(target) as path:
            path.write_text("half")
            raise OSError("full")

    target = tmp_path / "f.txt"
    target.write_text("old")
    with pytest.raises(OSError, match="full"):
        fail()
    assert target.read_text() == "old"
    with atomic_write(target) as path:
        path.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    with atomic_write(tmp_path / "folder") as path:
        (path / "in").mkdir(parents=True)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["f.txt", "folder"]


def test_of_a_link_only_the_link_is_removed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove(tmp_path / "link")
    remove(tmp_path / "missing")
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "file").read_text() == "x"
    remove(tmp_path / "kept")
    assert not list(tmp_path.iterdir())


def test_a_tilde_in_a_flag_is_the_home_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_of("~/runs") == tmp_path / "runs"
    assert path_of("runs/~x") == Path("runs/~x")
    with pytest.raises(UserError, match=r"~nobody_here/x: .*give a path without ~"):
        path_of("~nobody_here/x")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outputs(Options):
    """Outputs."""

    table: str = option("", "A file.")
    page: str = option("", "Another one.")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"page": "text.txt"}, "--page=text.txt: this is one of the texts; name another file"),
        ({"table": "a", "page": "./a"}, "--page=./a: this is the file of --table; name another file"),
        ({"table": "."}, "--table=.: is a folder"),
        ({"table": "absent/a"}, "--table=absent/a: there is no folder .*absent; make it first"),
    ],
)
def test_a_file_that_could_not_be_written_is_named_before_the_work_is_done(tmp_path, monkeypatch, values, message):
    monkeypatch.chdir(tmp_path)
    require_writable(Outputs(table="b", page="c"), "table", "page", texts=["text.txt"])
    with pytest.raises(UserError, match=message):
        require_writable(Outputs(**values), "table", "page", texts=["text.txt"])


def test_an_error_of_a_file_names_the_flag(tmp_path):
    (tmp_path / "latin").write_bytes(b"caf\xe9 au lait")
    found = {"absent": "No such file or directory; name another file", "latin": "not UTF-8 .*; convert it"}
    for name, message in found.items():
        place = str(tmp_path / name)
        with pytest.raises(UserError, match=f"--prompt={place}: {message}"), file_of("prompt", place) as path:
            path.read_text(encoding="utf-8")
    with pytest.raises(UserError, match=r"^--text=x: a mistake of its own$"), file_of("page", "a"):
        raise UserError("--text=x: a mistake of its own")
