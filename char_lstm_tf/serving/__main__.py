"""Writes the `step` of a trained model alone, for runtimes without strings.

    python -m char_lstm_tf.serving --model=saved_models/quickstart --output=step
    python -m char_lstm_tf.serving --model=saved_models/quickstart --form=litert --output=step.tflite

`step` reads one character: ids and states → logits and new states, numbers only. saved_models/README.md says how to
begin and go on. A run has a SavedModel with all signatures already, in its folder `1`. OpenVINO and the converter of
TensorFlow.js read only a SavedModel without strings, such as this one; LiteRT, for phones, has a format of its own.
"""

import dataclasses
from typing import TYPE_CHECKING, cast

from char_lstm_tf.config import settings
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import command_line
from pipelines.files import atomic_write, path_of
from pipelines.options import Options, option
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from char_lstm_tf.models.network import Network


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig(Options):
    """What to write."""

    model: str = option("", "Folder of a run, such as saved_models/quickstart.")
    form: str = option(
        "saved_model",
        "saved_model: a folder with `step` as its only signature. litert: a file for LiteRT (TensorFlow Lite).",
        choices=("saved_model", "litert"),
    )
    output: str = option("", "The folder or file to write. It must not exist.")

    def check(self) -> None:
        """Checks the place to write to."""
        super().check()
        self.require(bool(self.output), "output", "name the folder or file to write, such as --output=step")
        path = path_of(self.output)
        self.require(not path.exists(), "output", "exists; name another one, or remove it")
        self.require(path.parent.is_dir(), "output", "is in a folder that doesn't exist; make it first")


def main(config: ExportConfig) -> None:
    """Loads the run and writes its step."""
    run = TrainedRun.open(config.model)
    run.require(settings.TextModel, "it has no step; its SavedModel is in its folder 1")
    import_tensorflow()  # not before the flags are checked, since it takes seconds
    from char_lstm_tf.models.build import load
    from char_lstm_tf.serving import export

    network = cast("Network", load(run))
    write = export.export_litert if config.form == "litert" else export.export_step
    with atomic_write(path_of(config.output)) as path:
        write(network, path)
    print(config.output)


if __name__ == "__main__":
    command_line.run(main, ExportConfig)
