"""Where a run stands: what it remembers beside its tensors."""

import dataclasses
import json
import math
from pathlib import Path

from pipelines import UserError


@dataclasses.dataclass
class Progress:
    """Where a run stands. It changes while the run trains; a checkpoint holds it as JSON.

    Attributes:
        corpus: key of the prepared text, a hash of its bytes and settings.
        steps: batches of the whole run.
        steps_per_epoch: batches of an epoch.
        step: batches done.
        ending: the logs of an epoch of which all batches are done, but not yet what happens at its end; else empty.
        stopped: whether training has ended early, for lack of improvement.
        best_loss: lowest validation loss so far, in nats a character.
        best_epoch: the epoch that had it, counted from 1; 0: none yet.
        epochs_since_best: epochs without a lower loss.
        epochs_since_drop: the same, counted from the last drop of the learning rate.
        rollbacks: how often the run has gone back to a checkpoint because it diverged.
        seconds: time spent training, in all processes that worked on the run.
        lengths: bytes of each file that grows epoch by epoch, by its name in the run's folder.
    """

    corpus: str
    steps: int
    steps_per_epoch: int = 1
    step: int = 0
    ending: dict[str, float] = dataclasses.field(default_factory=dict)
    stopped: bool = False
    best_loss: float = math.inf
    best_epoch: int = 0
    epochs_since_best: int = 0
    epochs_since_drop: int = 0
    rollbacks: int = 0
    seconds: float = 0.0
    lengths: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return not self.ending and (self.stopped or self.step >= self.steps)

    @property
    def epochs(self) -> int:
        """Epochs of the whole run; the last one may be short."""
        return math.ceil(self.steps / self.steps_per_epoch)

    @property
    def between_epochs(self) -> bool:
        """Whether the next batch is the first of an epoch."""
        return not self.ending and self.step % self.steps_per_epoch == 0

    @property
    def epoch(self) -> int:
        """The epoch that the next batch belongs to, or the one that is ending, counted from 0."""
        return (self.step - bool(self.ending)) // self.steps_per_epoch

    def save(self, path: Path) -> None:
        """Writes the JSON file."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Progress":
        """Reads what `save` wrote.

        Raises:
            UserError: the file is damaged.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path}: damaged ({error})") from error

    def restore(self, path: Path) -> None:
        """Takes over what `save` wrote, for everything that holds this object."""
        saved = json.loads(path.read_text(encoding="utf-8"))
        vars(self).update({"ending": {}} | saved)  # older ones have no `ending`
