"""The forms in which models are written for other programs: their files, and the packages that they need."""

from dataclasses import dataclass
from importlib import util
from pathlib import Path

from pipelines import UserError


@dataclass(frozen=True)
class Form:
    """A form of export.

    Attributes:
        keras_format: its name in `keras.Model.export`; "": Keras doesn't write it.
        file: what is written, relative to a run's `exports`.
        packages: that writing it needs besides those of this package.
    """

    keras_format: str
    file: str
    packages: tuple[str, ...] = ()

    @property
    def entry(self) -> str:
        """The file or folder in `exports`."""
        return Path(self.file).parts[0]

    def require_packages(self, flag: str) -> None:
        """Raises UserError if one of the packages isn't installed. The flag is what has asked for the form."""
        if missing := [name for name in self.packages if util.find_spec(name) is None]:
            raise UserError(f"{flag}: a package that it needs isn't installed; run: pip install {' '.join(missing)}")


FORMS = {
    "saved_model": Form("tf_saved_model", "saved_model"),
    "onnx": Form("onnx", "step.onnx", ("tf2onnx", "onnx")),
    "litert": Form("litert", "step.tflite"),
    "openvino": Form("openvino", "openvino/step.xml", ("openvino",)),
    "arpa": Form("", "ngrams.arpa"),
}
INT8 = Form("onnx", "step.int8.onnx", ("tf2onnx", "onnx", "onnxruntime"))
