"""The page: one file with the scripts, the model and everything about it.

It loads nothing, and a policy in the page forbids it. Texts are data in it, never markup.
"""

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from char_lstm_tf.models.stack import Recurrent
from char_lstm_tf.page import history
from char_lstm_tf.page.packing import Packed
from char_lstm_tf.page.surprise import BITS, STYLE
from char_lstm_tf.runs.trained import TrainedRun
from pipelines.sources.typography import ASCII
from pipelines.vocabulary import Vocabulary, vectors

WEB = Path(__file__).with_name("web")
WORKER = ("model.js", "tokens.js", "sampling.js", "reading.js", "worker.js")
SCRIPT = ("page.js", "write.js", "text.js", "map.js", "history.js")
MAP_TOKENS = 300
NEIGHBOURS = 10


def read_facts(run: TrainedRun, network: Recurrent) -> dict[str, Any]:
    """Returns what the page knows of a run besides its weights: tokens, how texts are read, the map, and the history.

    Args:
        run: the run.
        network: its best model.
    """
    config, metrics, vocabulary, reader = run.config, run.metrics, run.vocabulary, run.config.prompt_reader
    more = ", after those of the run that it started from" if config.init_from else ""
    measured = next(iter(metrics.held_out.values()), {}) if metrics else {}
    parts = [
        f"{config.cell.upper()} with {_sizes(config.units)} units",
        f"{network.keras_model.count_params():,} weights",
        f"{metrics.training.characters_seen:,} characters seen in training" + more if metrics else "",
        f"{measured['nats_per_char']:.4f} nats per character on held-out text" if "nats_per_char" in measured else "",
    ]
    return {
        "about": ", ".join(filter(None, parts)),
        "tokens": vocabulary.tokens,
        "end": vocabulary.end,
        "labels": vocabulary.labels,
        "letters": "".join(sorted(vocabulary.letters)),
        "eachLine": config.settings.text.from_lines,
        "compose": reader.clean or reader.plain,
        "typography": {chr(code): text for code, text in ASCII.items()} if reader.plain else None,
        "bits": BITS,
        "map": _map(network, vocabulary),
        "history": {
            "epochs": history.losses(run.folder.training_log),
            "samples": history.samples(run.folder.samples),
        },
    }


def _sizes(units: tuple[int, ...]) -> str:
    """Returns the sizes of layers: `2×128`, or `128+256` if they differ."""
    return f"{len(units)}×{units[0]}" if len(set(units)) == 1 else "+".join(map(str, units))


def _map(network: Recurrent, vocabulary: Vocabulary) -> dict[str, Any]:
    """Returns where the most frequent tokens are in a square from 0 to 1, and the neighbours of each."""
    values = network.token_vectors()
    ids = vocabulary.most_frequent(MAP_TOKENS)
    points = vectors.flattened(values[ids])
    spread = np.maximum(np.ptp(points, axis=0), 1e-12)
    kind = "words" if vocabulary.words else "characters"
    frequent = "most frequent " * (len(vocabulary.words) > len(ids))
    layer, near = "first layer reads", "read alike"
    if network.stack.embedding is None:
        layer, near = "last layer compares with its state", "likely in the same places"
    known = values.copy()
    known[0] = 0  # the unknown character is nobody's neighbour
    return {
        "ids": ids,
        "points": np.round((points - points.min(axis=0)) / spread, 4).tolist(),
        "nearest": [
            [(near, round(cos, 3)) for near, cos in vectors.nearest(known, id, count=NEIGHBOURS)] for id in ids
        ],
        "about": f"The vectors of the {frequent}{kind}, which the {layer}, along the two directions in which they "
        f"differ most. {kind.capitalize()} that are near each other are {near}.",
    }


def write_page(path: Path, *, title: str, facts: dict[str, Any], packed: Packed, prompt: str, text: str) -> None:
    """Writes the page.

    Args:
        path: the file.
        title: of the page.
        facts: of `read_facts`.
        packed: the model.
        prompt: what its first text continues.
        text: what it reads first.
    """
    everything = facts | packed.facts | {"prompt": prompt, "text": text}
    parts = {
        "title": html.escape(title),
        "style": STYLE.read_text(encoding="utf-8"),
        # No "<" is left, so nothing in the data can end its element or begin another one.
        "facts": json.dumps(everything, separators=(",", ":")).replace("<", "\\u003c"),
        "weights": base64.b64encode(packed.data).decode(),
        "worker": _joined(WORKER),
        "script": _joined(SCRIPT),
    }
    template = (WEB / "page.html").read_text(encoding="utf-8")
    page = re.sub(rf"\{{({'|'.join(parts)})\}}", lambda found: parts[found[1]], template)
    path.write_text(page, encoding="utf-8")


def _joined(names: tuple[str, ...]) -> str:
    """Returns scripts, one after the other, as one."""
    return "\n".join(['"use strict";', *((WEB / name).read_text(encoding="utf-8") for name in names)])
