"""Counted n-grams beside KenLM: its own Kneser-Ney smoothing of the same text, and our file read by its module.

    python -m benchmarks.arpa --text=tinyshakespeare_input.txt [--lmplz=build/bin/lmplz]

The first nine tenths of the text are counted, and the last tenth is scored in one pass. Its first character has
nothing before it and isn't scored. `lmplz` counts with KenLM. It is a part of KenLM's source that needs Boost. It
reads the text as one line, so that both count the same. Without it, its row is left out. Times are of one run, in
seconds: of counting and smoothing, of writing the file, of reading it, and of scoring.
"""

import dataclasses
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import char_lstm_tf
from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.models.ngrams.counted import Counted
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.serving import arpa
from pipelines import command_line
from pipelines.options import Options, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArpaConfig(Options):
    """What to measure."""

    text: str = option("", "File of the text.")
    order: int = option(7, "Length of the longest n-grams.", at_least=2)
    lmplz: str = option("", "KenLM's program that counts. Default: none.")


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    """Returns a result, and the seconds that it took."""
    started = time.perf_counter()
    result = act()
    return result, time.perf_counter() - started


def kenlm_row(file: Path, line: str, characters: int) -> str:
    """Returns the part of a row that KenLM's module fills: seconds of reading and scoring, and the loss."""
    import kenlm

    model, reading = timed(lambda: kenlm.Model(str(file)))
    each, scoring = timed(lambda: list(model.full_scores(line, bos=False, eos=False)))
    nats = -math.log(10) * sum(logarithm for logarithm, _, _ in each[1:]) / characters
    return f"{reading:.1f} | {scoring:.2f} | {nats:.5f} |"


def main(config: ArpaConfig) -> None:
    """Prints the table."""
    print(f"| {config.order}-grams | counted in | file written in | read in | scored in | nats per character |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = char_lstm_tf.Config(
            text=(config.text,), architecture="counts", order=config.order, split=(0.9, 0, 0.1), sample_chars=0,
            quiet=True, name="run", output_dir=name, data_dir=f"{name}/data",
        )  # fmt: skip
        char_lstm_tf.train(plan)
        run = TrainedRun.open(folder / "run")
        corpus, model = run.load_corpus(), char_lstm_tf.load(folder / "run")
        known = arpa.symbols(run.vocabulary)
        train, test = (corpus.split(part)[:] for part in ("train", "test"))
        lines = {part: " ".join(known[id] for id in ids.tolist()) for part, ids in (("train", train), ("test", test))}
        characters = len(test) - 1
        metrics = cast("Any", run.metrics)
        counting = metrics.training.characters_seen / metrics.training.chars_per_second
        network = cast("Counted", model.network)
        score, scoring = timed(lambda: Scorer(network, run.vocabulary).score(corpus.split("test")))
        print(f"| ours | {counting:.1f} | | | {scoring:.2f} | {score.nats / characters:.5f} |", flush=True)
        file = folder / "ours.arpa"
        _, writing = timed(lambda: arpa.write(network, run.vocabulary, file))
        size = f"{writing:.1f} ({file.stat().st_size / 1e6:,.0f} MB)"
        print(f"| ours, in KenLM | | {size} | {kenlm_row(file, lines['test'], characters)}", flush=True)
        if config.lmplz:
            print(lmplz_row(config, lines, characters, folder))


def lmplz_row(config: ArpaConfig, lines: dict[str, str], characters: int, folder: Path) -> str:
    """Returns the row of KenLM's own counts."""
    file = folder / "theirs.arpa"
    command = [config.lmplz, "-o", str(config.order), "--discount_fallback", "-S", "1G", "-T", str(folder)]

    def count() -> None:
        with file.open("wb") as output:
            subprocess.run(command, input=f"{lines['train']}\n".encode(), stdout=output, stderr=sys.stderr, check=True)

    _, counting = timed(count)
    size = f"in it ({file.stat().st_size / 1e6:,.0f} MB)"
    return f"| KenLM's `lmplz` | {counting:.1f} | {size} | {kenlm_row(file, lines['test'], characters)}"


if __name__ == "__main__":
    command_line.run(main, ArpaConfig)
