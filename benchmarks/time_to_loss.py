"""Seconds until a model has learned so much: our layer, stock Keras and PyTorch from the same weights and batches.

    python -m benchmarks.time_to_loss --text=tinyshakespeare_input.txt [--steps=4000]

The three take a hundred steps each in turns, then all are measured on the last tenth of the text by the same pass with
carried state, which isn't counted; nor is what comes before the first step and compiling, which training_step leaves
out too. 2×128 units, 16 windows of 64 characters, the default recipe with its schedule over `--steps`.
"""

import dataclasses
import importlib.util
import tempfile
import time
from pathlib import Path

from benchmarks.trainers import KERAS, OURS, TORCH, KerasTrainer, TorchTrainer, keras_model
from char_lstm_tf import command_line
from char_lstm_tf.config import Checked, TrainingConfig, option
from pipelines import corpus, sources

UNITS, BATCH_SIZE, WINDOW, TURN = 128, 16, 64, 100
LOSSES = (2.0, 1.8, 1.7, 1.6)


@dataclasses.dataclass(frozen=True)
class LossConfig(Checked):
    """What to learn, and for how long."""

    text: tuple[str, ...] = option((), "The text.")
    steps: int = option(4000, "Steps of the schedule.")


def main() -> None:
    """Trains, and prints a table, in Markdown."""
    config = command_line.read_flags(LossConfig)
    found = sources.text_files(config.text, encoding="", clean=True)
    with tempfile.TemporaryDirectory() as folder:
        text = corpus.prepare(found, split=(0.9, 0.1, 0.0), max_vocabulary=0, folder=Path(folder))
        command_line.load_tensorflow()
        race(text, config.steps)


def race(text: corpus.Corpus, steps: int) -> None:
    """Trains all ways until each has passed the lowest loss or taken all steps, and prints when they passed which."""
    from char_lstm_tf import compiling
    from char_lstm_tf.scoring import Scorer
    from pipelines.batches import Batching, training_batches

    sizes = {"vocabulary_size": len(text.vocabulary), "batch_size": BATCH_SIZE}
    judge = keras_model(UNITS, **sizes | {"batch_size": None}, window=WINDOW, trains=False)
    scorer = Scorer(judge, text.vocabulary)
    trainers = {
        way: KerasTrainer(UNITS, **sizes, window=WINDOW, steps=steps, fast=way == OURS)
        for way in (OURS, KERAS)
    }
    if importlib.util.find_spec("torch"):
        schedule = compiling.learning_rate(TrainingConfig(name="x"), steps=steps)
        rates = [float(schedule(step)) for step in range(steps)]
        trainers[TORCH] = TorchTrainer(UNITS, **sizes, rates=rates, start=judge.get_weights())
    batches = training_batches(
        text.split("train"),
        Batching("stream", BATCH_SIZE, WINDOW),
        encoding="one_hot",
        target="sequence",
        vocabulary_size=len(text.vocabulary),
        steps=steps,
    ).as_numpy_iterator()
    seconds, passed = dict.fromkeys(trainers, 0.0), {way: {} for way in trainers}
    print("| way | held-out loss | steps | characters | seconds |\n| --- | --- | --- | --- | --- |")
    for done in range(TURN, steps + 1, TURN):
        turn = [next(batches) for _ in range(TURN)]
        for way, this in trainers.items():
            head = 1 if done == TURN else 0  # the first step compiles
            if head:
                this.load(turn[:head])
                this.train()
            this.load(turn[head:])
            began = time.perf_counter()
            this.train()
            seconds[way] += time.perf_counter() - began
        for way, this in trainers.items():
            judge.set_weights(this.weights())
            loss = scorer.score(text.split("validation")).report()["nats_per_char"]
            for bound in LOSSES:
                if loss < bound and bound not in passed[way]:
                    passed[way][bound] = loss
                    characters = done * BATCH_SIZE * WINDOW
                    print(
                        f"| {way} | {bound} ({loss:.4f}) | {done:,} | {characters:,} | {seconds[way]:.1f} |",
                        flush=True,
                    )
        if all(len(bounds) == len(LOSSES) for bounds in passed.values()):
            return


if __name__ == "__main__":
    command_line.run(main, LossConfig)
