"""Characters a second that a model writes: our loop, two ways from tutorials, and a PyTorch loop.

    python -m benchmarks.generation [--rounds=5] [--units=128,512]

All ways are measured in turns in each round, so a slow minute of the machine affects all of them. The table gives the
median of the rounds and, in brackets, the slowest and the fastest. The model has two LSTM layers, 80 characters and
random weights, and is sampled at temperature 1. The floor is the time to read the weights that a character needs,
once, at the speed at which arrays of that size are read here. That and PyTorch (requirements/benchmarks.txt) run with
each number of threads, and the faster one counts. Without PyTorch, its rows are left out.
"""

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from char_lstm_tf.config import ModelConfig
from pipelines import command_line
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

SECONDS = 0.6  # of each measurement
VOCABULARY_SIZE = 80
WINDOW = 40  # characters that the tutorials' loop reads again for each character that it writes
ROWS = (1, 64)
FLOOR, OURS, PREDICT = "floor", "ours: compiled loop", "model.predict a character"
KERAS, TORCH = "tf.function a character", "torch.nn.LSTM a character"


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerationConfig(Options):
    """What to measure."""

    units: tuple[int, ...] = option((128, 512), "Units of both layers. Each value is a model.")
    rounds: int = option(5, "How often everything is measured.")
    threads: tuple[int, ...] = option((1, 2), "Numbers of threads to try PyTorch and the floor with.")


def rate(write: Callable[[], int]) -> float:
    """Returns the characters per second of `write`, which returns how many characters it wrote."""
    started, written = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        written += write()
    return written / (time.perf_counter() - started)


def weights_read(units: int) -> int:
    """Returns the bytes of float32 weights that one character needs. Of the first kernel it needs one row."""
    first = 4 * units * (1 + units + 1)
    return 4 * (first + 4 * units * (2 * units + 1) + (units + 1) * VOCABULARY_SIZE)


def floor(units: int, threads: tuple[int, ...]) -> Callable[[], float]:
    """Returns a function that measures how often the weights for a character can be read in a second."""
    import numpy as np

    size = weights_read(units)
    calls = 1 + 20_000_000 // size

    def read(part: np.ndarray) -> None:
        for _ in range(calls):
            np.dot(*part)

    def rate_with(number: int) -> float:
        parts = [np.ones([2, size // 8 // number], np.float32) for _ in range(number)]

        def write() -> int:
            list(pool.map(read, parts))  # waits for all
            return calls

        with ThreadPoolExecutor(number) as pool:
            return rate(write)

    return lambda: max(map(rate_with, threads))


def tensorflow_ways(units: int) -> dict[tuple[str, int], Callable[[], float]]:
    """Returns functions that measure ways to write with a Keras model, by name and rows."""
    import numpy as np
    import tensorflow as tf

    from char_lstm_tf.inference.writing import Sampling, Writer
    from char_lstm_tf.inference.writing.writer import CHUNK
    from char_lstm_tf.models import networks
    from char_lstm_tf.models.encodings import Interface
    from pipelines.vocabulary import UNKNOWN, Vocabulary

    characters = UNKNOWN + "".join(map(chr, range(32, 31 + VOCABULARY_SIZE)))
    network = networks.build_sequential(ModelConfig(units=(units, units)), Interface(vocabulary_size=VOCABULARY_SIZE))
    writer = Writer(network, Vocabulary(characters))
    one_hot = np.eye(VOCABULARY_SIZE, dtype=np.float32)

    def compiled(rows: int) -> Callable[[], float]:
        chars = CHUNK * (5 if rows == 1 else 1)

        def write() -> int:
            for _ in writer.write(["a"] * rows, Sampling(temperature=1, seed=0).for_rows(rows), chars=chars):
                pass
            return chars * rows

        write()  # compiles
        return lambda: rate(write)

    def predict() -> Callable[[], float]:
        ids = list(range(1, WINDOW + 1))
        chance = np.random.default_rng(0)

        def write() -> int:
            logits = network.keras_model.predict(one_hot[ids[-WINDOW:]][None], verbose=0)[0, -1].astype(float)
            probabilities = np.exp(logits - logits.max())
            ids.append(int(chance.choice(VOCABULARY_SIZE, p=probabilities / probabilities.sum())))
            return 1

        write()
        return lambda: rate(write)

    @tf.function
    def step(ids: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        logits, new_states = network.step()(ids, states)
        return tf.random.categorical(logits, 1, dtype=tf.int32)[:, 0], list(new_states)

    def stepwise(rows: int) -> Callable[[], float]:
        state = [tf.ones([rows], tf.int32), network.start(rows)]

        def write() -> int:
            state[:] = step(*state)
            state[0].numpy()  # the character can be shown
            return rows

        write()
        return lambda: rate(write)

    ways = {(OURS, rows): compiled(rows) for rows in ROWS}
    return ways | {(PREDICT, 1): predict()} | {(KERAS, rows): stepwise(rows) for rows in ROWS}


def torch_ways(units: int, threads: tuple[int, ...]) -> dict[tuple[str, int], Callable[[], float]]:
    """Returns functions that measure a loop over a PyTorch model, by name and rows; {} without PyTorch."""
    try:
        import torch
    except ImportError:
        print("PyTorch isn't installed, so it isn't measured", file=sys.stderr)
        return {}
    lstm = torch.nn.LSTM(VOCABULARY_SIZE, units, num_layers=2, batch_first=True)
    dense = torch.nn.Linear(units, VOCABULARY_SIZE)
    one_hot = torch.eye(VOCABULARY_SIZE)

    def loop(rows: int) -> Callable[[], float]:
        zeros = torch.zeros(2, rows, units)
        state = [torch.ones(rows, dtype=torch.long), (zeros, zeros)]

        def write() -> int:
            outputs, carried = lstm(one_hot[state[0]][:, None], state[1])
            probabilities = torch.softmax(dense(outputs[:, -1]), -1)
            state[:] = torch.multinomial(probabilities, 1)[:, 0], carried
            state[0].tolist()  # the character can be shown
            return rows

        def measure() -> float:
            rates = []
            for number in threads:
                torch.set_num_threads(number)
                with torch.inference_mode():
                    rates.append(rate(write))
            return max(rates)

        return measure

    return {(TORCH, rows): loop(rows) for rows in ROWS}


def main(config: GenerationConfig) -> None:
    """Measures and prints a table, in Markdown."""
    import_tensorflow()
    ways = {
        (units, *key): measure
        for units in config.units
        for key, measure in (
            tensorflow_ways(units) | torch_ways(units, config.threads) | {(FLOOR, 1): floor(units, config.threads)}
        ).items()
    }
    results: dict[tuple[int, str, int], list[float]] = {key: [] for key in ways}
    for number in range(config.rounds):
        print(f"round {number + 1} of {config.rounds}", file=sys.stderr)
        for key, measure in ways.items():
            results[key].append(measure())
    report(results)


def report(results: dict[tuple[int, str, int], list[float]]) -> None:
    """Prints the table."""
    print(
        "| model | rows | way | characters per second | ours is × | share of the floor |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    middle = {key: statistics.median(values) for key, values in results.items()}
    for (units, name, rows), values in results.items():
        if name == FLOOR:
            continue
        found = middle[units, name, rows]
        print(
            f"| 2×{units} | {rows} | {name} | {found:,.0f} ({min(values):,.0f} to {max(values):,.0f}) "
            f"| {middle[units, OURS, rows] / found:,.1f} "
            f"| {f'{found / middle[units, FLOOR, 1]:.1%}' if rows == 1 else ''} |"
        )
    for units, name, _ in results:
        if name == FLOOR:
            size = weights_read(units)
            print(
                f"\nFloor of 2×{units}: {size / 1e6:.1f} MB of weights per character, read "
                f"{middle[units, FLOOR, 1]:,.0f} times per second ({size * middle[units, FLOOR, 1] / 1e9:.1f} GB/s)."
            )


if __name__ == "__main__":
    command_line.run(main, GenerationConfig)
