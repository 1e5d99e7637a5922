"""Writes a trained model in a form for another program: its `step` alone, or counted n-grams as a list.

    python -m char_lstm_tf.serving --model=saved_models/quickstart --form=onnx
    python -m char_lstm_tf.serving --model=saved_models/quickstart --form=onnx --int8
    python -m char_lstm_tf.serving --model=saved_models/quickstart --form=litert --output=step.tflite

`step` reads one token: ids and states → logits and new states, numbers only. saved_models/README.md says how to begin
and go on. A run has a SavedModel with all signatures already, in its folder `1`. Without --output, the export is
written to the run's folder `exports`, and its path is printed:

    saved_model   exports/saved_model    for TensorFlow, OpenVINO and the converter of TensorFlow.js
    onnx          exports/step.onnx      for onnxruntime and many others; with --int8, exports/step.int8.onnx
    litert        exports/step.tflite    for LiteRT (TensorFlow Lite), on phones
    openvino      exports/openvino       step.xml and step.bin
    arpa          exports/ngrams.arpa    for KenLM and others: no `step`, but the n-grams of --architecture=counts with
                                         their probabilities
"""

import dataclasses
import sys
from typing import TYPE_CHECKING, cast

from char_lstm_tf.config import settings
from char_lstm_tf.runs.card import write_card
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.serving.forms import FORMS, INT8
from pipelines import UserError, command_line
from pipelines.files import path_of
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from char_lstm_tf.models.network import Network
    from char_lstm_tf.models.ngrams.counted import Counted


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig(Options):
    """What to write."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    form: str = option("saved_model", "What to write; the list above says for whom.", choices=tuple(FORMS))
    int8: bool = option(
        False,
        "With --form=onnx: matrices of 8 bits. The file is a quarter as large, and quicker from some 256 units on. "
        "What the rounding costs is printed.",
    )
    output: str = option("", "The file or folder to write, which must not exist. Default: in the run's folder.")

    def check(self) -> None:
        """Checks the place to write to, and that the form's packages are installed."""
        super().check()
        if self.output:
            path = path_of(self.output)
            self.require(not path.exists(), "output", "exists; name another one, or remove it")
            self.require(path.parent.is_dir(), "output", "is in a folder that doesn't exist; make it first")
        self.require(
            not self.int8 or self.form == "onnx", "int8", f"is for --form=onnx; leave it out with --form={self.form}"
        )
        (INT8 if self.int8 else FORMS[self.form]).require_packages(f"--form={self.form}" + " --int8" * self.int8)


def main(config: ExportConfig) -> None:
    """Loads the run and writes it in the form that is asked for."""
    run, form = TrainedRun.open(config.model), INT8 if config.int8 else FORMS[config.form]
    run.require(settings.TextModel, "it has no step; its SavedModel is in its folder 1")
    if config.form == "arpa":
        require_counts(run)
    path = path_of(config.output) if config.output else run.folder.exports / form.entry
    if path.exists():
        raise UserError(f"--form={config.form}: {path} exists; remove it, or name another place with --output")
    import_tensorflow()  # not before the flags are checked, since it takes seconds
    from char_lstm_tf.models.build import load
    from char_lstm_tf.serving import arpa, int8, step

    network = cast("Network", load(run))
    if not config.output:
        path.parent.mkdir(exist_ok=True)
    if config.form == "arpa":
        arpa.write(cast("Counted", network), run.vocabulary, path)
    else:
        step.write(network, path, form)
    if not config.output:
        write_card(run)  # which lists the exports
    print(path)
    if config.int8:
        print(int8.describe_cost(run, network, path), file=sys.stderr)


def require_counts(run: TrainedRun) -> None:
    """Raises UserError unless an ARPA file can hold the model of a run."""
    if not isinstance(run.config.settings.model, settings.Counts):
        raise UserError(f"--form=arpa: {run.folder.path} isn't a run of --architecture=counts; name one with --model")
    if run.vocabulary.labels:
        raise UserError(
            f"--form=arpa: {run.folder.path} has labels, and an ARPA file can't hold its mixture of all counts and "
            "those of a label; train without --labels"
        )


if __name__ == "__main__":
    command_line.run(main, ExportConfig)
