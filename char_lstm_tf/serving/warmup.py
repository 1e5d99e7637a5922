"""Requests that TensorFlow Serving replays when it loads a version, so that the first user doesn't wait."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

FILE = "assets.extra/tf_serving_warmup_requests"  # where the server looks in a version
INPUTS: dict[str, list[Any]] = {
    "prompt": ["The ", ""],
    "text": ["The text", ""],
    "num_chars": [20, 10],
    "temperature": [0.8, 0],
    "top_k": [0, 1],
    "top_p": [0.9, 1],
    "seed": [1, 2],
    "k": [1, 1],
    "ids": [1, 1],
}  # of two rows, by name; states are zeros


def write(path: Path, signatures: Mapping[str, Any], labels: Sequence[str] = ()) -> None:
    """Writes a request for each signature into a SavedModel.

    The file is a TFRecord of PredictionLog messages, as in the server's guide "SavedModel Warmup".

    Args:
        path: the SavedModel.
        signatures: its functions, by name.
        labels: of the model.
    """
    file = path / FILE
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as records:
        for name, signature in signatures.items():
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.model_spec.signature_name = name
            for spec in signature.input_signature:
                log.predict_log.request.inputs[spec.name].CopyFrom(
                    tf.make_tensor_proto(_rows(spec, labels), spec.dtype)
                )
            records.write(log.SerializeToString(deterministic=True))


def _rows(spec: tf.TensorSpec, labels: Sequence[str]) -> Any:
    """Returns two rows for an input."""
    if spec.name == "label":
        return [labels[0], labels[-1]] if spec.dtype == tf.string else [0, len(labels) - 1]
    return INPUTS[spec.name] if spec.name in INPUTS else tf.zeros([2, *spec.shape[1:]]).numpy()
