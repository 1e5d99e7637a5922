"""The interface of all batches for training."""

from typing import Any, ClassVar, Protocol

import tensorflow as tf


class Batches(Protocol):
    """The batches of a run, epoch after epoch. A batch depends on its number alone, so a run can start at any step.

    A batch is `(inputs, targets)`. For a worker that trains together with others, it has the rows of this worker only,
    and a third element: how many rows these are, and how many the whole batch has, int32 `[2]`. A short batch may have
    no row for a worker. The worker then gets another row as a placeholder, and the first number is 0.

    Attributes:
        carries_state: whether each row of a batch continues that of the batch before. Then all batches have B rows.
    """

    carries_state: ClassVar[bool]

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""

    def dataset(self, first: int, last: int) -> tf.data.Dataset:
        """Returns the batches from step `first` to before step `last`, counted from the start of the first epoch."""

    def batch(self, step: int) -> tuple[Any, ...]:
        """Returns the batch of a step, faster than a dataset starts."""

    def characters(self, steps: int) -> int:
        """Returns how many characters `steps` batches have; where words are tokens, from their mean length."""
