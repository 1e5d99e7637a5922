"""What words cost: encoding a text, and a training step with words as tokens, ours and Keras', in turns.

    python -m benchmarks.words --text=book.txt [--max_words=20000] [--rounds=7]

All models have two layers of 128 units and read batches of 16 × 64 tokens. "keras.layers.LSTM" is the same model from
Keras' layers, with Keras' own training step. Each has a process of its own, and the others sleep while it takes its
steps. The table gives the median of the rounds and, in brackets, the fastest and the slowest.
"""

import dataclasses
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from char_lstm_tf.config import Config
from pipelines import command_line
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow
from pipelines.vocabulary import Vocabulary, words

CHARACTERS, WORDS, TIED, KERAS = "characters, one-hot", "words", "words, --tie", "words, keras.layers.LSTM"
WAYS = (CHARACTERS, WORDS, TIED, KERAS)
BATCH_SIZE, WINDOW = 16, 64
STEPS = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordsConfig(Options):
    """What to measure."""

    text: str = option("", "File with the text to take words from, in UTF-8.")
    max_words: int = option(20_000, "Words that are tokens.", at_least=1)
    embedding_size: int = option(128, "Width of the embedding.", at_least=1)
    rounds: int = option(7, "How often everything is measured.", at_least=1)


def work(pipe: Connection, way: str, vocabulary: Vocabulary, ids: np.ndarray, embedding_size: int) -> None:
    """Sends the number of weights, and then for each message the seconds and CPU seconds of a step."""
    import_tensorflow()
    import tensorflow as tf

    from char_lstm_tf.models import cores
    from char_lstm_tf.models.build import build
    from char_lstm_tf.training.fitting import compiling
    from char_lstm_tf.training.fitting.step import train_function

    config = Config(name="x", batch_size=BATCH_SIZE, window=WINDOW)
    if way != CHARACTERS:
        config = dataclasses.replace(config, tokens="words", embedding_size=embedding_size, tie=way == TIED)
    if way != KERAS:
        cores.set_up_tensorflow(config, BATCH_SIZE, len(vocabulary))
    model = build(config, vocabulary, stream=True, trains=way != KERAS).keras_model
    state = compiling.compile_model(model, config, steps=1_000_000, sparse=way != CHARACTERS)
    inputs, targets = ids[:-1].reshape(-1, BATCH_SIZE, WINDOW), ids[1:].reshape(-1, BATCH_SIZE, WINDOW)
    if way == CHARACTERS:
        inputs, targets = (np.eye(len(vocabulary), dtype=np.float32)[part] for part in (inputs, targets))
    batches = iter(tf.data.Dataset.from_tensor_slices((inputs, targets)).repeat())
    if way == KERAS:
        model.compile(model.optimizer, model.loss, metrics=["accuracy"], jit_compile=False)
        model.make_train_function()
    step = model.train_function if way == KERAS else train_function(model, state)
    float(step(batches)["loss"])
    pipe.send(model.count_params())
    while pipe.recv():
        started, worked = time.perf_counter(), time.process_time()
        for _ in range(STEPS):
            logs = step(batches)
        float(logs["loss"])  # waits for the last one
        pipe.send(((time.perf_counter() - started) / STEPS, (time.process_time() - worked) / STEPS))


def main(config: WordsConfig) -> None:
    """Measures and prints two tables, in Markdown."""
    text = Path(config.text).read_text(encoding="utf-8-sig")
    characters = Vocabulary.fit(text)
    chosen = words.frequent([text], characters=characters.tokens[1:], count=config.max_words)
    vocabulary = Vocabulary((*characters.tokens, *chosen))
    seconds = []
    for _ in range(config.rounds):
        started = time.perf_counter()
        ids = vocabulary.encode(text)
        seconds.append(time.perf_counter() - started)
    assert vocabulary.decode(ids) == text
    size, length = len(text.encode()) / 1e6, len(text) / len(ids)
    rates = sorted(size / each for each in seconds)
    print(f"{len(chosen):,} words, {length:.2f} characters per token")
    print(f"encoded at {statistics.median(rates):.1f} MB per second ({rates[0]:.1f} to {rates[-1]:.1f})\n")
    context = multiprocessing.get_context("spawn")
    pipes, weights = {}, {}
    results: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    count = BATCH_SIZE * WINDOW * STEPS + 1
    for way in WAYS:
        pipes[way], other = context.Pipe()
        known = characters if way == CHARACTERS else vocabulary
        given = (known, known.encode(text[: 20 * count])[:count], config.embedding_size)
        context.Process(target=work, args=(other, way, *given), daemon=True).start()
        weights[way] = pipes[way].recv()
    for _ in range(config.rounds):
        for way, pipe in pipes.items():
            time.sleep(0.3)
            pipe.send(True)
            results[way].append(pipe.recv())
    print("| tokens | weights | ms per step | CPU ms | characters per second | of `words` |")
    print("| --- | --- | --- | --- | --- | --- |")
    for way, measured in results.items():
        spent, worked = zip(*measured, strict=True)
        middle = statistics.median(spent)
        rate = BATCH_SIZE * WINDOW * (1 if way == CHARACTERS else length) / middle
        times = statistics.median(mine / ours for (mine, _), (ours, _) in zip(measured, results[WORDS], strict=True))
        print(
            f"| {way} | {weights[way]:,} | {middle * 1e3:,.1f} ({min(spent) * 1e3:,.1f} to {max(spent) * 1e3:,.1f}) "
            f"| {statistics.median(worked) * 1e3:,.1f} | {rate:,.0f} | {times:.2f} × |"
        )
    for pipe in pipes.values():
        pipe.send(False)


if __name__ == "__main__":
    command_line.run(main, WordsConfig)
