"""Files that flags name: checked before the work is done, and errors that name the flag."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines import UserError
from pipelines.files import path_of
from pipelines.options import Options


def require_writable(options: Options, *flags: str, texts: Iterable[str] = ()) -> None:
    """Checks the files that flags name as output, as far as that is possible before they are written.

    Args:
        options: the values of the flags. An empty one names no file.
        flags: names of flags.
        texts: files that are read, and must not be replaced.

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
    """Gives the path of a file that is read or written. An error in that names the flag.

    Raises:
        UserError: the file can't be read or written, or has no text in UTF-8.
    """
    try:
        yield path_of(name)
    except UnicodeDecodeError as error:
        raise UserError(f"--{flag}={name}: not UTF-8 ({error.reason}); convert it") from error
    except UserError:
        raise
    except (OSError, ValueError) as error:  # ValueError: matplotlib knows the format of a picture by its ending
        raise UserError(f"--{flag}={name}: {getattr(error, 'strerror', None) or error}; name another file") from error
