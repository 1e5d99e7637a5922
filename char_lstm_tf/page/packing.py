"""The weights of a model for the page, as `web/model.js` reads them.

Each matrix is stored row after row, as float16, or as int8 with a float32 scale for each row. A row has the weights of
one output of a layer, or of one token. Vectors are float32.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from char_lstm_tf.models.cells import CELLS
from char_lstm_tf.models.stack import Recurrent
from pipelines import UserError

# The name of each cell in `web/model.js`, and its weights besides the kernels, by their names there: the weight, and
# which part of it; None: all.
KINDS: dict[type, tuple[str, dict[str, tuple[str, int | None]]]] = {
    keras.layers.LSTMCell: ("lstm", {"bias": ("bias", None)}),
    keras.layers.GRUCell: ("gru", {"bias": ("bias", 0), "state bias": ("bias", 1)}),
    keras.layers.SimpleRNNCell: ("rnn", {"bias": ("bias", None)}),
}
KINDS |= {cell: (name, {vector: (vector, None) for vector in cell.vectors}) for name, cell in CELLS.items()}
FORMS = ("float16", "int8")


@dataclass(frozen=True)
class Packed:
    """The weights of a model, and what they are.

    Attributes:
        facts: sizes, and the name, rows, columns and form of each matrix, in their order.
        data: all matrices, one after the other.
    """

    facts: dict[str, Any]
    data: bytes


@dataclass(frozen=True)
class _Matrix:
    """A matrix of the page.

    Attributes:
        name: in `web/model.js`.
        weight: the weight that it is a part of.
        part: which part; None: all.
        turned: whether it is transposed, so that a row has the weights of one output.
        exact: whether it is stored as float32.
    """

    name: str
    weight: keras.Variable
    part: int | None = None
    turned: bool = False
    exact: bool = False


def pack(network: Recurrent, *, form: str) -> Packed:
    """Returns the weights of a recurrent model, and rounds those of the model to what is stored.

    Args:
        network: the model. Its weights change.
        form: of matrices, one of `FORMS`.

    Raises:
        UserError: a weight is too large for float16.
    """
    parts, listed = [], []
    for matrix in _matrices(network):
        all_parts = matrix.weight.numpy()
        values = all_parts if matrix.part is None else all_parts[matrix.part]
        rows = np.atleast_2d(values.T if matrix.turned else values)
        own_form = "float32" if matrix.exact else form
        data, rounded = _stored(rows, own_form)
        parts.append(data)
        listed.append({"name": matrix.name, "rows": rows.shape[0], "columns": rows.shape[1], "form": own_form})
        all_parts[... if matrix.part is None else matrix.part] = (rounded.T if matrix.turned else rounded).reshape(
            values.shape
        )
        matrix.weight.assign(all_parts)
    embedding = network.stack.embedding
    facts = {
        "layers": [{"kind": KINDS[type(cell)][0], "units": cell.units} for cell in network.cells],
        "skips": network.skips,
        "embedding": 0 if embedding is None else embedding.output_dim,
        "tied": network.stack.tied,
        "weights": listed,
    }
    return Packed(facts, b"".join(parts))


def _matrices(network: Recurrent) -> Iterator[_Matrix]:
    """Yields the matrices of a model, with the names that `web/model.js` knows."""
    embedding, logits = network.stack.embedding, network.stack.logits
    if embedding is not None:
        yield _Matrix("embedding", embedding.embeddings)
    for number, cell in enumerate(network.cells):
        # A one-hot vector takes a row of the first kernel as it is.
        yield _Matrix(f"kernel {number}", cell.kernel, turned=number > 0 or embedding is not None)
        yield _Matrix(f"recurrent {number}", cell.recurrent_kernel, turned=True)
        for name, (weight, part) in KINDS[type(cell)][1].items():
            yield _Matrix(f"{name} {number}", getattr(cell, weight), part=part, exact=True)
    yield _Matrix("logits", logits.kernel, turned=True)
    yield _Matrix("logits bias", logits.bias, exact=True)
    if network.labels:
        for label in range(network.labels):
            yield _Matrix(f"logits {label}", logits.label_kernels, part=label, turned=True)
        yield _Matrix("label biases", logits.label_biases, exact=True)


def _stored(rows: np.ndarray, form: str) -> tuple[bytes, np.ndarray]:
    """Returns float32 `[R, C]` as bytes, and the float32 numbers that these stand for."""
    if form == "float32":
        return rows.astype("<f4").tobytes(), rows
    if form == "float16":
        if np.abs(rows).max(initial=0) > np.finfo("float16").max:
            raise UserError("--weights=float16: a weight is above 65,504, the largest float16; use --weights=int8")
        halves = rows.astype("<f2")
        return halves.tobytes(), halves.astype("float32")
    scales = np.abs(rows).max(axis=1, keepdims=True, initial=0).astype("<f4") / np.float32(127)
    numbers = np.rint(rows / np.where(scales > 0, scales, 1)).astype("i1")
    return scales.tobytes() + numbers.tobytes(), numbers * scales
