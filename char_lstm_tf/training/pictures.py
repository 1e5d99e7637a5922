"""Pictures of a run: its curves, how far back in time its loss reaches, and which labels it confuses.

TensorFlow isn't needed.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipelines.files import atomic_write

# The panels of the curves: columns of training.csv, and their labels.
PANELS = {
    "nats per character": {"loss": "training", "val_loss": "validation"},
    "learning rate": {"learning_rate": "at the end of the epoch"},
    "gradient norm": {"gradient_norm": "before clipping, mean over batches"},
}
GRADIENT_COLUMNS = ("epoch", "looks", "weight", "distance", "norm", "largest", "clipped")
SMALLEST_SHARE = 1e-8  # of the gradient; smaller ones aren't drawn


def loss_by_step(log: Path, *, epoch: int) -> tuple[list[float], list[float]]:
    """Returns from a steps.csv the places in a run, counted in epochs, and the mean loss since the place before.

    Args:
        log: the file, which has means of an epoch up to a step.
        epoch: steps in an epoch.
    """
    places, losses, steps, mean = [], [], 0, 0.0
    with log.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            step, found = int(row["step"]), float(row["loss"])
            now = (step - 1) % epoch + 1
            steps, mean = (steps, mean) if now > steps else (0, 0.0)  # another epoch has begun
            places.append(step / epoch)
            losses.append((found * now - mean * steps) / (now - steps))
            steps, mean = now, found
    return places, losses


def draw_curves(log: Path, steps_log: Path, picture: Path, *, epoch: int) -> None:
    """Draws losses, learning rate and gradient norm as PNG.

    Args:
        log: training.csv, with a row for each epoch.
        steps_log: steps.csv, for the loss within epochs.
        picture: the file to write.
        epoch: steps in an epoch.
    """
    from matplotlib.figure import Figure  # not pyplot: it would look for a screen
    from matplotlib.ticker import MaxNLocator

    with log.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) + 1 for row in rows]
    figure = Figure(figsize=(8, 9), layout="constrained")
    for axes, (title, columns) in zip(
        figure.subplots(len(PANELS), sharex=True, height_ratios=(2, 1, 1)), PANELS.items(), strict=True
    ):
        for column, label in columns.items():
            if rows and rows[0].get(column, "NA") != "NA":  # what Keras writes of a run without validation
                axes.plot(epochs, [float(row[column]) for row in rows], marker=".", label=label)
        if "loss" in columns and steps_log.exists():
            axes.plot(*loss_by_step(steps_log, epoch=epoch), linewidth=0.8, alpha=0.6, label="training, by step")
        answers = bool(rows) and "val_accuracy" in rows[0]
        axes.set_ylabel(title.replace("character", "document") if answers else title)
        axes.legend()
        axes.grid(alpha=0.3)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    with atomic_write(picture) as path:
        figure.savefig(path, dpi=100)


def reach_by_epoch(log: Path) -> dict[int, list[float]]:
    """Returns from a gradients.csv the norms by distance, `[T]`, for each epoch."""
    epochs: dict[int, list[float]] = {}
    with log.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["distance"]:
                epochs.setdefault(int(row["epoch"]), []).append(float(row["norm"]))
    return epochs


def draw_reach(logs: Mapping[str, Path], png: Path) -> None:
    """Draws a line for the last epoch of each run, or for each epoch of a single run.

    `logs` has the gradients.csv of each run, by its name.
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
    axes.set_ylim(bottom=max(SMALLEST_SHARE, axes.get_ylim()[0]))
    axes.set_xlabel("characters before the last one")
    axes.set_ylabel("gradient, as a share of that at the last")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(png, dpi=120)


def draw_confusion(confusion: Sequence[Sequence[int]], labels: Sequence[str], path: Path) -> None:
    """Draws a confusion matrix as a PNG file: a row for each true label, with the share of each predicted one."""
    from matplotlib.figure import Figure

    counts = np.array(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.5 + 0.55 * len(labels)
    figure = Figure(figsize=(size + 0.6, size), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="true")
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour, fontsize=8)
    figure.savefig(path, dpi=120, format="png")


def draw_map(places: np.ndarray, names: Sequence[str], picture: Path) -> None:
    """Draws N names at their places, `[N, 2]`, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 9), layout="constrained")
    axes = figure.subplots()
    axes.scatter(places[:, 0], places[:, 1], s=6, color="#b0b0b0")
    for place, name in zip(places, names, strict=True):
        axes.annotate(name, place, fontsize=8, xytext=(2, 2), textcoords="offset points", parse_math=False)
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second principal component")
    figure.savefig(picture, dpi=110)


def draw_trials(trials: Sequence[Mapping[str, str]], losses: Sequence[float], picture: Path) -> None:
    """Draws a line for each trial of a search through its values, on an axis for each flag; the best ones are dark.

    The last axis is the loss. Values that aren't numbers are spread evenly.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure  # not pyplot: it would look for a screen

    columns = {name: [trial[name] for trial in trials] for name in trials[0]} | {"nats": [f"{x:.4f}" for x in losses]}
    figure = Figure(figsize=(2 + 1.6 * len(columns), 5), layout="constrained")
    axes = figure.subplots()
    heights = []
    for place, values in enumerate(columns.values()):
        try:
            numbers = [float(value) for value in values]
            ticks = {f"{edge:.4g}": edge for edge in (min(numbers), max(numbers))}
        except ValueError:
            kinds = sorted(set(values))
            numbers, ticks = [kinds.index(value) for value in values], {kind: at for at, kind in enumerate(kinds)}
        low, span = min(numbers), (max(numbers) - min(numbers)) or 1
        heights.append([(number - low) / span for number in numbers])
        axes.axvline(place, color="black", linewidth=0.8)
        for label, at in ticks.items():
            axes.text(place + 0.03, (at - low) / span, label, fontsize=9, va="center")
    order = np.argsort(np.argsort(losses))
    for trial in np.argsort(-order):  # the best on top
        shade = colormaps["viridis"](order[trial] / max(len(losses) - 1, 1))
        axes.plot([height[trial] for height in heights], color=shade, alpha=0.8)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks([])
    axes.set_xlim(-0.1, len(columns) - 0.5)
    figure.savefig(picture, dpi=100)
