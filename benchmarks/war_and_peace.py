"""War and Peace, in the sizes of the table in "Visualizing and Understanding Recurrent Networks".

    python -m benchmarks.war_and_peace --text=karpathy_warpeace_input.txt --rows=128x2,256x2

The models in a row of the table of Karpathy, Johnson and Li (2015) have about as many parameters as a single layer of
64, 128, 256 or 512 units on one-hot input. So have ours, with the units of `UNITS`, an embedding of 16 and skip
connections. A row such as 128x2 is the size 128 with two layers.

The text is split 80/10/10 in one of two ways. `--split=streams` is what char-rnn, the program of the paper's first
author, does: it cuts the text into as many streams as a batch has rows, 100, and splits each, so that all three parts
come from everywhere in the book. `--split=whole` splits the book itself, so that its end, which is about history in
general, is for the test. The paper says only that it was split 80/10/10.

A line end is one character for us and two, CR LF, in the file of the paper. The table has nats in both ways.
"""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.metrics import Metrics
from pipelines import UserError, command_line
from pipelines.files import path_of
from pipelines.options import Options, option

STREAMS, WINDOW = 100, 100  # of a batch of the paper
# For one, two and three layers: the most units with at most the parameters of the single layer of 87 inputs.
UNITS = {64: (86, 50, 38), 128: (155, 90, 69), 256: (286, 166, 128), 512: (544, 315, 243)}
PUBLISHED = {
    64: (1.449, 1.442, 1.540),
    128: (1.277, 1.227, 1.279),
    256: (1.189, 1.137, 1.141),
    512: (1.161, 1.092, 1.082),
}  # nats on the test part, by size and number of layers
FLAGS = (
    "--architecture=functional",
    "--encoding=embedding",
    "--embedding_size=16",
    "--batch_size=32",
    "--window=100",
    "--learning_rate=0.006",
    "--sample_chars=0",
    "--quiet",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WarAndPeaceConfig(Options):
    """What to train."""

    text: str = option("", "The file of the paper, karpathy_warpeace_input.txt.")
    rows: tuple[str, ...] = option(("128x2",), "Sizes and numbers of layers, such as 64x1,512x3.")
    split: str = option("streams", "How to split the text, as explained above.", choices=("streams", "whole"))
    epochs: int = option(30, "Passes over the training part.", at_least=1)
    dropout: float = option(0.0, "As for train.", at_least=0, below=1)
    output_dir: str = option("saved_models", "Folder of the runs. One that has finished isn't trained again.")
    data_dir: str = option("~/.cache/char_lstm_tf", "As for train.")


def in_streams(data: bytes) -> tuple[str, list[float]]:
    """Returns the three parts of a text one after the other, and their shares.

    As char-rnn's `CharSplitLMMinibatchLoader` does, the text is cut into `STREAMS` pieces of equal length, and each of
    them into windows: the first 80% are for training, the next 10% for validation, the others for the test.
    """
    windows = len(data) // (STREAMS * WINDOW)
    train, validation = windows * 8 // 10, windows // 10
    length = windows * WINDOW
    streams = [data[length * number : length * (number + 1)] for number in range(STREAMS)]
    edges = [(0, train), (train, train + validation), (train + validation, windows)]
    parts = [b"".join(stream[begin * WINDOW : end * WINDOW] for stream in streams) for begin, end in edges]
    texts = [part.decode("utf-8", "ignore").replace("\r\n", "\n").replace("\r", "\n") for part in parts]
    shares = [len(text) / sum(map(len, texts)) for text in texts]
    return "".join(texts), shares


def train(config: WarAndPeaceConfig, row: str, text: Path, split: str) -> RunFolder:
    """Trains a row unless it has been trained before."""
    size, layers = map(int, row.split("x"))
    units = ",".join([str(UNITS[size][layers - 1])] * layers)
    name = f"war_and_peace-{config.split}-{row}"
    flags = [f"--text={text}", f"--split={split}", f"--units={units}", f"--name={name}", *FLAGS]
    flags += [f"--{flag}={getattr(config, flag)}" for flag in ("epochs", "dropout", "output_dir", "data_dir")]
    subprocess.run([sys.executable, "-m", "char_lstm_tf.train", *flags, "--resume"], check=True)
    return RunFolder(path_of(config.output_dir) / name)


def main(config: WarAndPeaceConfig) -> None:
    """Trains the rows and prints them, in Markdown."""
    known = {f"{size}x{layers}" for size in UNITS for layers in (1, 2, 3)}
    if wrong := set(config.rows) - known:
        raise UserError(f"--rows={','.join(wrong)}: must be of {', '.join(sorted(known))}")
    text, split = path_of(config.text), "0.8,0.1,0.1"
    if config.split == "streams":
        words, shares = in_streams(text.read_bytes())
        text = path_of(config.output_dir) / "war_and_peace-streams.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text(words, encoding="utf-8")
        split = ",".join(f"{share:.9f}" for share in shares)
    print("| row | units | parameters | characters read | seconds | nats, CR LF as one | as two | published |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in config.rows:
        run = train(config, row, text, split)
        command = [sys.executable, "-m", "char_lstm_tf.evaluate", f"--model={run.path}", "--part=test"]
        done = subprocess.run([*command, "--crlf", "--json"], check=True, capture_output=True, text=True)
        training, score = Metrics.load(run.metrics).training, json.loads(done.stdout)
        size, layers = map(int, row.split("x"))
        print(
            f"| {row} | {UNITS[size][layers - 1]} | {training.parameters:,} | {training.characters_seen:,} "
            f"| {training.seconds:,.0f} | {score['nats_per_char']:.4f} | {score['nats_per_char_with_crlf']:.4f} "
            f"| {PUBLISHED[size][layers - 1]} |",
            flush=True,
        )


if __name__ == "__main__":
    command_line.run(main, WarAndPeaceConfig)
