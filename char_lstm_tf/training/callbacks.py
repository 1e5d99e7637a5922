"""What happens around a batch and after an epoch.

The order in `training` matters: later ones read what earlier ones add to the logs.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import keras
import numpy as np

from char_lstm_tf.inference.sampling import Writer
from char_lstm_tf.inference.scoring import Scorer, perplexity
from char_lstm_tf.runs.progress import Progress
from pipelines import UserError
from pipelines.corpus import IdRange


class ResetStates(keras.callbacks.Callback):
    """Begins each epoch of a stream with a zero state, as its rows jump back to their beginnings."""

    def __init__(self, progress: Progress, steps_per_epoch: int) -> None:
        super().__init__()
        self._progress, self._steps_per_epoch = progress, steps_per_epoch

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Clears the state of every recurrent layer, unless a run goes on in the middle of the epoch."""
        if self._progress.step % self._steps_per_epoch == 0:
            for layer in self.model.layers:
                if isinstance(layer, keras.layers.RNN) and layer.stateful:
                    layer.reset_state()


class DivergedError(UserError):
    """The loss or a weight is no number any more."""

    status = 3


class CheckLoss(keras.callbacks.Callback):
    """Ends the run in `DivergedError` when the loss or a weight is NaN or infinite, before anything is saved of it."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._before: dict[str, float] = {}

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        """Looks at the mean of the epoch so far, which one bad batch spoils."""
        if not math.isfinite(logs["loss"]):
            raise DivergedError(self._message(f"the loss at step {self._progress.step + 1:,}"))
        self._before = logs

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Looks at the weights, too: the loss of the last batch is from before they changed."""
        if not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            raise DivergedError(self._message(f"a weight after step {self._progress.step:,}"))

    def _message(self, what: str) -> str:
        before = self._before
        rate = float(self.model.optimizer.learning_rate)
        had = (
            f"in this epoch it was {before['loss']:.4g} on average before, and the gradient "
            f"{before['gradient_norm']:.3g} long"
            if before
            else "it had no number in this epoch before"
        )
        return (
            f"diverged: {what} isn't a number; {had}. "
            f"Lower --learning_rate (it stood at {rate:.3g}), clip gradients (--clipnorm=1), "
            "or let the run look after itself with --on_divergence=rollback"
        )


class Measure(keras.callbacks.Callback):
    """Adds to the logs what follows from the mean loss of the epoch, and the loss on the validation split.

    `loss` and `val_loss` are nats a character, over all characters of the epoch and of the split: a full pass
    with a state of its own, which the training state knows nothing of. From them, not averaged over batches:
    `bits_per_char`, `perplexity_per_char` and the same with `val_`. `learning_rate` is that of the batch to come.
    """

    def __init__(self, scorer: Scorer, ids: np.ndarray | IdRange | None) -> None:
        super().__init__()
        self._scorer, self._ids = scorer, ids

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Scores the validation split."""
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self._ids is not None:
            logs["val_loss"] = self._scorer.score(self._ids).report()["nats_per_char"]
        for prefix in ("", "val_"):
            if f"{prefix}loss" in logs:
                nats = logs[f"{prefix}loss"]
                logs[f"{prefix}bits_per_char"] = nats / math.log(2)
                logs[f"{prefix}perplexity_per_char"] = perplexity(nats) or math.inf


class KeepBest(keras.callbacks.Callback):
    """Calls `save` whenever `val_loss` is the lowest so far; without validation, after every epoch."""

    def __init__(self, progress: Progress, save: Callable[[], None]) -> None:
        super().__init__()
        self._progress, self._save = progress, save

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Compares."""
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

    What Keras' ReduceLROnPlateau does, for any schedule, and with a memory that a resumed run keeps.
    """

    def __init__(self, progress: Progress, scale: keras.Variable, *, patience: int, factor: float) -> None:
        super().__init__()
        self._progress, self._scale, self._patience, self._factor = progress, scale, patience, factor

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Looks whether it is time."""
        if self._progress.epochs_since_drop >= self._patience:
            self._progress.epochs_since_drop = 0
            self._scale.assign(self._scale * self._factor)


class StopEarly(keras.callbacks.Callback):
    """Ends training after `patience` epochs without a lower `val_loss`; the best weights are kept anyway."""

    def __init__(self, progress: Progress, *, patience: int) -> None:
        super().__init__()
        self._progress, self._patience = progress, patience

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Looks whether it is time."""
        if self._progress.epochs_since_best >= self._patience:
            self._progress.stopped = self.model.stop_training = True


class SampleText(keras.callbacks.Callback):
    """Prints, and appends to a file, what the model writes after each epoch.

    Args:
        writer: of the model that is trained.
        path: the file.
        prompt: what every sample continues.
        chars: characters a sample.
        temperatures: a sample each.
        seed: the same for every epoch, so that samples differ by what was learned.
        out: where they are printed; None: nowhere.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        path: Path,
        prompt: str,
        chars: int,
        temperatures: Sequence[float],
        seed: int,
        out: TextIO | None,
    ) -> None:
        super().__init__()
        self._writer, self._path, self._prompt, self._chars = writer, path, prompt, chars
        self._temperatures, self._seed = temperatures, seed
        self._out = out

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Writes the samples."""
        pieces = self._writer.write(
            self._prompt,
            chars=self._chars,
            temperatures=self._temperatures,
            seeds=[self._seed] * len(self._temperatures),
        )
        losses = ", ".join(f"{name} {logs[name]:.4f}" for name in ("loss", "val_loss") if name in logs)
        report = f"\n━━ epoch {epoch + 1}: {losses} (nats a character), prompt {self._prompt!r}\n"
        for temperature, text in zip(
            self._temperatures, map("".join, zip(*pieces, strict=True)), strict=True
        ):
            report += f"── temperature {temperature}\n{self._prompt}{text}\n"
        if self._out is not None:
            print(report, file=self._out, flush=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(report)
