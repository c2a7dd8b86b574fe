"""The formats that a model can be exported in. No torch here: the page lists them."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.errors import UserError


@dataclass(frozen=True)
class Format:
    """A format: the `suffix` of its files, its name on screen, and whom it is for."""

    suffix: str
    title: str
    purpose: str


FORMATS: Mapping[str, Format] = {
    "bundle": Format(
        ".zip", "Bundle", "Model, labels, preprocessing, model card and a 30-line example. Scenescope can import it again."
    ),
    "onnx": Format(".onnx", "ONNX", "For onnxruntime in any language. Includes preprocessing, temperature and class names."),
    "int8": Format(".int8.onnx", "ONNX, 8-bit", "Less than half the size. The loss of accuracy is measured."),
    "torchscript": Format(".pt", "TorchScript", "For libtorch and PyTorch without this project's code."),
}


def check_format(format: str) -> Format:
    """The format of this name. Raises UserError where there is none."""
    if format not in FORMATS:
        raise UserError(f"There is no format {format!r}.", f"Choose one of: {', '.join(FORMATS)}.")
    return FORMATS[format]
