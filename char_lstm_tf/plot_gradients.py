"""Draws how much of the loss at a character reaches the inputs before it, from runs with --gradient_steps.

    python -m char_lstm_tf.plot_gradients --model=saved_models/rnn --model=saved_models/lstm --png=reach.png

Each run's own picture, gradients.png, is in its folder already: a line for each epoch. This compares runs, by the last
epoch of each. What is drawn is gradients.csv, with these columns:

    epoch     from 0
    looks     training steps of the epoch that were looked at; what follows are their means
    weight    the weight that a row is about, such as lstm_1/recurrent_kernel; empty in rows about a distance
    distance  characters before the last one of a window
    norm      of the weight's gradient before clipping; or of d loss at the last character / d input so far before it
    largest   the largest absolute element of the weight's gradient in any of these steps
    clipped   the share of these steps in which it was clipped
"""

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from char_lstm_tf import command_line
from char_lstm_tf.config import Checked, option
from pipelines import UserError

COLUMNS = ("epoch", "looks", "weight", "distance", "norm", "largest", "clipped")
LEAST = 1e-8  # share of the gradient below which a picture shows nothing


@dataclasses.dataclass(frozen=True)
class PlotConfig(Checked):
    """What to draw."""

    model: tuple[str, ...] = option((), "Folders of runs, each trained with --gradient_steps.")
    png: str = option("gradients.png", "The picture to write.")


def main() -> None:
    """Draws."""
    config = command_line.read_flags(PlotConfig)
    if not config.model:
        raise UserError("--model: name a run to draw, such as --model=saved_models/quickstart")
    names = [Path(model).name for model in config.model]
    called = names if len(set(names)) == len(names) else config.model
    logs = {name: Path(model) / "gradients.csv" for name, model in zip(called, config.model, strict=True)}
    if len(logs) < len(config.model):
        raise UserError(f"--model={','.join(config.model)}: name each run once")
    for model, log in zip(config.model, logs.values(), strict=True):
        if not log.is_file():
            raise UserError(f"--model={model}: it has no gradients.csv; train it with --gradient_steps=100")
    try:
        draw(logs, Path(config.png))
    except (OSError, ValueError) as error:  # matplotlib knows kinds of pictures by their endings
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"--png={config.png}: {reason}; name a file that can be written") from error
    for run, log in logs.items():
        reach = list(reach_by_epoch(log).values())[-1]
        shares = ", ".join(f"{reach[t] / reach[0]:.1e} {t} before" for t in (1, 10, 20, 50) if t < len(reach))
        print(f"{run}: of what reaches the last character, {shares}")


def reach_by_epoch(log: Path) -> dict[int, list[float]]:
    """Returns the norms of a gradients.csv by distance, `[T]`, for each epoch."""
    epochs: dict[int, list[float]] = {}
    with log.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["distance"]:
                epochs.setdefault(int(row["epoch"]), []).append(float(row["norm"]))
    return epochs


def draw(logs: Mapping[str, Path], png: Path) -> None:
    """Draws a line for the last epoch of each run, or of a single run one for each epoch.

    Args:
        logs: gradients.csv of each run, by its name.
        png: file to write.
    """
    from matplotlib.figure import Figure  # not pyplot: it would look for a screen

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    lines = {run: list(reach_by_epoch(log).values())[-1] for run, log in logs.items()}
    if len(logs) == 1:
        ((run, log),) = logs.items()
        lines = {f"epoch {epoch + 1}": reach for epoch, reach in reach_by_epoch(log).items()}
        axes.set_title(run)
    for place, (label, reach) in enumerate(lines.items()):
        color = {"color": f"{0.8 * (1 - (place + 1) / len(lines)):.2f}"} if len(logs) == 1 else {}
        shown = label if len(lines) <= 6 or place in (0, len(lines) - 1) else None
        axes.semilogy([norm / reach[0] for norm in reach], label=shown, **color)
    axes.set_ylim(bottom=max(LEAST, axes.get_ylim()[0]))
    axes.set_xlabel("characters before the last one")
    axes.set_ylabel("gradient, as a share of that at the last")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(png, dpi=120)


if __name__ == "__main__":
    command_line.run(main, PlotConfig)
