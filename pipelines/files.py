"""Files and folders that appear whole or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines import UserError

ASIDE = ".aside-*"  # what is being written, or was when a process was killed


def path_of(flag_value: str | Path) -> Path:
    """Returns the path that a flag means: "~/runs" is a folder in the user's home.

    Raises:
        UserError: the user has no home.
    """
    try:
        return Path(flag_value).expanduser()
    except RuntimeError as error:
        raise UserError(f"{flag_value}: {error}; give a path without ~, or set HOME") from error


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write a file or folder to, then syncs it and renames it into place.

    If the body raises, what it wrote is removed and `path` stays as it was.
    """
    aside = path.with_name(f".aside-{uuid.uuid4().hex[:8]}-{path.name}")  # Keras wants the same ending
    try:
        yield aside
        for written in [aside, *aside.rglob("*")]:
            _sync(written)
        aside.rename(path) if aside.is_dir() else aside.replace(path)
        _sync(path.parent)
    finally:
        remove(aside)


def remove(path: Path) -> None:
    """Removes a file, a folder or a link, if it is there. What a link points to stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Waits until a file, or the list of a folder's entries, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
