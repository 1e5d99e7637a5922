"""What happens after each epoch. The order in `training` matters: the first adds to the logs that the others read."""

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from char_lstm_tf.sampling import Writer
from char_lstm_tf.scoring import Scorer
from pipelines.corpus import IdRange


class ResetStates(keras.callbacks.Callback):
    """Begins each epoch of a stream with a zero state, as its rows jump back to their beginnings."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Clears the state of every recurrent layer."""
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.RNN) and layer.stateful:
                layer.reset_state()


class StopAfter(keras.callbacks.Callback):
    """Ends training after so many batches, wherever in an epoch that is."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Counts."""
        self._left -= 1
        if not self._left:
            self.model.stop_training = True


class Validate(keras.callbacks.Callback):
    """Adds `val_loss`, in nats a character, to the logs: a full pass that the training state knows nothing of."""

    def __init__(self, scorer: Scorer, ids: np.ndarray | IdRange) -> None:
        super().__init__()
        self._scorer, self._ids = scorer, ids

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Scores the validation split."""
        logs["val_loss"] = self._scorer.score(self._ids).report()["nats_per_char"]


class KeepBest(keras.callbacks.Callback):
    """Calls `save` whenever `val_loss` is the lowest so far; without validation, after every epoch."""

    def __init__(self, save: Callable[[], None]) -> None:
        super().__init__()
        self._save, self._best = save, math.inf

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Compares."""
        loss = logs.get("val_loss", -math.inf)
        if loss < self._best or "val_loss" not in logs:
            self._best = loss
            self._save()


class SampleText(keras.callbacks.Callback):
    """Prints to stdout, and appends to a file, what the model writes after each epoch.

    Args:
        writer: of the model that is trained.
        path: the file.
        prompt: what every sample continues.
        chars: characters a sample.
        temperatures: a sample each.
        seed: the same for every epoch, so that samples differ by what was learned.
    """

    def __init__(
        self, writer: Writer, *, path: Path, prompt: str, chars: int, temperatures: Sequence[float], seed: int
    ) -> None:
        super().__init__()
        self._writer, self._path, self._prompt, self._chars = writer, path, prompt, chars
        self._temperatures, self._seed = temperatures, seed
        self._stdout = sys.stdout  # Keras' bar is sent to stderr during fit, by way of sys.stdout

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
        print(report, file=self._stdout, flush=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(report)
