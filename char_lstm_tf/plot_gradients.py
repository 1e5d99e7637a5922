"""Shows how far back in time the loss of runs reaches, by the gradient at earlier inputs.

    python -m char_lstm_tf.plot_gradients --model=saved_models/rnn --model=saved_models/lstm --png=reach.png

The runs must have been trained with --gradient_steps. Each run has its own picture, gradients.png, with a line for each
epoch. This command draws the last epoch of several runs. The data are in gradients.csv, with these columns:

    epoch     counted from 0
    looks     training steps of the epoch whose gradients were recorded; the other columns are means over them
    weight    the weight that the row is about, such as lstm_1/recurrent_kernel; empty in rows about a distance
    distance  characters before the last one of a window
    norm      of the weight's gradient before clipping; or of d loss at the last character / d input at the distance
    largest   the largest absolute element of the weight's gradient in any of these steps
    clipped   the share of these steps in which it was clipped
"""

import dataclasses
from pathlib import Path

from char_lstm_tf.training import pictures
from pipelines import UserError, command_line
from pipelines.files import file_of
from pipelines.options import Options, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlotConfig(Options):
    """What to draw."""

    model: tuple[str, ...] = option((), "Folders of runs that were trained with --gradient_steps.")
    png: str = option("gradients.png", "The picture to write.")

    def check(self) -> None:
        """Checks that there is a run."""
        super().check()
        self.require(bool(self.model), "model", "name a run to draw, such as --model=saved_models/quickstart")
        self.require(len(set(self.model)) == len(self.model), "model", "name each run once")


def main(config: PlotConfig) -> None:
    """Draws the picture and prints some of its numbers."""
    names = [Path(model).name for model in config.model]
    labels = names if len(set(names)) == len(names) else config.model
    logs = {label: Path(model) / "gradients.csv" for label, model in zip(labels, config.model, strict=True)}
    for model, log in zip(config.model, logs.values(), strict=True):
        if not log.is_file():
            raise UserError(f"--model={model}: it has no gradients.csv; train it with --gradient_steps=100")
    with file_of("png", config.png) as path:
        pictures.draw_reach(logs, path)
    for run, log in logs.items():
        reach = list(pictures.reach_by_epoch(log).values())[-1]
        shares = ", ".join(f"{reach[t] / reach[0]:.1e} {t} before" for t in (1, 10, 20, 50) if t < len(reach))
        print(f"{run}: of what reaches the last character, {shares}")


if __name__ == "__main__":
    command_line.run(main, PlotConfig)
