"""The history of a run, for the page: the loss and the samples of each epoch."""

import csv
import math
import re
from pathlib import Path
from typing import Any

EPOCH = re.compile(r"━━ epoch (\d+): ")
SAMPLE = re.compile(r"── (temperature \S+)")


def losses(training_log: Path) -> list[dict[str, float | None]]:
    """Returns `{"epoch": 1, "loss": 2.5, "val_loss": 2.4}` for each row of training.csv; None: not measured."""
    if not training_log.is_file():
        return []
    with training_log.open(encoding="utf-8", newline="") as file:
        return [
            {"epoch": int(row["epoch"]) + 1, **{name: _number(row.get(name)) for name in ("loss", "val_loss")}}
            for row in csv.DictReader(file)
        ]


def _number(text: str | None) -> float | None:
    """Returns a number that JSON can hold."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def samples(path: Path) -> list[dict[str, Any]]:
    """Returns `{"epoch": 1, "heading": "temperature 0.5", "text": "…"}` for each sample of samples.txt.

    A line that looks like the heading of an epoch counts only if it has the next number.
    """
    found: list[dict[str, Any]] = []
    epoch = 0
    lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    for line in lines:
        begins = EPOCH.match(line)
        if begins and int(begins[1]) == epoch + 1:
            epoch += 1
        elif heading := SAMPLE.fullmatch(line):
            found.append({"epoch": epoch, "heading": heading[1], "text": ""})
        elif found and found[-1]["epoch"] == epoch:
            found[-1]["text"] += f"{line}\n"
    return [sample | {"text": sample["text"].strip("\n")} for sample in found]
