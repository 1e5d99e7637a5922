"""What a model writes at the end of an epoch."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from char_lstm_tf.config import Config
from char_lstm_tf.inference.writing import Sampling, Writer


def sample_report(writer: Writer, config: Config, epoch: int, losses: Mapping[str, Any]) -> str:
    """Returns a sample for each temperature, under a heading with the epoch and its losses.

    Of documents, a sample is as many of them as there are in `sample_chars` characters, but at least one and at most
    eight, one label after the other. The seed is the same for every epoch, so samples differ by what was learned.
    Epochs are counted from 0.
    """
    temperatures, prompt = config.sample_temperatures, config.prompt_reader.prompt(config.prompt)
    count = config.settings.text.texts_in_sample
    rows = [
        Sampling(temperature=temperature, seed=config.seed + number)
        for temperature in temperatures
        for number in range(count)
    ]
    labels = [number % len(writer.labels) for _ in temperatures for number in range(count)] if writer.labels else []
    pieces = writer.write([prompt] * len(rows), rows, chars=config.sample_chars, labels=labels)
    measured = ", ".join(f"{name} {losses[name]:.4f}" for name in ("loss", "val_loss") if name in losses)
    measured = measured and f"{measured} (nats per character), "
    report = f"\n━━ epoch {epoch + 1}: {measured}prompt {prompt!r}\n"
    texts = list(map("".join, zip(*pieces, strict=True)))
    for temperature, first in zip(temperatures, range(0, len(rows), count), strict=True):
        own = texts[first : first + count]
        written = itertools.accumulate((len(text) for text in own), initial=0)
        shown = [text for text, before in zip(own, written, strict=False) if before < config.sample_chars]
        headings = [f"[{writer.labels[label]}] " for label in labels] or [""] * count
        lines = (f"{heading}{prompt}{text}\n" for heading, text in zip(headings, shown, strict=False))
        report += f"── temperature {temperature}\n" + "".join(lines)
    return report


def show_samples(report: str, path: Path, *, quiet: bool) -> None:
    """Prints samples, unless `quiet`, and appends them to a file. Does nothing if there are none."""
    if not report:
        return
    if not quiet:
        print(report, flush=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(report)
