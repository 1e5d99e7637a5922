"""Lists the runs of a folder: state, progress, loss and age of each. Or compares two of them.

    python -m char_lstm_tf.runs
    python -m char_lstm_tf.runs --compare=quickstart,frankenstein

A run is `running` (a process holds its lock), `finished`, `diverged` (see its diverged.txt) or `interrupted` (continue
it with --resume of train). The progress and the loss of an unfinished run are those of its newest checkpoint.
"""

import dataclasses
from pathlib import Path

from char_lstm_tf.runs import tables
from char_lstm_tf.runs.folder import RunFolder
from pipelines import UserError, command_line
from pipelines.files import path_of
from pipelines.options import Options, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunsConfig(Options):
    """What to show."""

    output_dir: str = option("saved_models", "Folder of all runs.")
    compare: tuple[str, ...] = option(
        (), "Names of two runs, separated by a comma: shows the flags and the results in which they differ."
    )

    def check(self) -> None:
        """Checks that there are two runs to compare, or none."""
        super().check()
        self.require(len(self.names) in (0, 2), "compare", "give two names, such as quickstart,frankenstein")

    @property
    def names(self) -> list[str]:
        """The names in --compare."""
        return [name for item in self.compare for name in item.split(",")]


def main(config: RunsConfig) -> None:
    """Prints the list, or the comparison."""
    folder = path_of(config.output_dir)
    if not folder.is_dir():
        raise UserError(f"--output_dir={folder}: no such folder; the first run of train makes it")
    if config.names:
        print(tables.comparison(*(_run(folder, name) for name in config.names)))
    else:
        print(tables.HEADER)
        for path in sorted(folder.iterdir()):
            if RunFolder(path).started:
                try:
                    print(tables.row(RunFolder(path)))
                except (UserError, OSError, LookupError, TypeError) as error:  # the other runs are still shown
                    print(f"{path.name:<24}{error}")


def _run(folder: Path, name: str) -> RunFolder:
    run = RunFolder(folder / name)
    if Path(name).name != name or not run.started:
        raise UserError(f"--compare={name}: no run of this name in {folder}")
    return run


if __name__ == "__main__":
    command_line.run(main, RunsConfig)
