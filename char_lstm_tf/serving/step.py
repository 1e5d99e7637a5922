"""`step` by itself, with numbers alone, for runtimes without strings: written by Keras' own export.

It reads one token: ids and states → logits and new states. Its operations are those of the signature `step`, so none
exists on one kind of device only.
"""

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from char_lstm_tf.models.network import Network
from char_lstm_tf.serving import int8, signatures
from char_lstm_tf.serving.export import os_errors
from char_lstm_tf.serving.forms import INT8, Form
from pipelines import UserError
from pipelines.files import atomic_write
from pipelines.process_state import visiting

# By itself, Keras also takes operations that only an interpreter with all of TensorFlow has.
OPTIONS: dict[str, Any] = {"litert": {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}}


class Step(keras.Model):
    """The step of a network as a Keras model, which reads a dictionary and returns one, as the signature does.

    Args:
        network: whose weights it shares.

    Attributes:
        specs: the shape and dtype of each input, by its name.
    """

    def __init__(self, network: Network) -> None:
        super().__init__(name="step")
        signature = signatures.step_signature(network)
        self.owner = network.keras_model  # Keras exports the weights of models that are attributes
        self.specs = {spec.name: spec for spec in signature.input_signature}
        self._step = signature.python_function
        # Keras exports no model that was never called.
        self({name: tf.zeros([1, *spec.shape[1:]], spec.dtype) for name, spec in self.specs.items()})

    def call(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the logits of the next token and the new states. Shapes as for `signatures.step_signature`."""
        return self._step(*(inputs[name] for name in self.specs))


def write(network: Network, path: Path, form: Form) -> None:
    """Writes the step of a model, whole or not at all.

    Args:
        network: any model of `models.build` that predicts text.
        path: the file or folder to write. It must not exist.
        form: one of `forms.FORMS`, or `forms.INT8`.

    Raises:
        UserError: the runtime lacks an operation that this model needs.
        OSError: the disk is full, for instance.
    """
    with visiting(), os_errors(path), tempfile.TemporaryDirectory() as folder, atomic_write(path) as aside:
        file = Path(folder, form.file)
        file.parent.mkdir(exist_ok=True)
        _export(Step(network), file, form.keras_format)
        if form is INT8:
            int8.quantize(file)
        shutil.move(Path(folder, form.entry), aside)


def _export(step: Step, file: Path, keras_format: str) -> None:
    """Lets Keras write the file or folder."""
    signature, options = [dict(step.specs)], OPTIONS.get(keras_format, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of converters, about their own use of numpy
        try:
            step.export(str(file), format=keras_format, verbose=False, input_signature=signature, **options)
        except ConverterError as error:
            remedy = "--form=onnx or --form=openvino has all"
            raise UserError(f"--form=litert: LiteRT lacks an operation that such a model needs; {remedy}") from error
