"""flags.txt: the flags of a run, which `--flagfile` reads back."""

from char_lstm_tf.config import Config
from pipelines import UserError
from pipelines.command_line import given_flags
from pipelines.options import field_types, format_flag


def flag_lines(config: Config) -> str:
    """Returns the text of a flagfile that repeats a run: one flag per line, defaults included.

    Before: `Config(name="x", split=(0.9, 0.1, 0.0), …)`; after: `…\\n--split=0.9,0.1,0.0\\n--clean=true\\n…`.
    """
    lines = []
    for name, value in config.resolved().items():
        if name in ("overwrite", "resume") or value is None:
            continue  # repeating a run neither replaces nor resumes it
        values = value if field_types(Config)[name] == tuple[str, ...] else [value]
        lines += [f"--{name}={format_flag(item)}" for item in values]
    return "\n".join(lines) + "\n"


def config_from_lines(text: str) -> Config:
    """Returns the configuration that `flag_lines` wrote. Flags of older versions that had no effect are left out.

    Raises:
        UserError: a line is no flag of this version.
    """
    lines = text.rstrip("\n").split("\n")
    if any(line.lstrip("-").startswith("flagfile") for line in lines):
        raise UserError("flags.txt: a run's own flags must not read another file; remove the line with --flagfile")
    try:
        return Config.with_defaults(given_flags(Config, lines))
    except UserError as error:
        raise UserError(f"flags.txt: {error}; it is damaged, or of a newer version") from None
