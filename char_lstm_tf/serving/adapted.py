"""A model that has learnt while it scored, as a run of its own."""

import contextlib
import dataclasses
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from char_lstm_tf.config import settings
from char_lstm_tf.runs.card import write_card
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError

if TYPE_CHECKING:
    from char_lstm_tf.inference.language_model import LanguageModel


class AdaptedRun:
    """The run to write: that of the model with another name, other weights and no held-out losses.

    Args:
        origin: the run of the model.
        name: of the new run, beside it.

    Raises:
        UserError: there is such a run already, or the model can't be saved like this.
    """

    def __init__(self, origin: TrainedRun, name: str) -> None:
        origin.require(settings.Recurrent, "--save keeps the weights that a recurrent network has learnt")
        if origin.metrics is None:
            raise UserError(f"--save={name}: {origin.folder.path} isn't finished; save what a finished run has learnt")
        if name != Path(name).name:
            raise UserError(f"--save={name}: give a name and no path; the run is left beside {origin.folder.path}")
        if (origin.folder.path.parent / name).exists():
            raise UserError(f"--save={name}: {origin.folder.path.parent / name} exists; choose another name")
        self._origin, self._metrics = origin, origin.metrics
        self._config = dataclasses.replace(origin.config, name=name, output_dir=str(origin.folder.path.parent))
        self._folder = RunFolder.reserve(self._config)

    @contextlib.contextmanager
    def saved(self, model: "LanguageModel", characters: Callable[[], int]) -> Iterator[None]:
        """Saves the model at the end, also if Ctrl-C or SIGTERM brings it, since a stream of texts may have none.

        Args:
            model: that learns while it scores.
            characters: returns how many it has learnt from.
        """

        def end(number: int, _: object) -> NoReturn:
            sys.exit(128 + number)

        before = signal.signal(signal.SIGTERM, end)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
            self._save(model, characters())

    def _save(self, model: "LanguageModel", characters: int) -> None:
        from char_lstm_tf.serving.export import export  # not before TensorFlow is needed

        model.adopt()
        learnt = {"adapted_from": str(self._origin.folder.path), "adapted_on_characters": characters}
        metrics = dataclasses.replace(
            self._metrics, held_out={}, calibration=None, provenance=self._metrics.provenance | learnt
        )
        folder, vocabulary = self._folder, self._origin.vocabulary
        with folder.opened(self._config, vocabulary):
            folder.write_model(model.keras_model)
            folder.publish(lambda path: export(model.network, vocabulary, path))
            metrics.save(folder.metrics)
            write_card(TrainedRun(folder, self._config, vocabulary, metrics))
        print(f"{folder.path}: the model, with what it has learnt from {characters:,} characters", file=sys.stderr)
