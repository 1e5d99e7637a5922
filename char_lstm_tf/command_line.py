"""From the command line to dataclasses and back, and how a command ends.

Flags are the fields of a dataclass made with `config.option`, so that a default and its explanation
stand in one place. TensorFlow isn't imported here: `--help` must not wait for it.
"""

import dataclasses
import itertools
import os
import signal
import sys
import tempfile
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from absl import flags

from char_lstm_tf.config import DEFAULT_CLIPNORM, Config, shown
from pipelines import UserError

flags.disclaim_key_flags()  # the flags belong to the command that is run


def define_flags(*parts: type, flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines a flag for each field of the dataclasses `parts`."""
    for part in parts:
        types = typing.get_type_hints(part)
        for field in dataclasses.fields(part):
            define = _definition(types[field.name], field.metadata["choices"])
            define(field.name, field.default, field.metadata["help"], flag_values=flag_values)


def _definition(kind: Any, choices: Sequence[str]) -> Callable[..., Any]:
    """Returns the absl function that defines a flag of type `kind`."""
    if choices:
        return lambda name, default, help, **rest: flags.DEFINE_enum(name, default, choices, help, **rest)
    match kind:
        case _ if kind == tuple[str, ...]:
            return flags.DEFINE_multi_string
        case _ if typing.get_origin(kind) is tuple:
            return lambda name, default, help, **rest: flags.DEFINE_list(
                name, [str(value) for value in default], help, **rest
            )
        case _ if kind is bool:
            return flags.DEFINE_bool
        case _ if kind in (int, int | None):
            return flags.DEFINE_integer
        case _ if kind in (float, float | None):
            return flags.DEFINE_float
        case _:
            return flags.DEFINE_string


def read_flags(part: type, flag_values: flags.FlagValues = flags.FLAGS) -> Any:
    """Returns an instance of the dataclass `part` with the values of its flags.

    Raises:
        UserError: a value doesn't fit; the message names the flag and the remedy.
    """
    values = {}
    for name, kind in typing.get_type_hints(part).items():
        value = flag_values[name].value
        if typing.get_origin(kind) is tuple:
            element = typing.get_args(kind)[0]
            try:
                value = tuple(element(item) for item in value or () if item)  # --text= takes the others back
            except ValueError:
                what = "whole numbers" if element is int else "numbers"
                raise UserError(f"--{name}={','.join(value)}: must be {what}, separated by commas") from None
        values[name] = value
    return part(**values)


def read_config(flag_values: flags.FlagValues = flags.FLAGS) -> Config:
    """Returns the configuration that the flags of `train` describe."""
    return Config(**{name: read_flags(part, flag_values) for name, part in Config.parts().items()})


def set_defaults(values: Mapping[str, Any], flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Changes what flags are when they aren't given."""
    for name, value in values.items():
        flag_values.set_default(name, shown(value))


def flag_lines(config: Config) -> str:
    """Returns `config` as the text of a flagfile, a flag a line, defaults included.

    Before: `DataConfig(split=(0.9, 0.1, 0.0), clean=True, …)`; after: `--split=0.9,0.1,0.0\\n--clean=true\\n…`.
    """
    lines = []
    for part in (config.data, config.model, config.training):
        for name, kind in typing.get_type_hints(type(part)).items():
            value = getattr(part, name)
            if name in ("overwrite", "resume"):
                continue  # who repeats a run has asked for neither
            if name == "clipnorm" and value == DEFAULT_CLIPNORM:
                continue  # so that another clip may be given after the file
            if kind == tuple[str, ...]:
                lines += [f"--{name}={item}" for item in value]
            elif isinstance(value, tuple):
                lines.append(f"--{name}={shown(value)}")
            elif isinstance(value, bool):
                lines.append(f"--{name}={str(value).lower()}")
            elif value is not None:
                lines.append(f"--{name}={shown(value)}")
    return "\n".join(lines) + "\n"


def config_from_lines(text: str) -> Config:
    """Returns the configuration that `flag_lines` wrote.

    Raises:
        UserError: a line is no flag of this version.
    """
    flag_values = flags.FlagValues()
    define_flags(*Config.parts().values(), flag_values=flag_values)
    try:
        rest = flag_values(["flags.txt", *text.rstrip("\n").split("\n")])[1:]
    except flags.Error as error:
        raise UserError(f"flags.txt: {error}") from None
    if rest:
        raise UserError(f"flags.txt: {rest[0]!r} is no flag")
    return read_config(flag_values)


def resumed_config(asked: Config, saved: Config, flag_values: flags.FlagValues = flags.FLAGS) -> Config:
    """Returns the configuration with which a run goes on: `saved`, and what it may be asked to change.

    Args:
        asked: what the command line says.
        saved: what the run began with.
        flag_values: which of `asked` was given, rather than left to its default.

    Raises:
        UserError: a flag was given that would change the outcome.
    """
    parts = {}
    for part in dataclasses.fields(Config):
        before, now = getattr(saved, part.name), getattr(asked, part.name)
        changes = {}
        for field in dataclasses.fields(before):
            value, old = getattr(now, field.name), getattr(before, field.name)
            if not flag_values[field.name].present or value == old:
                continue
            if field.metadata["outcome"]:
                raise UserError(
                    f"--{field.name}={shown(value)}: the run to --resume began with {shown(old)}; leave the flag out, "
                    "or begin another run with it"
                )
            changes[field.name] = value
        parts[part.name] = dataclasses.replace(before, **changes)
    return Config(**parts)


def replace_repeated_flags(words: Sequence[str], flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Lets flags that may be repeated replace what the flagfiles say of them, as all other flags do.

    absl appends: `--flagfile=a.flags --text=b.txt` would read the texts of both.

    Args:
        words: the command line, without the name of the program.
        flag_values: which have been parsed from it.
    """
    given: dict[str, list[str]] = {}
    for word, following in itertools.zip_longest(words, words[1:]):
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name in flag_values and isinstance(flag_values[name], flags.MultiFlag):
            given.setdefault(name, []).append(value if equals else following)
    for name, values in given.items():
        flag_values[name].value = values


class Unread:
    """A stream that stays silent once nobody reads it: `train … | head` is to see a head, not to end the run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes as a stream does."""
        return self._unless_closed(lambda: self._stream.write(text)) or len(text)

    def flush(self) -> None:
        """Flushes as a stream does."""
        self._unless_closed(self._stream.flush)

    def _unless_closed(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except BrokenPipeError:
            silence(self._stream)


def silence(stream: TextIO) -> None:
    """Lets go of all that is written to a stream from now on, what waits in its buffer included."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run(main: Callable[[], None], *parts: type) -> None:
    """Parses the command line into the flags of `parts`, calls `main`, and ends the process.

    Exit status 0: it worked; 1: the user has to change something; 3: training diverged; 130, 141 and 143: ended by
    SIGINT, by a reader that left, and by SIGTERM, as a shell reports them. 1, 3 and 130 are said in a line on stderr.
    """
    command = f"python -m {sys.modules['__main__'].__spec__.name}"
    define_flags(*parts)
    flags.DEFINE_bool("help", False, "Show this.", short_name="?", allow_hide_cpp=True)
    try:
        rest = flags.FLAGS(sys.argv)[1:]
        if flags.FLAGS.help:
            print(sys.modules["__main__"].__doc__, flags.FLAGS.main_module_help(), sep="\n", flush=True)
            return
        if rest:
            raise UserError(f"{rest[0]!r} is no flag; flags are written --name=value")
        replace_repeated_flags(sys.argv[1:])
        main()
    except (UserError, flags.Error) as error:
        hint = " (--help explains every flag)" if isinstance(error, flags.Error) else ""
        print(f"{command}: {error}{hint}", file=sys.stderr)
        sys.exit(getattr(error, "status", 1))
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        silence(sys.stdout)
        sys.exit(128 + signal.SIGPIPE)
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def load_tensorflow(*, verbose: bool = False) -> None:
    """Imports TensorFlow without what its C++ code says meanwhile (CPU features, absent GPUs), unless `verbose`.

    An exception shows all of it: then it may say why.
    """
    if verbose:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # from here on: errors alone
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for GPUs now, rather than at the first operation
        except BaseException:
            log.seek(0)
            os.write(terminal, log.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
