"""Short documents beside running text: training speed, scoring, memory.

    python -m benchmarks.documents --text=names.txt [--rounds=7] [--steps=200] [--scored=100000] [--lines=10000000]

Training: a process trains on the lines of --text as documents, another on the same file as running text, in turns, with
the whole pipeline from the file to the step. Scoring: --scored lines, drawn from --text with repetition, scored by the
command `evaluate`, from its start to its end, and by its scorer and PyTorch in turns, from lines to losses.
Memory: the peak resident size of a training process on --lines lines, and on those of --text. PyTorch comes with
requirements/benchmarks.txt; without it, its row is left out.
"""

import dataclasses
import importlib.util
import json
import multiprocessing
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.memory import peak_megabytes
from benchmarks.trainers import OURS, TORCH, TorchTrainer
from pipelines import UserError, command_line
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from char_lstm_tf.inference.language_model import LanguageModel

WAYS = ("text", "lines")
SETTLE_SECONDS = 0.3  # until PyTorch's idle threads stop spinning
TORCH_ROWS = 256  # lines of about the same length in a batch of PyTorch's


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentsConfig(Options):
    """What to measure."""

    text: str = option("", "A file with a short document a line.")
    rounds: int = option(7, "How often training and scoring are measured.")
    steps: int = option(200, "Batches of a round.")
    scored: int = option(100_000, "Lines to score. 0: skip this.")
    lines: int = option(10_000_000, "Lines of the large file. 0: skip this.")


def work(pipe: Connection, documents: str, text: str, folder: str) -> None:
    """Takes as many steps as it is sent. Sends back seconds and CPU seconds."""
    import_tensorflow()
    from char_lstm_tf.models import cores
    from char_lstm_tf.runs.plan import plan_run
    from char_lstm_tf.runs.text import prepare_text
    from char_lstm_tf.training.fitting.step import train_function
    from char_lstm_tf.training.run import Run

    plan = plan_run(
        text=(text,), documents=documents, name=documents, output_dir=folder, data_dir=folder, epochs=10_000
    )
    plan.folder.path.mkdir()
    cores.set_up_tensorflow(plan.config, plan.config.batch_size)
    run = Run(plan, prepare_text(plan))
    step, batches = (
        train_function(run.model, run.state),
        iter(run.objective.batches.dataset(0, run.fitting.progress.steps)),
    )
    step(batches)
    pipe.send(plan.config.batch_size * plan.config.window)
    while count := pipe.recv():
        started, worked = time.perf_counter(), time.process_time()
        for _ in range(count):
            step(batches)
        pipe.send((time.perf_counter() - started, time.process_time() - worked))


def measure_training(config: DocumentsConfig, folder: str) -> None:
    """Measures both ways in turns and prints a row for each."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for way in WAYS:
        pipes[way], other = context.Pipe()
        processes.append(context.Process(target=work, args=(other, way, config.text, folder), daemon=True))
        processes[-1].start()
        characters = pipes[way].recv()
    results: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(config.rounds):
        for way, pipe in pipes.items():
            pipe.send(config.steps)
            results[way].append(pipe.recv())
    for pipe in pipes.values():
        pipe.send(0)
    print("| training on | characters per second | CPU seconds | of running text |\n| --- | --- | --- | --- |")
    for way in WAYS:
        seconds, worked = zip(*results[way], strict=True)
        speeds = sorted(config.steps * characters / spent for spent in seconds)
        shares = sorted(text / own for (text, _), (own, _) in zip(results["text"], results[way], strict=True))
        print(
            f"| {way} | {statistics.median(speeds):,.0f} ({speeds[0]:,.0f} to {speeds[-1]:,.0f}) "
            f"| {statistics.median(worked):.2f} "
            f"| {statistics.median(shares):.2f} ({shares[0]:.2f} to {shares[-1]:.2f}) |"
        )
    for process in processes:
        process.join()


def measure_scoring(config: DocumentsConfig, folder: str) -> None:
    """Trains a model for a moment, and prints how long it takes to score many lines."""
    lines = random.Random(0).choices(Path(config.text).read_text(encoding="utf-8").splitlines(), k=config.scored)
    file = Path(folder, "scored.txt")
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    flags = [f"--text={config.text}", f"--output_dir={folder}", f"--data_dir={folder}", "--documents=lines"]
    run_command("char_lstm_tf.train", *flags, "--name=scorer", "--max_steps=20")
    model = f"--model={folder}/scorer"
    started = time.perf_counter()
    total = json.loads(run_command("char_lstm_tf.evaluate", model, f"--text={file}", "--json").splitlines()[-1])
    seconds = time.perf_counter() - started
    import char_lstm_tf

    loaded = char_lstm_tf.load(f"{folder}/scorer")
    encode, nats = loaded.vocabulary.encode_whole, loaded.scorer.nats_of_each
    score: dict[str, Callable[[list[str]], Any]] = {OURS: lambda texts: nats([encode(text) for text in texts])}
    if importlib.util.find_spec("torch"):
        score[TORCH] = TorchScorer(loaded).losses
    spent: dict[str, list[tuple[float, float]]] = {way: [] for way in score}
    totals = {}
    for losses in score.values():
        losses(lines[:2000])  # compiles
    for _ in range(config.rounds):
        for way, losses in score.items():
            time.sleep(SETTLE_SECONDS)
            started, before = time.perf_counter(), time.process_time()
            found = losses(lines)
            spent[way].append((time.perf_counter() - started, time.process_time() - before))
            totals[way] = sum(float(np.sum(each)) for each in found)
    print(
        f"\n{total['documents']:,} lines, {total['characters']:,} characters: `evaluate` takes {seconds:.1f} s\n\n"
        "| scoring by | seconds | CPU seconds | characters per second | ours is × | nats |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    for way, pairs in spent.items():
        times, worked = (sorted(values) for values in zip(*pairs, strict=True))
        ratios = sorted(other / own for (other, _), (own, _) in zip(pairs, spent[OURS], strict=True))
        print(
            f"| {way} | {statistics.median(times):.2f} ({times[0]:.2f} to {times[-1]:.2f}) "
            f"| {statistics.median(worked):.2f} | {total['characters'] / statistics.median(times):,.0f} "
            f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {totals[way]:,.0f} |"
        )


class TorchScorer(TorchTrainer):
    """Scores lines with PyTorch and the weights of a model of ours, lines of about the same length together."""

    def __init__(self, model: "LanguageModel") -> None:
        weights = [weight.numpy() for weight in model.network.keras_model.weights]
        self._vocabulary = model.vocabulary
        super().__init__(len(weights[1]), vocabulary_size=len(model.vocabulary), batch_size=1, rates=[], start=weights)

    def losses(self, lines: list[str]) -> list[np.ndarray]:
        """Returns the losses of each batch of lines, 0 after the end of a line."""
        import torch

        size, found = len(self._vocabulary), []
        texts = sorted((torch.from_numpy(self._vocabulary.encode_whole(line).astype(int)) for line in lines), key=len)
        with torch.inference_mode():
            for first in range(0, len(texts), TORCH_ROWS):
                batch = texts[first : first + TORCH_ROWS]
                ids = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=-100)  # -100: no target
                inputs = torch.nn.functional.one_hot(ids[:, :-1].clamp(min=0), size).float()
                logits = self._dense(self._lstm(inputs)[0]).flatten(0, 1)
                nats = torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten(), reduction="none")
                found.append(nats.numpy())
        return found


def measure_memory(config: DocumentsConfig, folder: str) -> None:
    """Prints the peak memory of training on many lines and on few."""
    names = Path(config.text).read_text(encoding="utf-8").split()
    chance = random.Random(0)
    file = Path(folder, "lines.txt")
    with file.open("w", encoding="utf-8") as written:
        for _ in range(0, config.lines, 1000):
            written.writelines(f"{name}\n" for name in chance.choices(names, k=1000))
    print("\n| lines | file | peak resident MB |\n| --- | --- | --- |")
    for path, count in ((Path(config.text), len(names)), (file, config.lines)):
        words = [f"--text={path}", "--documents=lines", f"--output_dir={folder}", f"--data_dir={folder}/data"]
        words += ["--max_steps=50", "--split=1,0,0", "--name=memory", "--overwrite", "--noclean"]
        peak = peak_megabytes(["char_lstm_tf.train", *words])
        print(f"| {count:,} | {path.stat().st_size / 1e6:,.1f} MB | {peak:,.0f} |", flush=True)


def run_command(*words: str) -> str:
    """Returns what a command prints. Raises UserError if it fails."""
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{' '.join(words)} failed:\n{done.stderr}")
    return done.stdout


def main(config: DocumentsConfig) -> None:
    """Measures and prints tables, in Markdown."""
    if not config.text:
        raise UserError("--text: name a file with a short document a line, such as names.txt")
    with tempfile.TemporaryDirectory() as folder:
        measure_training(config, folder)
        if config.scored:
            measure_scoring(config, folder)
        if config.lines:
            measure_memory(config, folder)


if __name__ == "__main__":
    command_line.run(main, DocumentsConfig)
