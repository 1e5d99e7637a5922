"""What training with several processes costs, each on a core of its own, and what that says of more machines.

    python -m benchmarks.workers --text=book.txt [--units=128,128] [--batch_size=16] [--rounds=7] [--steps=60]

One process trains on a whole batch, several divide the same batch, and several have as many rows each as the one had.
All are started once and take their steps in turns. `own` is the share of a step that one process takes for as many rows
as each of several has; the rest is the exchange of gradients and waiting for the slowest. `predicted` is a step as the
formula of `exchange` has it. The second table puts other numbers of workers and networks into this formula.
"""

import contextlib
import dataclasses
import io
import json
import math
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from typing import Any

from pipelines import command_line
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

WINDOW = 64
# Of TensorFlow's ring through gRPC on one core: what two processes took for 1.00 MB and for 13.45 MB.
RING_BYTES_PER_SECOND, HOP_SECONDS = 0.38e9, 0.38e-3
NETWORKS = {"10 Gbit/s": 10e9 / 8, "100 Gbit/s": 100e9 / 8}  # bytes per second


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkersConfig(Options):
    """What to measure."""

    text: str = option("", "A file with enough text for an epoch.")
    units: tuple[int, ...] = option((128, 128), "Units of each layer.", at_least=1)
    batch_size: int = option(16, "Windows in the batch of one process.", at_least=1)
    workers: tuple[int, ...] = option((2, 4), "Numbers of processes.", at_least=2)
    rounds: int = option(7, "How often everything is measured.", at_least=1)
    steps: int = option(60, "Batches of a round.", at_least=1)


def work(pipe: Connection, core: int | None, cluster: dict[str, Any], flags: dict[str, Any], folder: str) -> None:
    """Sends the bytes of the gradients, and then seconds and CPU seconds of a step for each number of steps."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    os.environ |= {"TF_CONFIG": json.dumps(cluster), "TF_CPP_MIN_LOG_LEVEL": "3"}
    import_tensorflow()
    import tensorflow as tf

    if core is not None:
        tf.config.threading.set_inter_op_parallelism_threads(1)
    from char_lstm_tf.runs.plan import plan_run
    from char_lstm_tf.runs.text import prepare_text
    from char_lstm_tf.training import workers
    from char_lstm_tf.training.fitting.step import train_function
    from char_lstm_tf.training.run import Run

    stack = contextlib.ExitStack()
    with contextlib.redirect_stderr(io.StringIO()):  # who waits for whom
        plan = plan_run(output_dir=folder, data_dir=folder, window=WINDOW, epochs=1_000_000, **flags)
        everyone = workers.ALONE
        if plan.cluster:
            plan.cluster.meet()
            everyone = stack.enter_context(workers.joined(plan.cluster, plan.config))
        run = Run(plan, prepare_text(plan), everyone)
    step = train_function(run.model, run.state, workers=everyone)
    batches = iter(run.objective.batches.dataset(0, run.fitting.progress.steps))
    for _ in range(3):
        float(step(batches)["loss"])
    pipe.send(4 * run.model.count_params())
    while count := pipe.recv():
        started, worked = time.perf_counter(), time.process_time()
        for _ in range(count):
            logs = step(batches)
            float(logs["loss"])  # as training does
        pipe.send(((time.perf_counter() - started) / count, (time.process_time() - worked) / count))
    pipe.recv()  # all end together


class Processes:
    """Processes that train a model together.

    Args:
        count: of them, each on a core of its own; 0: one on all cores.
        batch_size: of all together.
        config: the sizes.
        folder: for what they write.
    """

    def __init__(self, count: int, batch_size: int, config: WorkersConfig, folder: str) -> None:
        self.seconds: list[float] = []
        self.worked: list[float] = []
        ports = free_ports(max(count, 1))
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        flags = {"text": (config.text,), "units": config.units, "batch_size": batch_size}
        for index in range(max(count, 1)):
            addresses = {"worker": [f"127.0.0.1:{port}" for port in ports]}
            cluster = {"cluster": addresses, "task": {"type": "worker", "index": index}}
            ours, other = context.Pipe()
            core = index % (os.cpu_count() or 1) if count else None
            arguments = other, core, cluster, flags | {"name": f"{count}-{batch_size}"}, folder
            self._processes.append(context.Process(target=work, args=arguments, daemon=True))
            self._processes[-1].start()
            self._pipes.append(ours)
        self.bytes, *_ = (pipe.recv() for pipe in self._pipes)

    def measure(self, steps: int) -> None:
        """Takes steps and keeps what one took."""
        for pipe in self._pipes:
            pipe.send(steps)
        seconds, worked = zip(*(pipe.recv() for pipe in self._pipes), strict=True)
        self.seconds.append(max(seconds))
        self.worked.append(sum(worked))

    def end(self) -> None:
        """Ends the processes, all at once."""
        for message in (0, None):
            for pipe in self._pipes:
                pipe.send(message)
        for process in self._processes:
            process.join()

    @property
    def median(self) -> float:
        """Median seconds of a step."""
        return statistics.median(self.seconds)


def free_ports(count: int) -> list[int]:
    """Returns ports of this machine that nothing listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def exchange(workers: int, size: int, network: float = math.inf) -> float:
    """Returns the seconds that a ring of workers takes to add up `size` bytes of each and give all the sum.

    Each worker sends 2 (n - 1) / n of them, in 2 (n - 1) messages (Patarasuk and Yuan, "Bandwidth optimal all-reduce
    algorithms for clusters of workstations", 2009).

    Args:
        workers: n.
        size: bytes of the gradients.
        network: bytes per second between two machines.
    """
    sent = 2 * (workers - 1) / workers * size
    return sent / min(network, RING_BYTES_PER_SECOND) + 2 * (workers - 1) * HOP_SECONDS


def main(config: WorkersConfig) -> None:
    """Measures, and prints two tables."""
    with tempfile.TemporaryDirectory() as folder:
        batch = config.batch_size
        chosen = {(0, batch), (1, batch)}
        for count in config.workers:
            chosen |= {(count, batch), (count, count * batch), (1, batch // count)}
        groups = {each: Processes(*each, config, folder) for each in sorted(chosen)}
        for _ in range(config.rounds):
            for group in groups.values():
                group.measure(config.steps)
        for group in groups.values():
            group.end()
    alone = groups[1, batch]
    print(f"{alone.bytes / 4:,.0f} parameters; {os.cpu_count()} cores\n")
    print(
        "| processes | batch | ms per step | characters per second | of one process | sent per step | own "
        "| predicted ms | CPU ms |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for (count, size), group in groups.items():
        own = groups[1, size // max(count, 1)]
        speed = size * WINDOW / group.median
        ratios = sorted((size / each) / (batch / one) for each, one in zip(group.seconds, alone.seconds, strict=True))
        share = f"{own.median / group.median:.0%}" if count > 1 else ""
        sent = f"{2 * (count - 1) / count * group.bytes / 1e6:.2f} MB" if count > 1 else ""
        crowded = max(count / (os.cpu_count() or 1), 1)  # processes on a core
        predicted = f"{(own.median + exchange(count, group.bytes)) * crowded * 1e3:.1f}" if count > 1 else ""
        print(
            f"| {count or '1 on all cores'} | {size} | {group.median * 1e3:.1f} ({min(group.seconds) * 1e3:.1f} to "
            f"{max(group.seconds) * 1e3:.1f}) | {speed:,.0f} | {statistics.median(ratios):.2f} ({ratios[0]:.2f} to "
            f"{ratios[-1]:.2f}) | {sent} | {share} | {predicted} | {statistics.median(group.worked) * 1e3:.1f} |"
        )
    print_prediction(alone, groups, batch)


def print_prediction(alone: Processes, groups: dict[tuple[int, int], Processes], batch: int) -> None:
    """Prints the speed of other numbers of workers, from the time of a step on one and the speed of a network."""
    print("\n| workers | network | exchange, ms | speed with as many rows each | rows each for half of the time |")
    print("| --- | --- | --- | --- | --- |")
    rows, one = zip(*((size, group.median) for (count, size), group in groups.items() if count == 1), strict=True)
    slope = (one[-1] - one[0]) / (rows[-1] - rows[0])  # seconds per row
    fixed = one[-1] - slope * rows[-1]
    for workers in (8, 64, 512):
        for name, bandwidth in NETWORKS.items():
            spent = exchange(workers, alone.bytes, bandwidth)
            speed = workers * alone.median / (alone.median + spent)
            enough = max((spent - fixed) / slope, 1)
            print(f"| {workers} | {name} | {spent * 1e3:.1f} | {speed:.1f} × | {enough:,.0f} |")


if __name__ == "__main__":
    command_line.run(main, WorkersConfig)
