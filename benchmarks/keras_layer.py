"""What one changed line gains in somebody's Keras program: `char_lstm_tf.layers.LSTM` in place of `keras.layers.LSTM`.

    python -m benchmarks.keras_layer
    python -m benchmarks.keras_layer --rounds=9

The program is a plain one: keras.Sequential, `compile` with its defaults, `fit` with arrays. Both models are in one
process and train in turns. For each size it prints a row: milliseconds per step with each layer (median and minimum of
the rounds), milliseconds of CPU, and how many times as fast our layer is, by the medians and by the minima.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.training_step import processor
from pipelines import command_line
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    import keras

VOCABULARY_SIZE = 66
# Units of each layer, rows of a batch, characters of a window.
SIZES = (((128,), 64, 40), ((128, 128), 16, 64), ((256,), 64, 64), ((256, 256), 64, 100), ((512,), 64, 64))
SECONDS_A_TURN = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerConfig(Options):
    """What to measure."""

    rounds: int = option(15, "How often both are measured.")


def program(
    lstm: "type[keras.layers.LSTM]", units: tuple[int, ...], batch_size: int, window: int
) -> Callable[[int], None]:
    """Returns a function that trains for some steps, as a user's program does. `lstm` is the line that changes."""
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((window,)), keras.layers.Embedding(VOCABULARY_SIZE, 64)])
    for size in units:
        model.add(lstm(size, return_sequences=True))
    model.add(keras.layers.Dense(VOCABULARY_SIZE))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ids = np.random.default_rng(0).integers(0, VOCABULARY_SIZE, [batch_size * 100, window + 1])

    def fit(steps: int) -> None:
        part = ids[: steps * batch_size]
        model.fit(part[:, :-1], part[:, 1:], batch_size=batch_size, verbose=0)

    return fit


def measure(units: tuple[int, ...], batch_size: int, window: int, *, rounds: int) -> str:
    """Returns a row of the table."""
    import keras

    from char_lstm_tf.layers import LSTM

    kinds = {"keras": keras.layers.LSTM, "ours": LSTM}
    fits = {name: program(kind, units, batch_size, window) for name, kind in kinds.items()}
    for fit in fits.values():
        fit(3)  # compiles
    started = time.perf_counter()
    fits["keras"](10)
    steps = int(np.clip(SECONDS_A_TURN / (time.perf_counter() - started) * 10, 5, 100))
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    worked: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, fit in fits.items():
            started, cpu = time.perf_counter(), time.process_time()
            fit(steps)
            taken[name].append((time.perf_counter() - started) / steps * 1e3)
            worked[name].append((time.process_time() - cpu) / steps * 1e3)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    least = {name: min(values) for name, values in taken.items()}
    cells = [f"{len(units)}×{units[0]}, {batch_size} × {window}"]
    cells += [f"{medians[name]:.1f} ({least[name]:.1f})" for name in kinds]
    cells += [f"{statistics.median(worked[name]):.1f}" for name in kinds]
    cells += [f"{medians['keras'] / medians['ours']:.2f}", f"{least['keras'] / least['ours']:.2f}"]
    return f"| {' | '.join(cells)} |"


def main(config: LayerConfig) -> None:
    """Prints the table."""
    import_tensorflow()
    print("| layers, batch | Keras: ms per step | ours | Keras: CPU ms | ours | × by medians | by minima |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for size in SIZES:
        print(measure(*size, rounds=config.rounds), flush=True)
    print(f"\n{processor()}; {config.rounds} rounds")


if __name__ == "__main__":
    command_line.run(main, LayerConfig)
