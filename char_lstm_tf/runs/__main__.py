"""Lists the runs of a folder: state, progress, loss and age of each; or compares two of them.

    python -m char_lstm_tf.runs
    python -m char_lstm_tf.runs --compare=quickstart,frankenstein

A run is `running` (a process holds its lock), `finished`, `diverged` (diverged.txt says how) or `interrupted`, which
--resume of train goes on with. Progress and loss of a run that isn't finished are those of its newest checkpoint.
"""

import dataclasses
import json
import math
import time
from pathlib import Path

from char_lstm_tf import command_line
from char_lstm_tf.config import Checked, Config, option, shown
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.progress import Progress
from pipelines import UserError

COLUMNS = "{:<24}{:<13}{:>9}{:>14}{:>12}{:>12}{:>10}"
MEASURES = ("parameters", "characters_seen", "epoch", "seconds", "chars_per_second")


@dataclasses.dataclass(frozen=True)
class RunsConfig(Checked):
    """What to look at."""

    output_dir: str = option("saved_models", "Folder of all runs.")
    compare: tuple[str, ...] = option(
        (),
        "Names of two runs, separated by a comma: what they were asked and what they reached, where they differ.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        names = tuple(name for item in self.compare for name in item.split(","))
        object.__setattr__(self, "compare", names)
        self._require(len(names) in (0, 2), "compare", "two names, such as quickstart,frankenstein")


def main() -> None:
    """Prints the list, or the comparison."""
    config = command_line.read_flags(RunsConfig)
    folder = Path(config.output_dir)
    if not folder.is_dir():
        raise UserError(f"--output_dir={folder}: no such folder")
    if config.compare:
        print(comparison(*(_run(folder, name) for name in config.compare)))
    else:
        runs = [RunFolder(path) for path in sorted(folder.iterdir()) if (path / "flags.txt").is_file()]
        print(COLUMNS.format("run", "state", "progress", "val nats/char", "test", "parameters", "age"))
        for run in runs:
            print(row(run))


def _run(folder: Path, name: str) -> RunFolder:
    run = RunFolder(folder / name)
    if Path(name).name != name or not run.begun:
        raise UserError(f"--compare={name}: no run of this name in {folder}")
    return run


def row(run: RunFolder) -> str:
    """Returns a run as a line of the list."""
    metrics, progress, changed = {}, None, run.flags.stat().st_mtime
    if run.metrics.is_file():
        metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
        changed = run.metrics.stat().st_mtime
    elif (progress_file := run.newest_progress()) is not None:
        progress = Progress.load(progress_file)
        changed = progress_file.stat().st_mtime
    done = 1.0 if metrics else progress.step / progress.steps if progress else 0.0
    validation = _nats(metrics, "validation")
    if progress and progress.best_loss < math.inf:
        validation = f"{progress.best_loss:.4f}"
    return COLUMNS.format(
        run.path.name,
        run.state,
        f"{done:.0%}",
        validation,
        _nats(metrics, "test"),
        f"{metrics['parameters']:,}" if metrics else "-",
        _age(time.time() - changed),
    )


def comparison(one: RunFolder, other: RunFolder) -> str:
    """Returns the flags and figures in which two runs differ, a line each."""
    lines = [f"{'':<28}{one.path.name:>24}{other.path.name:>24}"]
    for part in dataclasses.fields(Config):
        first, second = getattr(one.config, part.name), getattr(other.config, part.name)
        for field in dataclasses.fields(first):
            values = [getattr(side, field.name) for side in (first, second)]
            if field.metadata["outcome"] and values[0] != values[1]:
                lines.append(f"{'--' + field.name:<28}{shown(values[0]):>24}{shown(values[1]):>24}")
    figures = [
        json.loads(run.metrics.read_text(encoding="utf-8")) if run.metrics.is_file() else {}
        for run in (one, other)
    ]
    for split in ("validation", "test"):
        lines.append(
            f"{split + ' nats/char':<28}" + "".join(f"{_nats(found, split):>24}" for found in figures)
        )
    for name in MEASURES:
        values = [f"{found[name]:,}" if name in found else "-" for found in figures]
        lines.append(f"{name.replace('_', ' '):<28}{values[0]:>24}{values[1]:>24}")
    return "\n".join(lines)


def _nats(metrics: dict, split: str) -> str:
    return f"{metrics[split]['nats_per_char']:.4f}" if split in metrics else "-"


def _age(seconds: float) -> str:
    """Returns how long ago something was, in its largest unit: `3 h`."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    command_line.run(main, RunsConfig)
