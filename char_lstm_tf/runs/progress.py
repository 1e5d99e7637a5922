"""The progress of a run: what a checkpoint holds besides tensors."""

import dataclasses
import json
import math
from pathlib import Path

from pipelines import UserError


@dataclasses.dataclass(frozen=True)
class Progress:
    """The progress of a run, as JSON in its checkpoints. Only `training.fitting.Fitting` advances it.

    Attributes:
        corpus: key of the prepared text, a hash of its bytes and settings.
        steps: batches in the whole run.
        steps_per_epoch: batches in an epoch.
        step: batches done.
        ended: epochs done, with everything that happens at their end.
        stopped: whether training has ended early, for lack of improvement.
        best_loss: lowest validation loss so far, in nats per character.
        best_epoch: the epoch that had it, counted from 1; 0: none yet.
        epochs_since_best: epochs without a lower loss.
        epochs_since_drop: the same, counted from the last drop of the learning rate.
        rollbacks: how often the run has gone back to a checkpoint because it diverged.
        seconds: time spent training, in all processes that worked on the run.
        lengths: of a checkpoint: bytes of each file that grows epoch by epoch, by its name in the run's folder.
    """

    corpus: str
    steps: int
    steps_per_epoch: int = 1
    step: int = 0
    ended: int = 0
    stopped: bool = False
    best_loss: float = math.inf
    best_epoch: int = 0
    epochs_since_best: int = 0
    epochs_since_drop: int = 0
    rollbacks: int = 0
    seconds: float = 0.0
    lengths: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Epochs in the whole run; the last one may be short."""
        return math.ceil(self.steps / self.steps_per_epoch)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self.stopped or self.ended >= self.epochs

    @property
    def step_of_epoch(self) -> int:
        """Batches done in the current epoch."""
        return self.step - self.ended * self.steps_per_epoch

    @property
    def batches_done(self) -> bool:
        """Whether all batches of the current epoch are done."""
        return self.step >= min((self.ended + 1) * self.steps_per_epoch, self.steps)

    @property
    def improved(self) -> bool:
        """Whether the last epoch was the best so far."""
        return self.best_epoch == self.ended

    @property
    def on_plateau(self) -> bool:
        """Whether the learning rate falls after the last epoch."""
        return self.epochs_since_best > self.epochs_since_drop == 0

    def after_step(self, seconds: float) -> "Progress":
        """Returns the progress after a batch. `seconds` is the time spent training in all."""
        return dataclasses.replace(self, step=self.step + 1, seconds=seconds)

    def after_epoch(self, loss: float | None, *, patience: int, plateau_patience: int) -> "Progress":
        """Returns the progress after the end of an epoch.

        Args:
            loss: on the validation split; None: there is none, and each epoch is the best so far.
            patience: epochs without a lower loss after which training stops; 0: it never does.
            plateau_patience: epochs without a lower loss after which the learning rate falls; 0: it never does.
        """
        ended = dataclasses.replace(self, ended=self.ended + 1)
        if loss is None or loss < self.best_loss:
            best_loss = math.inf if loss is None else loss
            return dataclasses.replace(
                ended, best_loss=best_loss, best_epoch=ended.ended, epochs_since_best=0, epochs_since_drop=0
            )
        since_best, since_drop = self.epochs_since_best + 1, self.epochs_since_drop + 1
        return dataclasses.replace(
            ended,
            epochs_since_best=since_best,
            epochs_since_drop=0 if plateau_patience and since_drop >= plateau_patience else since_drop,
            stopped=bool(patience) and since_best >= patience,
        )

    def save(self, path: Path) -> None:
        """Writes the JSON file."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, *, steps_per_epoch: int = 1) -> "Progress":
        """Reads what `save` wrote, in this version or an earlier one. The earliest left `steps_per_epoch` out.

        Raises:
            UserError: the file is damaged, or of a newer version.
        """
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            ending = bool(saved.pop("ending", None))  # earlier versions had the logs of an epoch here until its end
            progress = cls(**{"steps_per_epoch": steps_per_epoch} | saved)
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: damaged, or of a newer version ({error})") from error
        if "ended" in saved:
            return progress
        at_end = not ending and progress.step >= progress.steps
        ended = progress.epochs if at_end else (progress.step - ending) // progress.steps_per_epoch
        return dataclasses.replace(progress, ended=ended)
