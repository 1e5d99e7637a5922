"""Three ways to train the same stack of LSTM layers on a CPU: our layer, Keras' own, PyTorch's.

All take the same steps: cross-entropy of all characters, the gradient of each weight matrix clipped by itself, AdamW
with the same schedule, and states carried from batch to batch.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from char_lstm_tf.config import ModelConfig, TrainingConfig

if TYPE_CHECKING:
    from char_lstm_tf.models.stack import Recurrent

OURS, KERAS, TORCH = "ours", "keras.layers.LSTM", "torch.nn.LSTM"


def network(units: int, *, vocabulary_size: int, batch_size: int | None, window: int, trains: bool) -> "Recurrent":
    """Returns two layers of `units` and logits, with the same weights each time."""
    import keras

    from char_lstm_tf.models import networks
    from char_lstm_tf.models.encodings import Interface

    keras.utils.set_random_seed(1)
    return networks.build_sequential(
        ModelConfig(units=(units, units)),
        Interface(
            vocabulary_size=vocabulary_size,
            window=window,
            stream_batch_size=batch_size,
            trains=trains,
        ),
    )


class KerasTrainer:
    """Trains with Keras, as `training` does."""

    def __init__(
        self, units: int, *, vocabulary_size: int, batch_size: int, window: int, steps: int, fast: bool
    ) -> None:
        from char_lstm_tf.models import cores
        from char_lstm_tf.training.fitting import compiling
        from char_lstm_tf.training.fitting.step import train_function

        if fast:
            cores.set_up_tensorflow(ModelConfig(units=(units, units)), batch_size)
        sizes = {"vocabulary_size": vocabulary_size, "batch_size": batch_size, "window": window}
        self._model = network(units, **sizes, trains=fast).keras_model
        state = compiling.compile_model(self._model, TrainingConfig(), steps=steps)
        if fast:
            self._step = train_function(self._model, state)
        else:
            self._model.compile(self._model.optimizer, self._model.loss, metrics=["accuracy"], jit_compile=False)
            self._model.make_train_function()
            self._step = self._model.train_function

    def load(self, batches: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """Takes pairs of one-hot inputs and targets, float32 `[B, T, V]`, for `train`.

        It is separate so that it isn't timed: TensorFlow takes up to 0.3 s to delete the previous iterator.
        """
        import tensorflow as tf

        stacked = tuple(np.stack(values) for values in zip(*batches, strict=True))
        self._data, self._count = iter(tf.data.Dataset.from_tensor_slices(stacked)), len(batches)

    def train(self) -> None:
        """Takes a step for each loaded batch."""
        for _ in range(self._count):
            logs = self._step(self._data)
        float(logs["loss"])  # waits for the last one

    def weights(self) -> list[np.ndarray]:
        """Returns the weights, in Keras' order and layout."""
        return [variable.numpy() for variable in self._model.trainable_variables]


class TorchTrainer:
    """Trains with PyTorch, and imports nothing else.

    `start`: weights as `weights` returns them, instead of PyTorch's own; `rates`: the learning rate of each step.
    """

    def __init__(
        self,
        units: int,
        *,
        vocabulary_size: int,
        batch_size: int,
        rates: Iterable[float],
        start: Sequence[np.ndarray] | None = None,
    ) -> None:
        import torch

        self._lstm = torch.nn.LSTM(vocabulary_size, units, num_layers=2, batch_first=True)
        self._dense = torch.nn.Linear(units, vocabulary_size)
        self._learned = [
            getattr(self._lstm, f"{name}_l{layer}")
            for layer in range(2)
            for name in ("weight_ih", "weight_hh", "bias_ih")
        ] + [self._dense.weight, self._dense.bias]
        with torch.no_grad():
            for parameter, value in zip(self._learned, start or self.weights(), strict=True):
                parameter.copy_(torch.from_numpy(value.T.copy()))
            for layer in range(2):  # Keras has a single bias
                getattr(self._lstm, f"bias_hh_l{layer}").zero_().requires_grad_(False)
        self._rates = iter(rates)
        decay = TrainingConfig().weight_decay
        self._optimizer = torch.optim.AdamW(self._learned, eps=1e-7, weight_decay=decay, fused=True)
        self._states = tuple(torch.zeros(2, batch_size, units) for _ in "hc")

    def load(self, batches: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """As `KerasTrainer.load`."""
        self._batches = batches

    def train(self) -> None:
        """As `KerasTrainer.train`."""
        import torch

        for inputs, targets in self._batches:
            outputs, states = self._lstm(torch.from_numpy(inputs), self._states)
            self._states = tuple(state.detach() for state in states)
            ids = torch.from_numpy(targets).argmax(-1).flatten()
            loss = torch.nn.functional.cross_entropy(self._dense(outputs).flatten(0, 1), ids)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            for parameter in self._learned:
                torch.nn.utils.clip_grad_norm_([parameter], 1.0)
            self._optimizer.param_groups[0]["lr"] = next(self._rates)
            self._optimizer.step()
        if not math.isfinite(loss.item()):
            raise ArithmeticError("PyTorch's loss isn't finite")

    def weights(self) -> list[np.ndarray]:
        """As `KerasTrainer.weights`."""
        return [parameter.detach().numpy().T for parameter in self._learned]
