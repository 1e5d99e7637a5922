"""The contexts of `evaluate --dynamic`, without a model, beside compressors: the last part of a text.

    python -m benchmarks.compressors --text=tinyshakespeare_input.txt

What a compressor needs for the last part is the size of the whole text less that of what comes before it. xz is the one
in Python's library, PPMd is `pyppmd` (variant H of the 7z format, orders 4 to 8), and zpaq is run if it is installed,
with tables of a fixed size (-method x,4… doubles none between both sizes). A size is in whole bytes, so the last digit
of a short part is uncertain.
"""

import lzma
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyppmd
from absl import app, flags

from char_lstm_tf.inference.mixing import Mixing
from char_lstm_tf.inference.scoring import KnownText
from pipelines.vocabulary import Vocabulary

FLAGS = flags.FLAGS
flags.DEFINE_string("text", None, "File to read, UTF-8.", required=True)
flags.DEFINE_float(
    "share", 0.1, "What is measured: the last share of the characters.", lower_bound=0.001, upper_bound=0.9
)
flags.DEFINE_string("zpaq_method", "x4,0ci1,1,1,1,2am", "Method of zpaq, if it is installed.")


def compressors() -> Iterator[tuple[str, Callable[[bytes], int]]]:
    """Yields the name of each compressor, and what returns the size of a text."""
    yield "xz -9e", lambda data: len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    for order in (4, 5, 6, 8):
        yield f"PPMd, order {order}", partial(ppmd_size, order=order)
    if shutil.which("zpaq"):
        yield f"zpaq -m{FLAGS.zpaq_method}", zpaq_size


def ppmd_size(data: bytes, *, order: int) -> int:
    """Returns the size after PPMd with 256 MB."""
    encoder = pyppmd.Ppmd7Encoder(order, 1 << 28)
    return len(encoder.encode(data) + encoder.flush())


def zpaq_size(data: bytes) -> int:
    """Returns the size of an archive of one file."""
    with tempfile.TemporaryDirectory() as folder:
        path, archive = Path(folder, "text"), Path(folder, "archive.zpaq")
        path.write_bytes(data)
        subprocess.run(["zpaq", "a", archive, path, f"-m{FLAGS.zpaq_method}", "-t1"], check=True, capture_output=True)
        return archive.stat().st_size


def main(_: list[str]) -> None:
    """Measures each, and prints a row for it."""
    text = Path(FLAGS.text).read_text(encoding="utf-8")
    before = round(len(text) * (1 - FLAGS.share))
    characters = len(text) - before
    print(f"the last {characters:,} of {len(text):,} characters\n\n{'':<24}{'bits':>9}{'nats':>9}{'CPU seconds':>14}")

    def row(name: str, nats: float, seconds: float) -> None:
        bits = nats / math.log(2) / characters
        print(f"{name:<24}{bits:>9.4f}{bits * math.log(2):>9.4f}{seconds:>14.1f}", flush=True)

    for name, size in compressors():
        started = time.process_time()
        whole = size(text.encode())
        seconds = time.process_time() - started
        row(name, (whole - size(text[:before].encode())) * 8 * math.log(2), seconds)
    vocabulary = Vocabulary.fit(text[:before])
    ids = vocabulary.encode(text)
    Mixing(vocabulary, models=0, known=KnownText()).read_all([ids[:100]], [], quiet=True)  # compiles
    started = time.process_time()
    mixing = Mixing(vocabulary, models=0, known=KnownText(before, lambda: iter([ids[:before]])))
    (losses,) = mixing.read_all([ids[before - 1 :]], [], quiet=True)
    row("our contexts", float(losses.sum(dtype=np.float64)), time.process_time() - started)


if __name__ == "__main__":
    app.run(main)
