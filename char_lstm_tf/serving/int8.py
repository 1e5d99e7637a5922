"""Matrices of 8 bits for onnxruntime, and what they cost."""

import itertools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.models.network import Network
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.corpus import DocumentRange

TOKENS = 10_000  # that the cost is measured on, one by one; a second or two


def quantize(file: Path) -> None:
    """Replaces an ONNX file by one whose matrices have 8 bits, with a scale for each column.

    onnxruntime quantizes the vectors that are multiplied with them when it runs.
    """
    from onnxruntime.quantization import quantize_dynamic

    with _without_advice():
        quantize_dynamic(file, file, per_channel=True)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Drops the warning that a model should be prepared first: tf2onnx has found the shapes that it lacks."""

    def drop(_: logging.LogRecord) -> bool:
        return False

    logging.root.addFilter(drop)
    try:
        yield
    finally:
        logging.root.removeFilter(drop)


def describe_cost(run: TrainedRun, network: Network, file: Path) -> str:
    """Returns a line that says what 8 bits cost on the beginning of what the run held out."""
    try:
        texts, labels = _held_out(run)
    except UserError as error:
        return f"what 8 bits cost isn't known: {error}"
    nats = [values.sum(dtype=np.float64) for values in Scorer(network, run.vocabulary).nats_of_each(texts, labels)]
    characters = sum(run.vocabulary.count_characters(ids[1:]) for ids in texts)
    exact, rounded = sum(nats) / characters, losses(file, texts, labels) / characters
    return (
        f"{characters:,} held-out characters cost {rounded:.4f} nats per character with 8 bits, "
        f"{rounded - exact:+.5f} against float32"
    )


def _held_out(run: TrainedRun) -> tuple[list[np.ndarray], list[int]]:
    """Returns the beginning of the last held-out part: ids of texts, and of their labels if there are labels.

    Raises:
        UserError: there is none any more.
    """
    parts = list(run.load_corpus().held_out().values())
    if not parts:
        raise UserError(f"{run.folder.path}: the run held nothing out (--split)")
    if not isinstance(part := parts[-1], DocumentRange):
        return [part[: TOKENS + 1]], []
    group = next(part.groups(size=TOKENS))
    return [ids[: TOKENS + 1] for ids in group.each()], [] if group.labels is None else group.labels.tolist()


def losses(file: Path, texts: Sequence[np.ndarray], labels: Sequence[int]) -> float:
    """Returns the sum of the losses of all tokens but the first of each text, in nats, as onnxruntime finds them.

    Args:
        file: `step` in ONNX form.
        texts: ids, `[N]` each, read from a state of zeros.
        labels: that of each text; () if the model has none.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # which is as fast for one row
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    sizes = {value.name: value.shape[1] for value in session.get_inputs() if value.name.startswith("state_")}
    nats = 0.0
    for text, *label in zip(texts, *([labels] if labels else []), strict=True):
        states = {name: np.zeros([1, size], np.float32) for name, size in sizes.items()}
        known = {"label": np.array(label, np.int32)} if label else {}
        for before, after in itertools.pairwise(text.tolist()):
            inputs = known | {"ids": np.array([before], np.int32)} | states
            found = dict(zip(outputs, session.run(outputs, inputs), strict=True))
            states = {name: found[f"new_{name}"] for name in sizes}
            logits = found["logits"][0].astype(np.float64)
            nats += np.logaddexp.reduce(logits) - logits[after]
    return float(nats)
