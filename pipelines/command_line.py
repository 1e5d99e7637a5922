"""Command line → options, and how a command exits.

Flags are the fields of `Options`, so a default and its explanation stand in one place.
"""

import contextlib
import dataclasses
import io
import itertools
import os
import shutil
import signal
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from absl import flags

from pipelines import UserError, flagfiles
from pipelines.options import Options, format_flag


def _define(field: dataclasses.Field[Any], kind: Any, flag_values: flags.FlagValues) -> None:
    """Defines the flag of a field of type `kind`."""
    name, help_text = field.name, field.metadata["help"]
    default: Any = field.default
    kind = next(iter(typing.get_args(kind)), kind) if typing.get_origin(kind) is not tuple else kind  # of `int | None`
    if choices := field.metadata["choices"]:
        flags.DEFINE_enum(name, default, choices, help_text, flag_values=flag_values)
    elif kind == tuple[str, ...]:
        flags.DEFINE_multi_string(name, default, help_text, flag_values=flag_values)
    elif typing.get_origin(kind) is tuple:
        flags.DEFINE_list(name, [str(value) for value in default], help_text, flag_values=flag_values)
    else:
        define = {
            bool: flags.DEFINE_bool,
            int: flags.DEFINE_integer,
            float: flags.DEFINE_float,
            str: flags.DEFINE_string,
        }[kind]
        define(name, default, help_text, flag_values=flag_values)


def given_flags(options: type[Options], words: Sequence[str]) -> dict[str, Any]:
    """Returns what a command line gives: the values of its flags, those of its flagfiles included, by field.

    Raises:
        UserError: a flag is unknown or has a value of another type, or a word is no flag.
    """
    flag_values, kinds = flags.FlagValues(), typing.get_type_hints(options)
    for field in dataclasses.fields(options):
        if field.name != options.positional:
            _define(field, kinds[field.name], flag_values)
    for former, name in options.former_names.items():
        flags.DEFINE_alias(former, name, flag_values=flag_values)
    try:
        rest = flag_values(["", *flagfiles.expand(words, recipes=options.recipes)])[1:]
    except flags.Error as error:
        raise UserError(f"{error} (--help explains every flag)") from None
    _replace_repeated_flags(words, flag_values)
    given = {}
    for field in dataclasses.fields(options):
        if field.name == options.positional:
            given[field.name], rest = tuple(rest), []
        elif flag_values[field.name].present:
            value = flag_values[field.name].value
            given[field.name] = _as_tuple(field.name, value, kinds[field.name])
    if rest:
        raise UserError(f"{rest[0]!r} is no flag; flags are written --name=value")
    return given


def _as_tuple(name: str, value: Any, kind: Any) -> Any:
    """Returns the value of a flag; the list of one that takes several as a tuple of their type."""
    if typing.get_origin(kind) is not tuple:
        return value
    element = typing.get_args(kind)[0]
    try:
        return tuple(element(item) for item in value or () if item)  # `--text=` gives nothing
    except ValueError:
        what = "whole numbers" if element is int else "numbers"
        raise UserError(f"--{name}={','.join(value)}: must be {what}, separated by commas") from None


def _replace_repeated_flags(words: Sequence[str], flag_values: flags.FlagValues) -> None:
    """Lets flags that may be repeated replace what the flagfiles say of them, as all other flags do.

    absl appends: `--flagfile=a.flags --text=b.txt` would read the texts of both.
    """
    given: dict[str, list[str]] = {}
    for word, following in itertools.zip_longest(words, words[1:]):
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name in flag_values and isinstance(flag_values[name], flags.MultiFlag):
            given.setdefault(name, []).append(value if equals else following)
    for name, values in given.items():
        flag_values[name].value = values


def run(main: Callable[[Any], int | None], options: type[Options], *, read: Callable[..., Any] | None = None) -> None:
    """Reads the command line, calls `main` with what it says, and ends the process.

    Exit status 0: it worked; 1: the user has to change something; 3: training diverged; 129, 130 and 143: ended by
    SIGHUP, SIGINT and SIGTERM, as a shell reports them; 141: the reader of its output is gone. All but 0 and 141 print
    a line to stderr.

    Args:
        main: the command. What it returns is the exit status, None being 0.
        options: defines the flags.
        read: turns the given flags, as keyword arguments, into the argument of `main`. Default: `options`.
    """
    module = sys.modules["__main__"]
    name = module.__spec__.name if module.__spec__ else sys.argv[0]
    command = f"python -m {name.removesuffix('.__main__')}"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a closed one is None
            stream.reconfigure(errors="backslashreplace")  # a character that it can't encode ends nothing
    try:
        if {"--help", "-help", "-?"} & set(sys.argv[1:]):
            print(module.__doc__, help_text(options), sep="\n", flush=True)
            return
        status = main((read or options)(**given_flags(options, sys.argv[1:])))
        if sys.stdout is not None:
            sys.stdout.flush()
    except UserError as error:
        _complain(f"{command}: {error}")
        sys.exit(error.status)
    except BrokenPipeError:  # the reader of our output, such as head, is gone
        _silence(sys.stdout)
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:  # a full disk, a folder that can't be read …
        _silence(sys.stdout)
        _complain(f"{command}: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        sys.exit(1)
    except KeyboardInterrupt:
        _complain(f"{command}: interrupted")
        sys.exit(128 + signal.SIGINT)
    sys.exit(status)


def python_command() -> str:
    """Returns the shortest way to type the running Python, such as `.venv/bin/python`."""
    here = os.path.relpath(sys.executable)
    return sys.executable if here.startswith("..") else here


def _complain(line: str) -> None:
    """Prints a line to stderr, unless it is closed."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def help_text(options: type[Options]) -> str:
    """Returns what `--help` says of the flags, in groups."""
    width = min(shutil.get_terminal_size().columns, 110)
    lines = []
    for heading, fields in options.groups().items():
        lines.append(heading)
        for field in fields:
            if field.name != options.positional:
                lines += _help_lines(field, typing.get_type_hints(options)[field.name], width)
        lines.append("")
    lines.append("--flagfile=FILE reads flags from a file, one per line. Later flags override it.")
    if options.recipes:
        lines.append("--flagfile=NAME reads a recipe:")
        for path in flagfiles.recipes_in(options.recipes):
            lines.append(f"  {path.stem:<22}{textwrap.shorten(flagfiles.purpose(path), width - 24, placeholder=' …')}")
    return "\n".join(lines)


def _help_lines(field: dataclasses.Field[Any], kind: Any, width: int) -> list[str]:
    """Returns a flag with its choices and its default, and its help below."""
    name = f"--[no]{field.name}" if kind is bool else f"--{field.name}"
    facts = []
    if choices := list(filter(None, field.metadata["choices"])):
        facts.append(", ".join(choices))
    if field.default not in (None, "", ()):
        facts.append(f"default: {format_flag(field.default)}")
    indent = " " * 6
    return [
        f"  {name}" + (f"  ({'; '.join(facts)})" if facts else ""),
        *textwrap.wrap(field.metadata["help"], width, initial_indent=indent, subsequent_indent=indent),
    ]


class TolerantStream:
    """A stream whose errors are ignored, so that a run continues.

    The reader of a pipe is gone (`train … | head`), the terminal is closed, or the disk is full.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes as a stream does."""
        return self._if_possible(lambda: self._stream.write(text)) or len(text)

    def flush(self) -> None:
        """Flushes as a stream does."""
        self._if_possible(self._stream.flush)

    def _if_possible(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except (OSError, ValueError):  # ValueError: the stream is closed
            _silence(self._stream)


@contextlib.contextmanager
def tolerant_output() -> Iterator[None]:
    """Keeps a command running when stdout or stderr is closed or can't be written."""
    with Path(os.devnull).open("w") as nowhere:
        out, log = (TolerantStream(stream or nowhere) for stream in (sys.stdout, sys.stderr))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(log):
            yield


def _silence(stream: TextIO) -> None:
    """Discards what is in the buffer of a stream, and all that is written to it from now on."""
    with contextlib.suppress(OSError, ValueError):  # it is closed already
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
