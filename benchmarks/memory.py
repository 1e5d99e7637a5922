"""Peak memory of training on texts of any size.

    python -m benchmarks.memory --text=FILES [--megabytes=1,67,2000] [--steps=50]

It makes texts of these sizes by cutting or repeating --text. For each text, batching and encoding, a process trains for
some steps, and its peak resident size is printed. The first row of a size includes the encoding of the text; the other
rows find it encoded. The vocabulary has the same size for all, because the memory of a model grows with it: a single
Chinese book makes a one-hot vector forty times as long.
"""

import dataclasses
import os
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

from pipelines import UserError, command_line, sources
from pipelines.options import Options, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemoryConfig(Options):
    """What to measure."""

    text: tuple[str, ...] = option((), "Files, folders or globs. The texts are made from them.")
    megabytes: tuple[int, ...] = option((1, 67, 2000), "Sizes of the texts.")
    steps: int = option(50, "Batches to train on.")
    max_vocabulary: int = option(256, "Largest number of different characters, for all sizes. 0: no limit.")
    folder: str = option("", "Folder for texts and runs. Default: a temporary one.")


def peak_megabytes(words: list[str]) -> float:
    """Returns the peak resident size of a command in megabytes. Its stderr is shown if it fails."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None  # a pipe
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise UserError(f"{' '.join(words)} failed:\n{errors}")
    return usage.ru_maxrss / 1024  # Linux counts in KiB


def write_text(found: list[sources.TextFile], megabytes: int, folder: Path) -> list[str]:
    """Returns files of `megabytes` together, each of at most 64, made by repeating the texts."""
    files: list[Path] = []
    left = megabytes * 1_000_000
    while left > 0:
        for source in found:
            if left <= 0:
                break
            data = source.path.read_bytes()[:left]
            files.append(folder / f"{len(files):05}.txt")
            files[-1].write_bytes(data)
            left -= len(data)
    return [f"--text={folder}"]


def main(config: MemoryConfig) -> None:
    """Measures and prints a table, in Markdown."""
    found = sources.text_files(config.text)
    if not found:
        raise UserError("--text: name the files to make the texts from")
    with tempfile.TemporaryDirectory(dir=config.folder or None) as folder:
        print("| text | batching | encoding | peak resident MB |\n| --- | --- | --- | --- |", flush=True)
        peaks = []
        for size in config.megabytes:
            texts = Path(folder, f"{size}MB")
            texts.mkdir()
            text = write_text(found, size, texts)
            for batching, encoding in product(("stream", "shuffled"), ("one_hot", "embedding")):
                peaks.append(
                    peak_megabytes(
                        [
                            "char_lstm_tf.train",
                            *text,
                            f"--batching={batching}",
                            f"--encoding={encoding}",
                            "--overwrite",
                            f"--max_steps={config.steps}",
                            f"--output_dir={folder}",
                            f"--data_dir={folder}/data",
                            "--name=run",
                            f"--split={1 - 0.02 / size!r},{0.02 / size!r},0",
                            "--noclean",
                            f"--max_vocabulary={config.max_vocabulary}",
                        ]
                    )
                )  # 20,000 characters to validate on
                print(f"| {size:,} MB | {batching} | {encoding} | {peaks[-1]:,.0f} |", flush=True)
    print(f"\nLargest less smallest: {max(peaks) - min(peaks):,.0f} MB")


if __name__ == "__main__":
    command_line.run(main, MemoryConfig)
