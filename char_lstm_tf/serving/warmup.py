"""Requests that TensorFlow Serving replays when it loads a version, so that the first user doesn't wait."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

FILE = "assets.extra/tf_serving_warmup_requests"  # where the server looks in a version
PROMPTS = ["The ", ""]
REQUESTS = {
    "serving_default": {"prompt": PROMPTS},
    "generate": {
        "prompt": PROMPTS,
        "num_chars": np.int32([20, 10]),
        "temperature": np.float32([0.8, 0]),
        "top_k": np.int32([0, 1]),
        "top_p": np.float32([0.9, 1]),
        "seed": np.int64([1, 2]),
    },
    "next_char": {"prompt": PROMPTS, "k": np.int32([1, 1])},
    "score": {"text": ["The text", ""]},
}


def requests(state_sizes: list[int], labels: Sequence[str] = ()) -> dict[str, dict]:
    """Returns the inputs of a request for each signature of a language model, by its name.

    Args:
        state_sizes: widths of the states of `step`.
        labels: that the model knows.
    """
    states = {f"state_{number}": np.zeros([2, size], "f") for number, size in enumerate(state_sizes)}
    found = REQUESTS | {"step": {"ids": np.int32([1, 1]), **states}}
    if labels:
        for name in ("generate", "next_char", "score"):
            found[name] = found[name] | {"label": [labels[0], labels[-1]]}
        found["step"] |= {"label": np.int32([0, len(labels) - 1])}
        found["classify"] = REQUESTS["score"]
    return found


def write(path: Path, requests: dict[str, dict]) -> None:
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
