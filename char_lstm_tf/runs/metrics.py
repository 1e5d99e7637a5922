"""metrics.json: the results of a finished run."""

import dataclasses
import json
from pathlib import Path
from typing import Any, Self

from pipelines import UserError
from pipelines.corpus import SPLITS
from pipelines.files import atomic_write

HELD_OUT = SPLITS[1:]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingStats:
    """What training took.

    Attributes:
        parameters: numbers that the model holds.
        replicas: devices that trained a network together.
        characters_seen: in training, counted again in each epoch.
        epoch: the epoch whose weights were kept, counted from 1; None: there are no epochs.
        seconds: in all processes that worked on the run.
        chars_per_second: mean speed.
    """

    parameters: int
    replicas: int | None = None
    characters_seen: int
    epoch: int | None = None
    seconds: float
    chars_per_second: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metrics:
    """The results of a finished run.

    Attributes:
        held_out: what `evaluate --json` prints for `validation` and `test`; for a classifier, its accuracy. With
            labels, `labels` says how well they are recognized.
        training: what training took.
        calibration: of the probabilities of labels, see `inference.calibration`.
        peak_memory_bytes: of the process.
        corpus: key of the encoded text in the run's --data_dir.
        provenance: versions, commit and machine.
    """

    held_out: dict[str, dict[str, Any]]
    training: TrainingStats
    calibration: dict[str, Any] | None = None
    peak_memory_bytes: int | None = None
    corpus: str = ""
    provenance: dict[str, Any] = dataclasses.field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Returns the contents of the file."""
        own = {
            "calibration": self.calibration,
            "peak_memory_bytes": self.peak_memory_bytes,
            "corpus": self.corpus or None,
        }
        facts = dataclasses.asdict(self.training) | own
        known = {name: value for name, value in facts.items() if value is not None}
        return self.held_out | known | self.provenance

    def save(self, path: Path) -> None:
        """Writes the file."""
        with atomic_write(path) as aside:
            aside.write_text(json.dumps(self.facts(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a file. Those of older versions lack some values.

        Raises:
            UserError: the file is damaged.
        """
        try:
            facts = dict(json.loads(path.read_text(encoding="utf-8")))
            held_out = {part: dict(facts.pop(part)) for part in HELD_OUT if part in facts}
            names = [field.name for field in dataclasses.fields(TrainingStats)]
            training = TrainingStats(**{name: facts.pop(name) for name in names if name in facts})
            int(training.parameters), int(training.characters_seen), float(training.seconds)
            return cls(
                held_out=held_out,
                training=training,
                calibration=facts.pop("calibration", None),
                peak_memory_bytes=facts.pop("peak_memory_bytes", None),
                corpus=str(facts.pop("corpus", "")),
                provenance=facts,
            )
        except (ValueError, TypeError, RecursionError) as error:
            raise UserError(f"{path}: damaged ({error})") from error
