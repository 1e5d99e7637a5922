"""How the workers of a run communicate."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from char_lstm_tf.runs.cluster import Cluster
from pipelines import UserError

SUM = tf.distribute.ReduceOp.SUM
POSTED = 4  # numbers that each worker posts with a step, see `Workers.post`
# What TensorFlow raises in a collective operation if another worker is gone.
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.InternalError)


class LostWorkerError(UserError):
    """Another worker has ended, or can't be reached."""

    status = 4


class Workers:
    """The workers of a run, as one of them sees them.

    Args:
        cluster: the addresses of all, and the number of this one; None: this process alone.
        strategy: that of TensorFlow for all their devices; None: one device.

    Attributes:
        index: the number of this worker.
        count: the number of workers.
        chief: whether this one writes files.
        replicas: the number of replicas of all workers.
    """

    def __init__(self, cluster: Cluster | None = None, strategy: tf.distribute.Strategy | None = None) -> None:
        self.index, self.count = (cluster.index, len(cluster.addresses)) if cluster else (0, 1)
        self.chief: bool = self.index == 0
        self._strategy: Any = strategy
        self.replicas = strategy.num_replicas_in_sync if strategy else 1
        self._here = self.replicas // self.count
        self._posted: Any = tf.Variable(tf.zeros([POSTED])) if self.count > 1 else None
        self._collected: Any = tf.Variable(tf.zeros([POSTED])) if self.count > 1 else None
        self._sum = tf.function(self._sum_of, input_signature=[tf.TensorSpec([None], tf.float64)], autograph=False)

    @property
    def alone(self) -> bool:
        """Whether there is one replica."""
        return self._strategy is None

    def rows(self, batch_size: int) -> range | None:
        """Returns which rows of a batch this worker reads; None: all.

        Raises:
            UserError: the rows can't be divided equally.
        """
        if self.alone:
            return None
        if batch_size % self.replicas:
            below = batch_size // self.replicas * self.replicas
            can = " and ".join(str(size) for size in (below, below + self.replicas) if size)
            raise UserError(
                f"--batch_size={batch_size}: is the size of the whole batch, which can't be divided among "
                f"{self.replicas} {'workers' if self.count > 1 else 'GPUs'}; {can} can"
            )
        size = batch_size // self.count
        return range(self.index * size, (self.index + 1) * size)

    def sum_of_parts(
        self, function: Callable[..., list[tf.Tensor]], batch: tuple[Any, ...]
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Returns the sums of what a function returns for each replica's part of a batch, in a graph.

        Args:
            function: called with inputs, targets, and the share of the rows of the whole batch that they are.
            batch: inputs and targets of this worker's rows. If it isn't alone, also the number of these rows and that
                of the whole batch, int32 `[2]`. A worker without rows has a placeholder with weight 0.

        Returns:
            The sums, and the number of rows of the whole batch.
        """
        if self.alone:
            inputs, targets = batch
            return function(inputs, targets, tf.constant(1.0)), tf.shape(targets)[0]
        inputs, targets, counts = batch
        shapes: list[tf.TensorShape] = []

        def part() -> tf.Tensor:
            replica = self._replica_here()
            cut, share = self._part_of_rows((inputs, targets), replica)
            results = function(*cut, share * tf.cast(counts[0] / counts[1], tf.float32))
            shapes[:] = [result.shape for result in results]
            flat = [tf.reshape(result, [-1]) for result in results]
            if self._posted is not None:
                flat.append(self._posted * tf.cast(tf.equal(replica, 0), tf.float32))
            return tf.concat(flat, axis=0)

        total = self._strategy.reduce(SUM, self._strategy.run(part), axis=None)
        *parts, posted = tf.split(total, [*(shape.num_elements() for shape in shapes), -1])
        sums = [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
        if self._posted is not None:
            self._collected.assign(posted)
        return sums, counts[1]

    def _replica_here(self) -> tf.Tensor:
        """Returns the number of the replica that is running among those of this worker."""
        context = tf.distribute.get_replica_context()
        return tf.cast(context.replica_id_in_sync_group, tf.int32) - self.index * self._here

    def _part_of_rows(self, values: Any, replica: tf.Tensor) -> tuple[Any, tf.Tensor]:
        """Returns the rows of one replica, and their share of all; if there are none, a placeholder with share 0."""
        if self._here == 1:
            return values, tf.constant(1.0)
        first = tf.nest.flatten(values)[0]
        rows, static = tf.shape(first)[0], first.shape[0]
        start, end = (rows * number // self._here for number in (replica, replica + 1))
        begin = tf.minimum(start, rows - 1)
        size = static // self._here if static else tf.maximum(end - begin, 1)
        cut = tf.nest.map_structure(lambda value: _slice(value, begin, size), values)
        return cut, tf.cast((end - start) / rows, tf.float32)

    def post(self, values: Sequence[float]) -> None:
        """Sends these numbers to the others with the next step."""
        self._posted.assign(values)

    def collected(self) -> np.ndarray:
        """Returns the sums of what all workers posted with the last step, float32 `[POSTED]`."""
        return self._collected.numpy()

    def _sum_of(self, vector: tf.Tensor) -> tf.Tensor:
        result = self._strategy.run(lambda: vector * tf.cast(tf.equal(self._replica_here(), 0), vector.dtype))
        return self._strategy.reduce(SUM, result, axis=None)

    def sum(self, vector: np.ndarray) -> np.ndarray:
        """Returns the sum of the vectors of all workers, float64 `[N]` each."""
        return self._sum(np.asarray(vector, np.float64)).numpy() if self.count > 1 else vector

    @property
    def first_replica(self) -> int:
        """The number of this worker's first replica among all."""
        return self.index * self._here

    def separate(self, variable: keras.Variable) -> None:
        """Gives each replica of this worker its own value of a variable."""
        if self._here > 1:
            with self._strategy.scope():
                variable._value = tf.Variable(
                    variable.value,
                    trainable=False,
                    synchronization=tf.VariableSynchronization.ON_READ,
                    aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                )

    def values_here(self, variable: keras.Variable) -> list[tuple[int, np.ndarray]]:
        """Returns the numbers of the replicas of this worker, and their values of a variable."""
        parts = self._strategy.experimental_local_results(variable.value) if self._here > 1 else [variable.value]
        return [(self.first_replica + number, part.numpy()) for number, part in enumerate(parts)]

    def assign_here(self, variable: keras.Variable, value_of: Callable[[int], tf.Tensor]) -> None:
        """Gives each replica of this worker its value of a variable, from its number."""
        parts = self._strategy.experimental_local_results(variable.value) if self._here > 1 else [variable.value]
        for number, part in enumerate(parts):
            part.assign(value_of(self.first_replica + number))

    def exchange(self, value: Any) -> list[Any]:
        """Returns the values of all workers, in order. They must be JSON."""
        if self.count == 1:
            return [value]
        own = np.frombuffer(json.dumps(value).encode(), np.uint8)
        lengths = np.zeros(self.count)
        lengths[self.index] = len(own)
        lengths = self.sum(lengths).astype(int)
        table = np.zeros([self.count, lengths.max()])
        table[self.index, : len(own)] = own
        table = self.sum(table.ravel()).reshape(table.shape).astype(np.uint8)
        return [json.loads(row[:length].tobytes()) for row, length in zip(table, lengths, strict=True)]

    def of_chief(self, value: Any) -> Any:
        """Returns the chief's value, which must be JSON."""
        return self.exchange(value if self.chief else None)[0]

    def wait(self) -> None:
        """Waits until all workers have called this."""
        self.sum(np.zeros(1))

    def share(self, variables: Sequence[tf.Variable]) -> None:
        """Gives every worker the chief's values of these variables. Float64 holds each of them exactly."""
        if self.count == 1:
            return
        values = [variable.numpy() for variable in variables]
        total = self.sum(np.concatenate([value.ravel() for value in values]).astype(np.float64) * self.chief)
        edges = np.cumsum([value.size for value in values])[:-1]
        for variable, value, part in zip(variables, values, np.split(total, edges), strict=True):
            variable.assign(part.reshape(value.shape).astype(value.dtype))

    def require_same(self, what: str, value: Any) -> None:
        """Raises UserError, in all workers, if they have different values of something."""
        values = self.exchange(value)
        others = [number for number, value in enumerate(values) if value != values[0]]
        if not others:
            return
        differences = ""
        if isinstance(value, dict):
            one = values[others[0]]
            differing = [name for name in values[0] if values[0][name] != one.get(name)]
            differences = ": " + ", ".join(f"--{name}={one.get(name)} for {values[0][name]}" for name in differing[:5])
        listed = ", ".join(map(str, others))
        raise UserError(f"worker {listed}: not the {what} of worker 0{differences}; all workers need the same")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Turns TensorFlow's errors about a lost worker into one line.

        Raises:
            LostWorkerError: another worker has ended.
        """
        try:
            yield
        except LOST as error:
            if self.count == 1:
                raise
            raise LostWorkerError(
                f"worker {self.index}: lost another worker; start all of them again with --resume "
                f"({' '.join(str(error.message).split())[:200]})"
            ) from error


def _slice(values: tf.Tensor, begin: tf.Tensor, size: tf.Tensor | int) -> tf.Tensor:
    sizes = [size, *([-1] * (values.shape.rank - 1))]
    cut = tf.slice(values, [begin, *([0] * (values.shape.rank - 1))], sizes)
    return tf.ensure_shape(cut, [size if isinstance(size, int) else None, *values.shape[1:]])


ALONE = Workers()
