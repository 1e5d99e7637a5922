"""Requests that TensorFlow Serving replays when it loads a version, so that the first user doesn't wait."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

Inputs = dict[str, Any]

FILE = "assets.extra/tf_serving_warmup_requests"  # where the server looks in a version
PROMPTS = ["The ", ""]
REQUESTS: dict[str, Inputs] = {
    "serving_default": {"prompt": PROMPTS},
    "generate": {
        "prompt": PROMPTS,
        "num_chars": np.array([20, 10], np.int32),
        "temperature": np.array([0.8, 0], np.float32),
        "top_k": np.array([0, 1], np.int32),
        "top_p": np.array([0.9, 1], np.float32),
        "seed": np.array([1, 2], np.int64),
    },
    "next_char": {"prompt": PROMPTS, "k": np.array([1, 1], np.int32)},
    "score": {"text": ["The text", ""]},
}


def requests(state_sizes: list[int], labels: Sequence[str] = ()) -> dict[str, Inputs]:
    """Returns the inputs of a request for each signature of a language model, by its name.

    Args:
        state_sizes: widths of the states of `step`.
        labels: that the model knows.
    """
    states = {f"state_{number}": np.zeros([2, size], "f") for number, size in enumerate(state_sizes)}
    found = REQUESTS | {"step": {"ids": np.array([1, 1], np.int32), **states}}
    if labels:
        for name in ("generate", "next_char", "score"):
            found[name] = found[name] | {"label": [labels[0], labels[-1]]}
        found["step"] |= {"label": np.array([0, len(labels) - 1], np.int32)}
        found["classify"] = REQUESTS["score"]
    return found


def write(path: Path, requests: dict[str, Inputs]) -> None:
    """Writes requests into a SavedModel.

    The file is a TFRecord of PredictionLog messages, as in the server's guide "SavedModel Warmup".

    Args:
        path: the SavedModel.
        requests: the inputs of each, by the name of the signature.
    """
    file = path / FILE
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as records:
        for name, inputs in requests.items():
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.model_spec.signature_name = name
            for key, value in inputs.items():
                log.predict_log.request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            records.write(log.SerializeToString(deterministic=True))
