"""The cost of a checkpoint: the same training steps with and without a checkpoint at their end, in turns.

    python -m benchmarks.checkpoints --text=tinyshakespeare_input.txt [--rounds=7] [--steps=200]

The rest of a run (validation, samples, curves) is left out, because it takes time too. A checkpoint is written as in a
run: weights, optimizer, best weights, states and sums, synced to the disk.
"""

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path

from char_lstm_tf.config import Config
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.plan import Plan
from pipelines import command_line, corpus, sources
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckpointConfig(Options):
    """What to measure."""

    text: tuple[str, ...] = option((), "Text to train on.")
    units: tuple[int, ...] = option((128, 128), "Units of each layer.")
    rounds: int = option(7, "How often everything is measured.")
    steps: int = option(200, "Steps in a turn. 200 take some eight seconds with the default recipe.")


def main(asked: CheckpointConfig) -> None:
    """Measures, and prints a table."""
    import_tensorflow()
    from char_lstm_tf.training.fitting.step import train_function
    from char_lstm_tf.training.run import Run

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # on a real disk, as runs are
        text = corpus.prepare(sources.text_files(asked.text), split=(0.9, 0.1, 0.0), folder=Path(folder, "data"))
        config = Config(name="x", output_dir=folder, units=asked.units, architecture="functional", epochs=1000)
        run = Run(Plan(config, RunFolder(Path(folder, "x")), None), text)
        progress = run.fitting.progress
        step = train_function(run.model, run.state)
        iterator = iter(run.objective.batches.dataset(0, progress.steps).prefetch(8))
        Path(folder, "x").mkdir()

        def turn(*, saves: bool) -> tuple[float, float]:
            """Returns wall and CPU seconds of a turn."""
            started = time.perf_counter(), time.process_time()
            nonlocal progress
            for _ in range(asked.steps):
                step(iterator)
                progress = progress.after_step(0.0)
            if saves:
                run.checkpoints.save(progress)
            return time.perf_counter() - started[0], time.process_time() - started[1]

        turn(saves=True)  # compiles
        with_one, without = [], []
        for _ in range(asked.rounds):
            with_one.append(turn(saves=True))
            without.append(turn(saves=False))
        saving = []
        for _ in range(asked.rounds):
            progress = progress.after_step(0.0)
            started = time.perf_counter()
            run.checkpoints.save(progress)
            saving.append(time.perf_counter() - started)
        size = sum(file.stat().st_size for file in RunFolder(Path(folder, "x")).checkpoint_folders()[-1].iterdir())
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
