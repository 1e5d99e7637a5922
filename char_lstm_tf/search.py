r"""Searches for good flags: trains with random values, and compares the validation losses.

    python -m char_lstm_tf.search --flagfile=quickstart --text=book.txt --name=book \
        --vary="dropout=0..0.5 learning_rate=log:2e-3..2e-2 units=96,96|128,128" --trials=30

--vary has a word for each flag that varies: a range, flag=LOW..HIGH; a range on a logarithmic scale,
flag=log:LOW..HIGH; or values, flag=A|B|C. All other flags are those of `train`.

With --halving=3, all trials first train for a small share of the steps, and the best third goes on to the next round
with three times as many, in new runs, until the best trains for all of them. So 30 trials cost about as much as four
whole runs. --halving=1 trains each trial in full.

Each trial is a run in saved_models/NAME: `python -m char_lstm_tf.runs --output_dir=saved_models/NAME` lists them. To
continue a search that was killed, give the same command again. Its runs are bit for bit those of an uninterrupted
search. It prints a table, and writes search.csv and search.png, with a line for each trial. TensorBoard shows the
trials under HParams (--logdir=saved_models/NAME). The test part isn't used.

No settings are tried twice. A trial that fails or diverges is shown with its reason, and the search goes on; the same
command doesn't try it again, unless its file saved_models/NAME/TRIAL.failed is deleted. Exit status 0: at least one
trial was measured.
"""

import csv
import dataclasses
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from char_lstm_tf.config import RECIPES, BatchConfig, Config, ModelConfig, OutputConfig, TextConfig, TrainingConfig
from char_lstm_tf.runs.cluster import Cluster
from char_lstm_tf.runs.folder import RunFolder, flag_lines
from char_lstm_tf.runs.metrics import Metrics
from char_lstm_tf.runs.plan import Plan
from char_lstm_tf.runs.text import prepare_text
from char_lstm_tf.runs.trials import Rung, config_of, reason_of, rungs, settings_of, shown
from char_lstm_tf.training.pictures import draw_trials
from pipelines import UserError, command_line
from pipelines.files import atomic_write, path_of
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

DIVERGED = 3  # exit status of `train`
STOPPED = frozenset(
    status for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM) for status in (128 + number, -number)
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchOptions(Options):
    """Search: what is tried."""

    vary: str = option("", "The flags that vary, and their values: 'dropout=0.1..0.5 learning_rate=log:1e-3..1e-2'.")
    trials: int = option(20, "How many different settings.", at_least=1, at_most=10_000)
    halving: int = option(
        3,
        "After each round, keep one in this many trials, and train it for this many times the steps. 1: no rounds.",
        at_least=1,
    )
    hours: float = option(0.0, "Start no trial after this many hours of training. 0: no limit.", at_least=0)


SEARCH = dataclasses.fields(SearchOptions)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchFlags(SearchOptions, TextConfig, BatchConfig, ModelConfig, TrainingConfig, OutputConfig):
    """All flags of the command."""

    recipes = RECIPES


@dataclasses.dataclass(frozen=True)
class Trial:
    """A trial that has ended.

    Attributes:
        round: its round.
        settings: the values of its flags.
        run: its folder.
        outcome: `measured`, `diverged` or `failed`.
        nats: its validation loss; infinite unless it was measured.
        seconds: of training.
        reason: why it wasn't measured.
    """

    round: int
    settings: dict[str, str]
    run: RunFolder
    outcome: str = "measured"
    nats: float = math.inf
    seconds: float = 0.0
    reason: str = ""

    @property
    def measured(self) -> bool:
        """Whether it has a loss to compare."""
        return self.outcome == "measured"

    @property
    def result(self) -> str:
        """Its loss, or what happened instead."""
        return f"{self.nats:.4f}" if self.measured else self.outcome


def main(given: dict[str, Any]) -> None:
    """Checks all flags, and searches."""
    flags = dict(given)
    options = SearchOptions(**{each.name: flags.pop(each.name) for each in SEARCH if each.name in flags})
    base = Config(**flags)
    for name in ("resume", "overwrite", "init_from"):
        base.require(not base.is_given(name), name, "doesn't go with a search; leave it out")
    base.require(base.split[1] > 0, "split", "leaves nothing to validate on, and a search compares validation losses")
    base.settings.network("has no training whose flags could be searched")
    if Cluster.from_environment():
        raise UserError("TF_CONFIG: a search uses one machine; unset it, and give each its own --seed and --name")
    settings = settings_of(options.vary, options.trials, seed=base.seed)
    folder, rounds = path_of(base.output_dir) / base.name, rungs(len(settings), halving=options.halving)
    configs = [config_of(flags, each, rounds[0], folder=str(folder), name="check") for each in settings]
    begin(folder, {"flags": flag_lines(base), "vary": options.vary, "trials": len(configs), "halving": options.halving})
    if len(settings) < options.trials:
        number = f"{len(settings)} setting{'s' * (len(settings) > 1)}"
        print(f"--trials={options.trials}: --vary allows only {number}; each is tried once", file=sys.stderr)
    ended = search(flags, settings, rounds, folder, hours=options.hours)
    if not ended:
        raise UserError(f"--hours={options.hours:g}: no trial has ended; give it more")
    write_files(folder, ended)
    print_best(ended)
    if not any(trial.measured for trial in ended):
        raise UserError(
            f"--vary={options.vary}: all {len(ended)} trials failed or diverged, for the reasons above; vary other "
            f"values with another --name, or delete {folder}/*.failed to try the same again"
        )


def begin(folder: Path, facts: dict[str, Any]) -> None:
    """Creates the folder of a search, or checks that the search in it is the same.

    Raises:
        UserError: it is another search or no search.
    """
    record, text = folder / "search.json", json.dumps(facts, indent=1) + "\n"
    if record.is_file():
        if record.read_text(encoding="utf-8") != text:
            raise UserError(
                f"--name={folder.name}: {folder} is a search with other flags; give the same flags, or another name"
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"--name={folder.name}: {folder} exists and is no search; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(record) as path:
        path.write_text(text, encoding="utf-8")


def search(
    flags: dict[str, Any], settings: list[dict[str, str]], rounds: list[Rung], folder: Path, *, hours: float
) -> list[Trial]:
    """Returns the trials of all rounds, in their order. No trial starts after `hours` of training; 0: no limit."""
    ended: list[Trial] = []
    chosen = list(range(len(settings)))
    for number, rung in enumerate(rounds, start=1):
        tried: dict[int, Trial] = {}
        chosen = chosen[: rung.trials]
        for place in chosen:
            if hours and sum(trial.seconds for trial in ended) > 3600 * hours:
                print(f"--hours={hours:g} are over in round {number}", file=sys.stderr)
                return ended
            name = f"{number}-{place + 1:03d}"
            config = config_of(flags, settings[place], rung, folder=str(folder), name=name)
            tried[place] = train(config, Trial(number, settings[place], RunFolder(folder / name)))
            ended.append(tried[place])
            print_progress(
                f"round {number} of {len(rounds)}, trial {len(tried)} of {len(chosen)}", list(tried.values())
            )
        measured = [place for place, trial in tried.items() if trial.measured]
        chosen = sorted(measured, key=lambda place: tried[place].nats)
    return ended


def print_progress(where: str, tried: list[Trial]) -> None:
    """Prints the result of the newest trial, and the best one of its round so far."""
    trial, best = tried[-1], min(other.nats for other in tried)
    compared = f" (best {best:.4f})" if math.isfinite(best) else ""
    reason = "" if trial.measured else f"\n    {trial.reason}"
    line = f"{where}: {trial.result}{' nats' * trial.measured}{compared}, {shown(trial.settings)}{reason}"
    print(line, file=sys.stderr, flush=True)


def train(config: Config, trial: Trial) -> Trial:
    """Returns a trial with its result. It trains in a new process, unless it has ended before.

    Raises:
        UserError: it ended for a reason that isn't its own, or its run has the flags of another trial.
    """
    run, failed = trial.run, trial.run.path.with_suffix(".failed")
    flagfile = run.path.with_suffix(".flags")
    if flagfile.is_file() and flagfile.read_text(encoding="utf-8") != flag_lines(config):
        raise UserError(f"--name={run.path.parent.name}: {flagfile} has other flags; choose another name")
    if not run.metrics.is_file() and not failed.is_file():
        attempt(config, trial, flagfile, failed)
    if not run.metrics.is_file():
        return dataclasses.replace(trial, **json.loads(failed.read_text(encoding="utf-8")))
    metrics = Metrics.load(run.metrics)
    measured, seconds = metrics.held_out["validation"], metrics.training.seconds
    nats = measured["nats_per_char"] if "nats_per_char" in measured else measured["nats_per_document"]
    if not math.isfinite(nats):
        return dataclasses.replace(trial, outcome="diverged", seconds=seconds, reason=f"its validation loss is {nats}")
    return dataclasses.replace(trial, nats=nats, seconds=seconds)


def attempt(config: Config, trial: Trial, flagfile: Path, failed: Path) -> None:
    """Trains in a new process. If that fails, writes the outcome and its reason to `failed`.

    Raises:
        UserError: it ended for a reason that isn't its own.
    """
    run, log = trial.run, trial.run.path.with_suffix(".log")
    with atomic_write(flagfile) as path:
        path.write_text(flag_lines(config), encoding="utf-8")
    print(f"training {run.path.name}; its progress is in {log}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "char_lstm_tf.train", f"--flagfile={flagfile}", "--resume"]
    began = time.monotonic()
    with log.open("ab") as file:
        status = subprocess.run(command, stdout=file, stderr=file, check=False).returncode
    if run.metrics.is_file():
        return
    reason = reason_of(status, log.read_text(encoding="utf-8", errors="replace"))
    require_own_fault(config, trial, status, reason)
    outcome = "diverged" if status == DIVERGED else "failed"
    facts = {"outcome": outcome, "reason": reason, "seconds": time.monotonic() - began}
    with atomic_write(failed) as path:
        path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def require_own_fault(config: Config, trial: Trial, status: int, reason: str) -> None:
    """Raises UserError if a trial ended for a reason that would end all others too, or that is temporary."""
    run = trial.run
    if status in STOPPED or (run.path.is_dir() and run.state == "running"):
        raise UserError(f"{run.path.name} ended with status {status}: {reason}; the same command continues the search")
    prepare_text(Plan(config, run, None))


def write_files(folder: Path, trials: list[Trial]) -> None:
    """Writes search.csv, search.png with the trials of the first round, and TensorBoard's HParams."""
    with atomic_write(folder / "search.csv") as path, path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["round", "run", *trials[0].settings, "nats", "seconds", "outcome", "reason"])
        for trial in trials:
            result = ["" if trial.outcome == "failed" else trial.nats, trial.seconds, trial.outcome, trial.reason]
            writer.writerow([trial.round, trial.run.path.name, *trial.settings.values(), *result])
    finite = [trial for trial in trials if trial.measured]
    if not finite:
        return
    first = [trial for trial in finite if trial.round == 1]
    with atomic_write(folder / "search.png") as path:
        draw_trials([trial.settings for trial in first], [trial.nats for trial in first], path)
    import_tensorflow()
    import tensorflow as tf
    from tensorboard.plugins.hparams import api

    for trial in finite:
        with tf.summary.create_file_writer(str(trial.run.logs / "hparams")).as_default():
            api.hparams(trial.settings | {"round": trial.round}, trial_id=trial.run.path.name)
            tf.summary.scalar("validation nats", trial.nats, step=0)


def print_best(trials: list[Trial]) -> None:
    """Prints the trials of the last round with a loss, the best first, those without, and the flags of the best."""
    last = max((trial.round for trial in trials if trial.measured), default=0)
    measured = sorted(
        (trial for trial in trials if trial.measured and trial.round == last), key=lambda trial: trial.nats
    )
    print(f"{'nats':>8}  {'run':<8}settings")
    for trial in measured + [trial for trial in trials if not trial.measured]:
        print(f"{trial.result:>8}  {trial.run.path.name:<8}{shown(trial.settings)}")
        if not trial.measured:
            print(f"{'':18}{trial.reason}")
    if measured:
        print(f"\nbest: {shown(measured[0].settings)}\nits run: {measured[0].run.path}")


if __name__ == "__main__":
    command_line.run(main, SearchFlags, read=dict)
