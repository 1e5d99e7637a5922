"""What a run remembers beside its tensors: where it stands."""

import dataclasses
import json
import math
from pathlib import Path


@dataclasses.dataclass
class Progress:
    """Where a run stands. The callbacks change it as they go; a checkpoint holds it as JSON.

    Attributes:
        corpus: key of the prepared text, a hash of its bytes and settings.
        steps: batches of the whole run.
        step: batches done.
        stopped: training has ended before its last step, for want of progress.
        best_loss: lowest validation loss so far, nats a character.
        best_epoch: the epoch, counted from 1, that had it; 0: none yet.
        epochs_since_best: without a lower one.
        epochs_since_drop: the same, counted from the last drop of the learning rate.
        rollbacks: how often the run has gone back to a checkpoint because it diverged.
        seconds: spent, by all processes that worked on the run.
        lengths: bytes of each file that grows epoch by epoch, by its name in the run's folder.
    """

    corpus: str
    steps: int
    step: int = 0
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
        return self.stopped or self.step >= self.steps

    def save(self, path: Path) -> None:
        """Writes the JSON file."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Progress":
        """Reads what `save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def become(self, other: "Progress") -> None:
        """Takes over every value of `other`, for all that hold this object."""
        self.__dict__.update(dataclasses.asdict(other))
