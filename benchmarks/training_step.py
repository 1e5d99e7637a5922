"""Time, work and memory of a training step: our layer, Keras and PyTorch in turns.

    python -m benchmarks.training_step [--rounds=7] [--units=128,256,512]

Each way has a process of its own, so that its memory and the work of its threads can be told apart. The others sleep
while it takes its steps. The table gives the median of the rounds and, in brackets, the fastest and the slowest.
GFLOP/s count 6 × weights × characters, the products of the forward and backward pass, with nothing deducted for
one-hot input. The peak is the highest speed at which any library at hand multiplied two square matrices in any round:
numpy's OpenBLAS, free to choose its kernel, TensorFlow's oneDNN, XLA and PyTorch. PyTorch comes with
requirements/benchmarks.txt; without it, its rows are left out.
"""

import dataclasses
import importlib.util
import itertools
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.trainers import KERAS, OURS, TORCH, KerasTrainer, TorchTrainer
from pipelines import command_line
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

VOCABULARY_SIZE = 66
BATCH_AND_WINDOW = {128: [(16, 64), (64, 100)], 256: [(64, 100)], 512: [(128, 100)]}
FLOPS_A_TURN = 15e9  # some 0.2 s, so that single delays don't matter
SIDE, PRODUCTS = 1024, 10  # of the matrices whose product is the peak
SETTLE_SECONDS = 0.3  # until PyTorch's idle threads stop spinning


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepConfig(Options):
    """What to measure."""

    units: tuple[int, ...] = option((128, 256, 512), "Units of both layers: 128, 256 or 512.")
    rounds: int = option(7, "How often everything is measured.")


def weights(units: int) -> int:
    """Returns the number of weights of two layers and the logits."""
    first, second = (4 * units * (size + units + 1) for size in (VOCABULARY_SIZE, units))
    return first + second + (units + 1) * VOCABULARY_SIZE


def flops(units: int, batch_size: int, window: int) -> int:
    """Returns the floating-point operations of a step."""
    return 6 * weights(units) * batch_size * window


def work(pipe: Connection, way: str, units: int, batch_size: int, window: int) -> None:
    """Takes as many steps as it is sent. Sends back seconds and CPU seconds per step; for 0, the peak memory in MB."""
    sizes = {"vocabulary_size": VOCABULARY_SIZE, "batch_size": batch_size}
    this: TorchTrainer | KerasTrainer
    if way == TORCH:
        this = TorchTrainer(units, vocabulary_size=VOCABULARY_SIZE, batch_size=batch_size, rates=itertools.repeat(1e-3))
    else:
        import_tensorflow()
        this = KerasTrainer(units, **sizes, window=window, steps=1_000_000, fast=way == OURS)
    ids = np.random.default_rng(0).integers(0, VOCABULARY_SIZE, [batch_size, window + 1])
    one_hot = np.eye(VOCABULARY_SIZE, dtype=np.float32)[ids]
    batch = one_hot[:, :-1], one_hot[:, 1:]
    this.load([batch] * 2)
    this.train()
    pipe.send("ready")
    while count := pipe.recv():
        this.load([batch] * count)
        started, worked = time.perf_counter(), time.process_time()
        this.train()
        pipe.send(((time.perf_counter() - started) / count, (time.process_time() - worked) / count))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def multiply(pipe: Connection, library: str) -> None:
    """Multiplies square matrices whenever it is told to. Sends back floating-point operations per second."""
    matrix = np.random.default_rng(0).random([SIDE, SIDE], np.float32)
    product: Callable[[], Any]
    if library == "numpy":
        product = lambda: matrix @ matrix  # noqa: E731
    elif library == "PyTorch":
        import torch

        tensor = torch.from_numpy(matrix)
        product = lambda: torch.mm(tensor, tensor)  # noqa: E731
    else:
        import_tensorflow()
        import tensorflow as tf

        constant = tf.constant(matrix)
        run = tf.function(lambda value: tf.matmul(value, value), jit_compile=library == "XLA", autograph=False)
        product = lambda: run(constant).numpy()  # noqa: E731
    product()
    pipe.send("ready")
    while pipe.recv():
        started = time.perf_counter()
        for _ in range(PRODUCTS):
            product()
        pipe.send(PRODUCTS * 2 * SIDE**3 / (time.perf_counter() - started))


class Peak:
    """The fastest product of two matrices on this machine, of any library."""

    def __init__(self) -> None:
        os.environ.pop("OPENBLAS_CORETYPE", None)  # which would limit numpy to older kernels
        libraries = ["numpy", "TensorFlow", "XLA", *(["PyTorch"] if importlib.util.find_spec("torch") else [])]
        context, self._pipes = multiprocessing.get_context("spawn"), {}
        for library in libraries:
            self._pipes[library], other = context.Pipe()
            context.Process(target=multiply, args=(other, library), daemon=True).start()
            self._pipes[library].recv()
        self._rates: dict[str, list[float]] = {library: [] for library in libraries}

    def measure(self) -> None:
        """Lets each library multiply."""
        for library, pipe in self._pipes.items():
            time.sleep(SETTLE_SECONDS)
            pipe.send(True)
            self._rates[library].append(pipe.recv())

    def end(self) -> None:
        """Ends the processes."""
        for pipe in self._pipes.values():
            pipe.send(False)

    @property
    def flops(self) -> float:
        """The highest speed so far, in floating-point operations per second."""
        return max(map(max, self._rates.values()))

    def __str__(self) -> str:
        """Returns the best and the median of each library."""
        rates = {library: (max(found), statistics.median(found)) for library, found in self._rates.items()}
        listed = ", ".join(
            f"{library} {best / 1e9:,.0f} ({middle / 1e9:,.0f})" for library, (best, middle) in rates.items()
        )
        return f"peak of a matrix product in GFLOP/s, the best round (and the median): {listed}"


def measure(ways: list[str], units: int, batch_size: int, window: int, rounds: int, peak: Peak) -> None:
    """Measures all ways in turns at one size and prints a row for each."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    results: dict[str, list[Any]] = {way: [] for way in ways}
    for way in ways:
        pipes[way], other = context.Pipe()
        processes.append(context.Process(target=work, args=(other, way, units, batch_size, window), daemon=True))
        processes[-1].start()
        other.close()
        pipes[way].recv()
    count = max(1, int(FLOPS_A_TURN // flops(units, batch_size, window)))
    for _ in range(rounds):
        peak.measure()
        for way, pipe in pipes.items():
            time.sleep(SETTLE_SECONDS)
            pipe.send(count)
            results[way].append(pipe.recv())
    for way, pipe in pipes.items():
        pipe.send(0)
        report(way, results, (units, batch_size, window), peak.flops, pipe.recv())
    for process in processes:
        process.join()


def report(way: str, results: dict[str, Any], size: tuple[int, int, int], peak_flops: float, memory: float) -> None:
    """Prints a row of the table."""
    units, batch_size, window = size
    seconds, worked = zip(*results[way], strict=True)
    middle = statistics.median(seconds)
    times = sorted(mine / ours for (mine, _), (ours, _) in zip(results[way], results[OURS], strict=True))
    rate = flops(*size) / middle
    print(
        f"| 2×{units}, {batch_size} × {window} | {way} | {middle * 1e3:,.1f} ({min(seconds) * 1e3:,.1f} to "
        f"{max(seconds) * 1e3:,.1f}) | {statistics.median(worked) * 1e3:,.1f} | {batch_size * window / middle:,.0f} "
        f"| {rate / 1e9:,.0f} | {rate / peak_flops:.0%} "
        f"| {statistics.median(times):.2f} ({times[0]:.2f} to {times[-1]:.2f}) | {memory:,.0f} |",
        flush=True,
    )


def processor() -> str:
    """Returns the name of the processor and the widest vectors that it has, as Linux tells them."""
    lines = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, value in lines.items()}
    widest = "AVX-512" if "avx512f" in facts.get("flags", "") else "AVX2"
    return (
        f"{facts.get('model name', 'unknown processor')}, {os.cpu_count()} cores, {widest}, {time.strftime('%Y-%m-%d')}"
    )


def main(config: StepConfig) -> None:
    """Measures and prints a table, in Markdown."""
    ways = [OURS, KERAS]
    if importlib.util.find_spec("torch"):
        ways.append(TORCH)
    else:
        print("PyTorch isn't installed, so it isn't measured", file=sys.stderr)
    print(
        "| model, batch | way | ms per step | CPU ms | characters per second | GFLOP/s | of the peak "
        "| ours is × | peak MB |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    peak = Peak()
    for units in config.units:
        for batch_size, window in BATCH_AND_WINDOW[units]:
            measure(ways, units, batch_size, window, config.rounds, peak)
    peak.end()
    print(f"\n{processor()}; {peak}")


if __name__ == "__main__":
    command_line.run(main, StepConfig)
