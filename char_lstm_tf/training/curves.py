"""The course of a run as a picture."""

import csv
from pathlib import Path

import keras

from pipelines.files import written_aside

PANELS = {  # what each part of the picture shows: columns of training.csv, and how they are called
    "nats a character": {"loss": "training", "val_loss": "validation"},
    "learning rate": {"learning_rate": "at the end of the epoch"},
    "gradient norm": {"gradient_norm": "before clipping, mean over batches"},
}


class DrawCurves(keras.callbacks.Callback):
    """Draws training.csv after each epoch: losses, learning rate and gradient norm over epochs.

    Args:
        log: the CSV file, which has a row of this epoch already.
        picture: the PNG file.
    """

    def __init__(self, log: Path, picture: Path) -> None:
        super().__init__()
        self._log, self._picture = log, picture

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Draws."""
        with written_aside(self._picture) as path:
            draw(self._log, path)


def draw(log: Path, picture: Path) -> None:
    """Writes the picture of a training.csv, as PNG."""
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
        axes.set_ylabel(title)
        axes.legend()
        axes.grid(alpha=0.3)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(picture, dpi=100)
