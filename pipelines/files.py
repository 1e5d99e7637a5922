"""Files and folders: those that flags name, and atomic writes."""

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipelines import UserError
from pipelines.options import Options

ASIDE = ".aside-*"  # what is being written, or what a killed process left behind


def path_of(flag_value: str | Path) -> Path:
    """Returns the path that a flag means: "~/runs" is a folder in the user's home.

    Raises:
        UserError: the user has no home.
    """
    try:
        return Path(flag_value).expanduser()
    except RuntimeError as error:
        raise UserError(f"{flag_value}: {error}; give a path without ~, or set HOME") from error


def require_writable(options: Options, *flags: str, texts: Iterable[str] = ()) -> None:
    """Checks the output files that flags name, as far as that is possible before they are written.

    An empty flag names no file. `texts` are files that are read, and must not be replaced.

    Raises:
        UserError: one is a folder, is in no folder, or would replace a text or another output.
    """
    taken = {path_of(text).resolve(): "one of the texts" for text in texts}
    for flag in flags:
        if name := getattr(options, flag):
            path = path_of(name).resolve()
            options.require(path not in taken, flag, f"this is {taken.get(path)}; name another file")
            options.require(not path.is_dir(), flag, "is a folder; name a file in it")
            options.require(path.parent.is_dir(), flag, f"there is no folder {path.parent}; make it first")
            taken[path] = f"the file of --{flag}"


@contextmanager
def file_of(flag: str, name: str) -> Iterator[Path]:
    """Gives the path of a file to read or write. An error in the body is raised again with the name of the flag.

    Raises:
        UserError: the file can't be read or written, or has no text in UTF-8.
    """
    try:
        yield path_of(name)
    except UnicodeDecodeError as error:
        raise UserError(f"--{flag}={name}: not UTF-8 ({error.reason}); convert it") from error
    except UserError:
        raise
    except (OSError, ValueError) as error:  # ValueError: matplotlib knows the format of a picture by its suffix
        raise UserError(f"--{flag}={name}: {getattr(error, 'strerror', None) or error}; name another file") from error


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write a file or folder to, then syncs it and renames it into place.

    If the body raises, what it wrote is removed and `path` stays as it was.
    """
    aside = path.with_name(f".aside-{uuid.uuid4().hex[:8]}-{path.name}")  # Keras needs the suffix
    try:
        yield aside
        for written in [aside, *aside.rglob("*")]:
            _sync(written)
        aside.rename(path) if aside.is_dir() else aside.replace(path)
        _sync(path.parent)
    finally:
        remove(aside)


@contextmanager
def synced_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file to write bytes to. At the end, it waits until they are on the disk."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


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
