"""Seconds of training until a loss is reached: our layer, Keras and PyTorch, from the same weights and batches.

    python -m benchmarks.time_to_loss --text=tinyshakespeare_input.txt [--steps=4000]

Each has a process of its own. They take a hundred steps in turns, and then each model is measured on the last tenth of
the text with carried state. The measuring isn't counted, and neither are start-up and compiling. The model has 2×128
units, a batch has 16 windows of 64 characters, and the flags are the defaults, with the schedule over `--steps`.
"""

import dataclasses
import importlib.util
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.trainers import KERAS, OURS, TORCH, KerasTrainer, TorchTrainer, network
from char_lstm_tf.config import TrainingConfig
from pipelines import command_line, corpus, sources
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

UNITS, BATCH_SIZE, WINDOW, TURN = 128, 16, 64, 100
LOSSES = (2.0, 1.8, 1.7, 1.6)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossConfig(Options):
    """What to learn, and for how long."""

    text: tuple[str, ...] = option((), "The text.")
    steps: int = option(4000, "Steps of the schedule.")


def main(config: LossConfig) -> None:
    """Trains, and prints a table, in Markdown."""
    found = sources.text_files(config.text)
    with tempfile.TemporaryDirectory() as folder:
        text = corpus.prepare(found, split=(0.9, 0.1, 0.0), max_vocabulary=0, folder=Path(folder))
        import_tensorflow()
        race(text, config.steps)


def work(pipe: Connection, way: str, sizes: dict[str, int], steps: int, rates: list[float], start: list[Any]) -> None:
    """Trains on each list of batches it is sent, and sends back the seconds and the weights."""
    this: TorchTrainer | KerasTrainer
    if way == TORCH:
        this = TorchTrainer(UNITS, **sizes, rates=rates, start=start)
    else:
        import_tensorflow()
        this = KerasTrainer(UNITS, **sizes, window=WINDOW, steps=steps, fast=way == OURS)
    while batches := pipe.recv():
        this.load(batches)
        started = time.perf_counter()
        this.train()
        pipe.send((time.perf_counter() - started, this.weights()))


class Lesson:
    """What all learn, and the judge of it: a model on which the weights of a trainer are put to be measured.

    Attributes:
        sizes: the vocabulary and the batch.
        rates: the learning rate of each step.
        judge: the model, with the weights that all start from.
        batches: numpy arrays, one-hot.
    """

    def __init__(self, text: corpus.Corpus, steps: int) -> None:
        from char_lstm_tf.inference.scoring import Scorer
        from char_lstm_tf.training.fitting import compiling
        from pipelines.batches import Form, Stream

        size = len(text.vocabulary)
        self.sizes = {"vocabulary_size": size, "batch_size": BATCH_SIZE}
        judge = network(UNITS, vocabulary_size=size, batch_size=None, window=WINDOW, trains=False)
        self.judge, self._scorer = judge.keras_model, Scorer(judge, text.vocabulary)
        self._held_out = text.split("validation")
        schedule: Any = compiling.learning_rate(TrainingConfig(), steps=steps)
        self.rates = [float(schedule(step)) for step in range(steps)]
        form = Form("one_hot", "sequence", len(text.vocabulary))
        stream = Stream(text.split("train"), form, batch_size=BATCH_SIZE, window=WINDOW)
        self.batches = stream.dataset(0, steps).as_numpy_iterator()

    def loss(self, weights: list[Any]) -> float:
        """Returns the loss of these weights on the held-out part, in nats per character."""
        self.judge.set_weights(weights)
        return self._scorer.score(self._held_out).nats_per_char


def race(text: corpus.Corpus, steps: int) -> None:
    """Trains in all ways until each reaches the lowest loss or takes all steps, and prints when it reached which."""
    lesson = Lesson(text, steps)
    context, pipes = multiprocessing.get_context("spawn"), {}
    for way in (OURS, KERAS, TORCH) if importlib.util.find_spec("torch") else (OURS, KERAS):
        pipes[way], other = context.Pipe()
        arguments = other, way, lesson.sizes, steps, lesson.rates, lesson.judge.get_weights()
        context.Process(target=work, args=arguments, daemon=True).start()
    seconds = dict.fromkeys(pipes, 0.0)
    passed: dict[str, dict[float, float]] = {way: {} for way in pipes}
    print("| way | held-out loss | steps | characters | seconds |\n| --- | --- | --- | --- | --- |")
    for done in range(TURN, steps + 1, TURN):
        turn = [next(lesson.batches) for _ in range(TURN)]
        head = 1 if done == TURN else 0  # the first step compiles
        for way, pipe in pipes.items():
            if head:
                pipe.send(turn[:head])
                pipe.recv()
            pipe.send(turn[head:])
            spent, weights = pipe.recv()
            seconds[way] += spent
            loss = lesson.loss(weights)
            for bound in LOSSES:
                if loss < bound and bound not in passed[way]:
                    passed[way][bound] = loss
                    characters = done * BATCH_SIZE * WINDOW
                    print(
                        f"| {way} | {bound} ({loss:.4f}) | {done:,} | {characters:,} | {seconds[way]:.1f} |",
                        flush=True,
                    )
        if all(len(bounds) == len(LOSSES) for bounds in passed.values()):
            break
    for pipe in pipes.values():
        pipe.send([])


if __name__ == "__main__":
    command_line.run(main, LossConfig)
