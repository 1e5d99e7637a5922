"""What checkpoints cost: the same training steps with a checkpoint at their end and without, in turns.

    python -m benchmarks.checkpoints --text=tinyshakespeare_input.txt [--rounds=7] [--steps=200]

Everything else of a run (validation, samples, curves) is left out, so that nothing else takes time. A checkpoint is
written as in a run: weights, optimizer, best weights, states and sums, synced to the disk.
"""

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path

from char_lstm_tf import command_line
from char_lstm_tf.config import Checked, Config, DataConfig, ModelConfig, TrainingConfig, option
from char_lstm_tf.runs.folder import RunFolder
from pipelines import corpus, sources


@dataclasses.dataclass(frozen=True)
class CheckpointConfig(Checked):
    """What to measure."""

    text: tuple[str, ...] = option((), "Text to train on.")
    units: tuple[int, ...] = option((128, 128), "Units of each layer.")
    rounds: int = option(7, "How often everything is measured.")
    steps: int = option(200, "Steps of a turn, some eight seconds for the default recipe.")


def main() -> None:
    """Measures, and prints a table."""
    asked = command_line.read_flags(CheckpointConfig)
    command_line.load_tensorflow()
    from char_lstm_tf.training import fitting
    from char_lstm_tf.training import run as training
    from pipelines.batches import training_batches

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # on a real disk, as runs are
        text = corpus.prepare(
            sources.text_files(asked.text), split=(0.9, 0.1, 0.0), folder=Path(folder, "data")
        )
        config = Config(
            DataConfig(split=(0.9, 0.1, 0.0)),
            ModelConfig(units=asked.units, architecture="functional"),
            TrainingConfig(name="x", output_dir=folder, epochs=1000),
        )
        run = training.Run(config, text, RunFolder(Path(folder, "x")))
        step = fitting.train_function(run.model)
        iterator = iter(
            training_batches(run.ids, run.batching, **run.form, steps=run.progress.steps).prefetch(8)
        )
        run.folder.path.mkdir()

        def turn(*, saves: bool) -> tuple[float, float]:
            """Returns wall and CPU seconds of a turn."""
            began = time.perf_counter(), time.process_time()
            for _ in range(asked.steps):
                step(iterator)
                run.progress.step += 1
            if saves:
                run.checkpoints.save()
            return time.perf_counter() - began[0], time.process_time() - began[1]

        turn(saves=True)  # compiles
        with_one, without = [], []
        for _ in range(asked.rounds):
            with_one.append(turn(saves=True))
            without.append(turn(saves=False))
        saving = []
        for _ in range(asked.rounds):
            run.progress.step += 1
            began = time.perf_counter()
            run.checkpoints.save()
            saving.append(time.perf_counter() - began)
        size = sum(file.stat().st_size for file in run.folder.checkpoint_folders()[-1].iterdir())
    print(f"| turns of {asked.steps} steps | seconds | CPU seconds |\n| --- | --- | --- |")
    for name, turns in (("with a checkpoint at the end", with_one), ("without", without)):
        wall, cpu = ([taken[part] for taken in turns] for part in (0, 1))
        print(
            f"| {name} | {statistics.median(wall):.3f} ({min(wall):.3f} to {max(wall):.3f}) "
            f"| {statistics.median(cpu):.3f} |"
        )
    median = statistics.median(saving)
    print(
        f"\nA checkpoint of {size / 1e6:.1f} MB: {1000 * median:.0f} ms ({1000 * min(saving):.0f} to "
        f"{1000 * max(saving):.0f}), {median / 60:.2%} of a minute."
    )


if __name__ == "__main__":
    command_line.run(main, CheckpointConfig)
