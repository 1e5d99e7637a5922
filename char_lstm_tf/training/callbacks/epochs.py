"""What happens after a batch and after an epoch. The order in which `Run` lists them matters.

Later callbacks read what earlier ones add to the logs.
"""

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from char_lstm_tf.config import Config
from char_lstm_tf.inference.answers import LabelScorer
from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.inference.writing import Sampling, Writer
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training import pictures
from char_lstm_tf.training.objective import Objective
from pipelines import UserError
from pipelines.corpus import DocumentRange, IdRange
from pipelines.files import written_aside

SAMPLE_DOCUMENTS = 8  # of a sample; at two temperatures, 16 rows


class ResetStates(keras.callbacks.Callback):
    """Resets the carried state when an epoch of a stream starts, since its rows jump back to their beginnings."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Resets the state of every recurrent layer, unless the run resumes in the middle of the epoch."""
        if self._progress.between_epochs:
            for layer in self.model.layers:
                if isinstance(layer, keras.layers.RNN) and layer.stateful:
                    layer.reset_state()


class DivergedError(UserError):
    """The loss or a weight became NaN or infinite."""

    status = 3


class CheckLoss(keras.callbacks.Callback):
    """Raises DivergedError when the loss or a weight becomes NaN or infinite, before anything of it is saved."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._before: dict[str, float] = {}

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        """Checks the mean loss of the epoch so far, which a single bad batch makes NaN."""
        if not math.isfinite(logs["loss"]):
            raise DivergedError(self._message(f"the loss at step {self._progress.step:,}"))
        self._before = logs

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Checks the weights too: the loss of the last batch was computed before they changed."""
        if not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            raise DivergedError(self._message(f"a weight after step {self._progress.step:,}"))

    def _message(self, what: str) -> str:
        before, rate = self._before, float(self.model.optimizer.learning_rate)
        history = (
            f"before, the epoch's mean loss was {before['loss']:.4g} and its gradient norm "
            f"{before['gradient_norm']:.3g}"
            if before
            else "no step of this epoch had a finite loss"
        )
        return (
            f"diverged: {what} is NaN or infinite; {history}. Lower --learning_rate (it was {rate:.3g}), clip "
            "gradients (--clipnorm=1), or let the run go back by itself (--on_divergence=rollback)"
        )


class Measure(keras.callbacks.Callback):
    """Adds the loss on the validation split to the logs, and what follows from both losses.

    `loss` and `val_loss` are nats a character, over all characters of the epoch and of the split. The validation split
    is read in full, with a carried state of its own; the state of training isn't touched. `bits_per_char`,
    `perplexity_per_char` and the same with `val_` are computed from the mean losses, not averaged over batches.
    `learning_rate` is that of the next batch.

    Of a model that answers labels, losses are nats a document, and `val_accuracy` is the share of right answers.
    """

    def __init__(
        self,
        objective: Objective,
        scorer: Scorer | LabelScorer,
        ids: np.ndarray | IdRange | DocumentRange | None,
    ) -> None:
        super().__init__()
        self._objective, self._scorer, self._ids = objective, scorer, ids

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Scores the validation split."""
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self._ids is not None:
            score = self._scorer.score(self._ids)
            logs |= {f"val_{name}": value for name, value in score.logs().items()}
        for prefix in ("", "val_"):
            if f"{prefix}loss" in logs:
                logs |= self._objective.measures(logs[f"{prefix}loss"], prefix)


class KeepBest(keras.callbacks.Callback):
    """Calls `save` whenever `val_loss` is the lowest so far; without validation, after every epoch."""

    def __init__(self, progress: Progress, save: Callable[[], None]) -> None:
        super().__init__()
        self._progress, self._save = progress, save

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Compares the loss."""
        progress = self._progress
        if "val_loss" not in logs or logs["val_loss"] < progress.best_loss:
            progress.best_loss = logs.get("val_loss", math.inf)
            progress.best_epoch = epoch + 1
            progress.epochs_since_best = progress.epochs_since_drop = 0
            self._save()
        else:
            progress.epochs_since_best += 1
            progress.epochs_since_drop += 1


class LowerLearningRate(keras.callbacks.Callback):
    """Multiplies the learning rate by `factor` after `patience` epochs without a lower `val_loss`.

    Keras' ReduceLROnPlateau does the same, but not for a schedule, and it forgets its count when a run is resumed.
    """

    def __init__(self, progress: Progress, scale: keras.Variable, *, patience: int, factor: float) -> None:
        super().__init__()
        self._progress, self._scale, self._patience, self._factor = progress, scale, patience, factor

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Lowers it when it is time."""
        if self._progress.epochs_since_drop >= self._patience:
            self._progress.epochs_since_drop = 0
            self._scale.assign(self._scale * self._factor)


class StopEarly(keras.callbacks.Callback):
    """Stops training after `patience` epochs without a lower `val_loss`. The best weights are kept anyway."""

    def __init__(self, progress: Progress, *, patience: int) -> None:
        super().__init__()
        self._progress, self._patience = progress, patience

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Stops when it is time."""
        if self._progress.epochs_since_best >= self._patience:
            self._progress.stopped = self.model.stop_training = True


class DrawCurves(keras.callbacks.Callback):
    """Draws training.csv, which has a row of the epoch already, to a PNG file after each epoch."""

    def __init__(self, log: Path, picture: Path) -> None:
        super().__init__()
        self._log, self._picture = log, picture

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Draws."""
        with written_aside(self._picture) as path:
            pictures.draw_curves(self._log, path)


class SampleText(keras.callbacks.Callback):
    """Prints what the model writes after each epoch, a sample for each temperature, and appends it to a file.

    Args:
        writer: of the model in training.
        config: the prompt, length and temperatures of the samples, whether to print them, and the seed. The seed is the
            same for every epoch, so samples differ by what was learned.
        path: the file.
    """

    def __init__(self, writer: Writer, config: Config, *, path: Path) -> None:
        super().__init__()
        self._writer, self._config, self._path = writer, config, path

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Writes the samples."""
        write_samples(self._writer, self._config, epoch, logs, path=self._path)


def write_samples(writer: Writer, config: Config, epoch: int, losses: dict[str, float], *, path: Path) -> None:
    """Writes samples under a heading with the epoch, counted from 0, and its losses. Arguments as for `SampleText`.

    Of documents, a sample is as many of them as there are in `sample_chars` characters, but at least one and at most
    `SAMPLE_DOCUMENTS`, one label after the other.
    """
    temperatures, prompt = config.sample_temperatures, config.prompt_reader.prompt(config.prompt)
    count = 1 if config.documents == "text" else SAMPLE_DOCUMENTS
    rows = [
        Sampling(temperature=temperature, seed=config.seed + number)
        for temperature in temperatures
        for number in range(count)
    ]
    labels = [number % len(writer.labels) for _ in temperatures for number in range(count)] if writer.labels else []
    pieces = writer.write([prompt] * len(rows), rows, chars=config.sample_chars, labels=labels)
    measured = ", ".join(f"{name} {losses[name]:.4f}" for name in ("loss", "val_loss") if name in losses)
    report = f"\n━━ epoch {epoch + 1}: {measured} (nats a character), prompt {prompt!r}\n"
    texts = list(map("".join, zip(*pieces, strict=True)))
    for temperature, first in zip(temperatures, range(0, len(rows), count), strict=True):
        own = texts[first : first + count]
        written = itertools.accumulate((len(text) for text in own), initial=0)
        shown = [text for text, before in zip(own, written, strict=False) if before < config.sample_chars]
        headings = [f"[{writer.labels[label]}] " for label in labels] or [""] * count
        lines = (f"{heading}{prompt}{text}\n" for heading, text in zip(headings, shown, strict=False))
        report += f"── temperature {temperature}\n" + "".join(lines)
    if not config.quiet:
        print(report, flush=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(report)
