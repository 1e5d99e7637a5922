"""How fast text becomes batches, compared with ways from tutorials and with what a model consumes.

    python -m benchmarks.input_pipeline [--text=FILE …] [--rounds=7]

All ways are measured in turns in each round, so a slow minute of the machine affects all of them. The table gives the
median of the rounds and, in brackets, the slowest and the fastest. Without --text, it is the language reference that
comes with Python.
"""

import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from char_lstm_tf.config import Config
from pipelines import command_line, corpus, sources
from pipelines.decoding import decode
from pipelines.gutenberg import cleaning
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf

SECONDS = 0.7  # of each measurement: so many batches that the first ones don't matter
NAIVE_WINDOWS = 20_000  # in the array of all windows in one-hot form; more would fill the memory


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkConfig(Options):
    """What to measure on."""

    text: tuple[str, ...] = option((), "Files to measure on. Several follow each other.")
    rounds: int = option(7, "How often everything is measured.")
    batch_size: int = option(16, "Windows in a batch.")
    window: int = option(64, "Characters in a window.")


def characters_a_second(batches: "tf.data.Dataset", characters: int) -> float:
    """Returns the characters per second that an endless dataset gives to a loop; `characters` is those of a batch."""
    import tensorflow as tf

    iterator = iter(batches)

    @tf.function(reduce_retracing=True)
    def take(count: tf.Tensor) -> tf.Tensor:
        taken = tf.constant(0)
        for _ in tf.range(count):
            taken += tf.size(tf.nest.flatten(next(iterator))[0])
        return taken

    take(tf.constant(2))
    started, count, more = time.perf_counter(), 0, 8
    while time.perf_counter() - started < SECONDS:
        take(tf.constant(more))
        count, more = count + more, 2 * more
    return count * characters / (time.perf_counter() - started)


def pipelines_to_measure(text: corpus.Corpus, raw: str, config: BenchmarkConfig) -> dict[str, Callable[[], float]]:
    """Returns functions that measure the characters per second of batches, by name."""
    import numpy as np
    import tensorflow as tf

    from pipelines.batches import Form, Shuffled, Stream

    ids, size, window, vocabulary = (
        text.split("train"),
        config.batch_size,
        config.window,
        len(text.vocabulary),
    )

    def ours(order: str, encoding: str, target: str) -> Callable[[], float]:
        cut = Stream if order == "stream" else Shuffled
        batches = cut(ids, Form(encoding, target, vocabulary), batch_size=size, window=window)
        return lambda: characters_a_second(batches.dataset(0, 10**9), size * window)

    def one_by_one() -> float:
        encoded = tf.data.Dataset.from_tensor_slices(text.vocabulary.encode(raw))
        windows = encoded.window(window + 1, shift=1, drop_remainder=True)
        batches = windows.flat_map(lambda w: w.batch(window + 1, drop_remainder=True)).batch(size).repeat()
        return characters_a_second(batches.prefetch(tf.data.AUTOTUNE), size * window)

    def array_of_all() -> float:
        started = time.perf_counter()
        encoded = text.vocabulary.encode(raw[: NAIVE_WINDOWS + window])
        inputs = np.zeros((NAIVE_WINDOWS, window, vocabulary), np.bool_)
        for row in range(NAIVE_WINDOWS):
            for place, character in enumerate(encoded[row : row + window]):
                inputs[row, place, character] = 1
        return inputs.shape[0] * window / (time.perf_counter() - started)

    stream = Stream(ids, Form("embedding", "sequence", vocabulary), batch_size=size, window=window)
    table = {"ids alone, stream": lambda: characters_a_second(stream.id_windows(0, 10**9), size * window)}
    for order in ("stream", "shuffled"):
        for encoding in ("one_hot", "embedding"):
            for target in ("sequence", "next_char"):
                table[f"{encoding} → {target}, {order}"] = ours(order, encoding, target)
    return table | {
        "Dataset.window, a character at a time": one_by_one,
        "numpy array of all windows": array_of_all,
    }


def preparation_to_measure(found: list[Any], raw_bytes: list[bytes], folder: Path) -> dict[str, Callable[[], float]]:
    """Returns functions that measure megabytes of raw text per second, by name."""
    size = sum(map(len, raw_bytes)) / 1e6
    texts = [decode(data).text for data in raw_bytes]

    def seconds(work: Callable[[], object]) -> float:
        started = time.perf_counter()
        work()
        return size / (time.perf_counter() - started)

    def encode() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            corpus.prepare(found, split=(0.9, 0.05, 0.05), folder=Path(fresh))

    return {
        "decoding": lambda: seconds(lambda: [decode(data) for data in raw_bytes]),
        "cleaning": lambda: seconds(lambda: [cleaning.clean(text) for text in texts]),
        "files to id file, all of it": lambda: seconds(encode),
    }


def memory_bandwidth() -> float:
    """Returns the bytes per second of writing zeros to memory that is larger than the caches."""
    import numpy as np

    block = np.empty(1 << 26, np.uint8)
    started = time.perf_counter()
    for _ in range(4):
        block.fill(0)
    return 4 * block.nbytes / (time.perf_counter() - started)


def training_rate(text: corpus.Corpus, config: BenchmarkConfig) -> Callable[[], float]:
    """Returns a function that measures the characters per second that the default model trains on."""
    import keras

    from char_lstm_tf.models import build
    from char_lstm_tf.training.fitting import compiling
    from pipelines.batches import Form, Stream

    run = Config(name="benchmark", batch_size=config.batch_size, window=config.window)
    model = build.build(run, text.vocabulary, stream=True).keras_model
    compiling.compile_model(model, run, steps=1000)
    form = Form("one_hot", "sequence", len(text.vocabulary))
    batches = Stream(text.split("train"), form, batch_size=run.batch_size, window=run.window).dataset(0, 10**9)
    steps = 20

    def measure() -> float:
        started = time.perf_counter()
        model.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)
        return steps * run.batch_size * run.window / (time.perf_counter() - started)

    measure()  # compiles
    keras.backend.clear_session(free_memory=False)
    return measure


def main(config: BenchmarkConfig) -> None:
    """Measures and prints the table."""
    import_tensorflow()
    files = sources.text_files(config.text)
    found: list[sources.Source] = [*files] or [sources.LanguageReference()]
    raw_bytes = [file.path.read_bytes() for file in files]
    raw_bytes = raw_bytes or ["".join(sources.joined(source.documents())).encode() for source in found]
    with tempfile.TemporaryDirectory() as folder:
        text = corpus.prepare(found, split=(1, 0, 0), folder=Path(folder))
        raw = text.vocabulary.decode(text.split("train")[: 1 << 20])
        preparation = preparation_to_measure(found, raw_bytes, Path(folder))
        batches = pipelines_to_measure(text, raw, config)
        model = training_rate(text, config)
        results: dict[str, list[float]] = {}
        for number in range(config.rounds):
            print(f"round {number + 1} of {config.rounds}", file=sys.stderr)
            for name, measure in (preparation | batches).items():
                results.setdefault(name, []).append(measure())
            results.setdefault("model", []).append(model())
            results.setdefault("bandwidth", []).append(memory_bandwidth())
    report(results, preparation, batches, len(text.vocabulary), config)


def report(
    results: dict[str, Any],
    preparation: dict[str, Any],
    batches: dict[str, Any],
    vocabulary: int,
    config: BenchmarkConfig,
) -> None:
    """Prints the tables, in Markdown."""
    middle = {name: statistics.median(values) for name, values in results.items()}
    print("| preparing | MB of raw text per second |\n| --- | --- |")
    for name in preparation:
        print(f"| {name} | {middle[name]:.0f} ({min(results[name]):.0f} to {max(results[name]):.0f}) |")
    print(
        f"\n| batches of {config.batch_size} × {config.window}, V = {vocabulary} | million characters per second "
        "| × model | × Dataset.window | GB/s written |\n| --- | --- | --- | --- | --- |"
    )
    naive = middle["Dataset.window, a character at a time"]
    for name in batches:
        bytes_written = vocabulary * 4 * (("one_hot" in name) + ("sequence" in name))
        low, high = min(results[name]) / 1e6, max(results[name]) / 1e6
        print(
            f"| {name} | {middle[name] / 1e6:.3f} ({low:.3f} to {high:.3f}) | {middle[name] / middle['model']:.1f} "
            f"| {middle[name] / naive:.1f} | {middle[name] * bytes_written / 1e9:.2f} |"
        )
    print(
        f"\nThe default model trains on {middle['model']:,.0f} characters per second "
        f"({min(results['model']):,.0f} to {max(results['model']):,.0f}); writing zeros to memory: "
        f"{middle['bandwidth'] / 1e9:.1f} GB/s."
    )


if __name__ == "__main__":
    command_line.run(main, BenchmarkConfig)
