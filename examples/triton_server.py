"""Serves a SavedModel with NVIDIA Triton on this machine, on a CPU: `generate`, `score` and `next_char`, over HTTP.

    python examples/triton_server.py saved_models/quickstart/1 8000

It needs nvidia-pytriton and TensorFlow, and nothing of this repository. Triton joins requests that come at about the
same time into one batch. Each input and output of a signature is a tensor of shape `[B, 1]`, and `[B, K]` of
`next_char`.
"""

import sys
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

SIGNATURES = ("generate", "score", "next_char")
TYPES = {tf.string: bytes, tf.int32: np.int32, tf.int64: np.int64, tf.float32: np.float32}


def infer_function(signature: Callable) -> Callable:
    """Returns what Triton calls with a batch: arrays `[B, 1]` by name → arrays `[B, 1]` or `[B, K]` by name."""

    @batch
    def infer(**inputs: np.ndarray) -> dict[str, np.ndarray]:
        outputs = signature(**{name: tf.constant(values[:, 0]) for name, values in inputs.items()})
        return {name: values.numpy().reshape(len(values), -1) for name, values in outputs.items()}

    return infer


def tensors(specs: dict[str, tf.TensorSpec]) -> list[Tensor]:
    """Returns the inputs or outputs of a signature as Triton describes them, in a fixed order."""
    return [
        Tensor(name=name, dtype=TYPES[spec.dtype], shape=(1,) if len(spec.shape) == 1 else (-1,))
        for name, spec in sorted(specs.items())
    ]


def main(path: str, port: int) -> None:
    """Serves until the process is stopped."""
    loaded = tf.saved_model.load(path)
    batching = ModelConfig(max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=2000))
    here_alone = TritonConfig(http_port=port, http_address="127.0.0.1", allow_grpc=False, allow_metrics=False)
    with Triton(config=here_alone) as triton:
        for name in SIGNATURES:
            signature = loaded.signatures[name]
            _, inputs = signature.structured_input_signature
            outputs = tensors(signature.structured_outputs)
            triton.bind(name, infer_function(signature), inputs=tensors(inputs), outputs=outputs, config=batching)
        triton.serve()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
