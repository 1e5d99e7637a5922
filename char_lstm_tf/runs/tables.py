"""Runs and numbers as lines of a table."""

import math
import time
from collections.abc import Mapping
from typing import Any

from char_lstm_tf.config import OUTCOME
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.metrics import HELD_OUT, Metrics
from char_lstm_tf.runs.progress import Progress
from pipelines.options import format_flag

COLUMNS = "{:<24} {:<12} {:>8} {:>13} {:>11} {:>11} {:>9}"
HEADER = COLUMNS.format("run", "state", "progress", "val nats/char", "test", "parameters", "age")
MEASURES = ("parameters", "characters_seen", "epoch", "seconds", "chars_per_second")


def format_number(value: float | None, digits: int) -> str:
    """Returns a number as tables show it: `1,234.50`, `3.73e+12` from 1e9 on, `-` for None."""
    if value is None:
        return "-"
    return f"{value:,.{digits}f}" if value < 1e9 else f"{value:.{digits}e}"


def print_facts(facts: Mapping[str, Any], *, widths: tuple[int, int]) -> None:
    """Prints a line for each name and value, in columns of these widths."""
    for name, value in facts.items():
        number = f"{value:,}" if isinstance(value, int) else repr(value)
        shown = format_number(value, 4) if value is None or isinstance(value, float) else number
        label = name if " " in name else name.replace("_", " ")  # one with a blank may name a file
        print(f"{label:<{widths[0]}}{shown:>{widths[1]}}")


def row(run: RunFolder) -> str:
    """Returns a run as a line below `HEADER`."""
    metrics, progress, changed = run.load_metrics(), None, run.flags
    if metrics:
        changed = run.metrics
    elif file := run.newest_progress():
        progress, changed = Progress.load(file), file
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
        f"{metrics.training.parameters:,}" if metrics else "-",
        _age(time.time() - changed.stat().st_mtime),
    )


def held_out_table(metrics: Metrics) -> list[str]:
    """Returns the measures of the held-out parts as a table."""
    rows = metrics.held_out
    if all("accuracy" in row for row in rows.values()):  # the label is what the model answers
        lines = [f"{'held out':<12}{'documents':>11}{'accuracy':>11}{'nats/document':>15}"]
        for split, row in rows.items():
            lines.append(f"{split:<12}{row['documents']:>11,}{row['accuracy']:>11.1%}{row['nats_per_document']:>15.4f}")
        return lines
    lines = [f"{'held out':<12}{'characters':>12}{'nats/char':>11}{'bits/char':>11}{'perplexity/char':>17}"]
    for split, row in rows.items():
        losses = f"{row['nats_per_char']:>11.4f}{row['bits_per_char']:>11.4f}"
        perplexity = format_number(row["perplexity_per_char"], 2)
        lines.append(f"{split:<12}{row['characters']:>12,}{losses} {perplexity:>16}")
    for split, row in rows.items():
        shares = [name.removeprefix("nats_per_char_") for name in row if name.endswith("%")]
        listed = ", ".join(f"{share} {row[f'nats_per_char_{share}']:.2f}" for share in shares)
        lines += [f"nats/char of documents, {split}: at most {listed}"] if shares else []
    return lines


def comparison(one: RunFolder, other: RunFolder) -> str:
    """Returns the flags in which two runs differ, and the measures of both, one per line."""
    lines = [f"{'':<28}{one.path.name:>24}{other.path.name:>24}"]
    first, second = one.config.resolved(), other.config.resolved()
    for name in first:
        if name in OUTCOME and first[name] != second[name]:
            lines.append(f"{'--' + name:<28}{format_flag(first[name]):>24}{format_flag(second[name]):>24}")
    metrics = one.load_metrics(), other.load_metrics()
    for split in HELD_OUT:
        lines.append(f"{split + ' nats/char':<28}{_nats(metrics[0], split):>24}{_nats(metrics[1], split):>24}")
    for name in MEASURES:
        found = [getattr(each.training, name) if each else None for each in metrics]
        values = ["-" if value is None else f"{value:,}" for value in found]
        lines.append(f"{name.replace('_', ' '):<28}{values[0]:>24}{values[1]:>24}")
    return "\n".join(lines)


def _nats(metrics: Metrics | None, split: str) -> str:
    """Returns a loss, and the share of unknown characters if it is more than 1 in 1,000: "2.9600 (82% unknown)".

    For a classifier: "81.2% right".
    """
    measured = metrics.held_out.get(split) if metrics else None
    if not measured:
        return "-"
    if "nats_per_char" not in measured:
        return f"{measured['accuracy']:.1%} right"
    share = measured.get("unknown_characters", 0) / max(measured.get("characters", 1), 1)
    return f"{measured['nats_per_char']:.4f}" + (f" ({share:.1%} unknown)" if share > 1 / 1000 else "")


def _age(seconds: float) -> str:
    """Returns how long ago something was, in its largest unit: `3 h`."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"
