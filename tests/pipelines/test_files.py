from pathlib import Path

import pytest

from pipelines import UserError
from pipelines.files import path_of, remove, written_aside


def test_a_file_or_a_folder_appears_whole_or_not_at_all(tmp_path):
    def fail():
        with written_aside(target) as path:
            path.write_text("half")
            raise OSError("full")

    target = tmp_path / "f.txt"
    target.write_text("old")
    with pytest.raises(OSError, match="full"):
        fail()
    assert target.read_text() == "old"
    with written_aside(target) as path:
        path.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    with written_aside(tmp_path / "folder") as path:
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
