"""What is measured at the end of an epoch."""

from collections.abc import Mapping
from typing import Any

import keras

from char_lstm_tf.config import Config
from char_lstm_tf.models.classifier import Classifier
from char_lstm_tf.models.network import Network
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.training.callbacks.samples import Samples
from char_lstm_tf.training.fitting.compiling import averaged_weights
from char_lstm_tf.training.fitting.objective import Objective
from pipelines.corpus import DocumentRange, IdRange


class Evaluation:
    """Measures a model at the end of an epoch, lets it write samples, and keeps the weights of the best epoch.

    `measured` and `best` are networks like the model in training that carry no state. `measured` gets its weights or,
    with --average, their averages. `held_out` are the parts to measure on, by name. `samples` are those of the last
    epoch that was measured.
    """

    def __init__(
        self,
        model: keras.Model,
        measured: Network | Classifier,
        best: Network | Classifier,
        *,
        objective: Objective,
        held_out: Mapping[str, IdRange | DocumentRange],
        config: Config,
        folder: RunFolder,
    ) -> None:
        self._model, self._measured, self._best = model, measured.keras_model, best.keras_model
        self._objective, self._held_out = objective, held_out
        self._config, self._folder = config, folder
        self._scorer, self._writer = objective.scorer(measured), objective.writer(measured)
        self.samples = ""

    def measure(self, epoch: int, logs: dict[str, float]) -> dict[str, float]:
        """Returns the means of an epoch, counted from 0, with the validation loss, and both losses in other units.

        The validation split is read in full, with its own state; the state of training isn't changed. `learning_rate`
        is that of the next batch. Samples are written. Nothing in a checkpoint changes, so this may be interrupted.
        """
        self._measured.set_weights(averaged_weights(self._model))
        logs = logs | {"learning_rate": float(self._model.optimizer.learning_rate)}
        if "validation" in self._held_out:
            score = self._scorer.score(self._held_out["validation"])
            logs |= {f"val_{name}": value for name, value in score.logs().items()}
        for prefix in ("", "val_"):
            if f"{prefix}loss" in logs:
                logs |= self._objective.measures(logs[f"{prefix}loss"], prefix)
        if self._writer:
            self.samples = Samples.of(self._config).report(self._writer, epoch, logs)
        return logs

    def keep_weights(self) -> None:
        """Keeps the weights that were measured last, as the best so far."""
        self._best.set_weights(self._measured.get_weights())
        self.save_best()

    def save_best(self) -> None:
        """Writes the best weights so far to the run's folder."""
        self._folder.write_model(self._best)

    def scores(self) -> dict[str, dict[str, Any]]:
        """Returns the scores of the best weights on the held-out parts of the text."""
        self._measured.set_weights(self._best.get_weights())  # whose scorer is compiled already
        return {name: self._scorer.score(part).report() for name, part in self._held_out.items()}
