"""The formats that a model can be handed over in. No torch here: the page lists them."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.errors import UserError


@dataclass(frozen=True)
class Format:
    """`suffix` of the file, its name on screen, and who it is for."""

    suffix: str
    title: str
    purpose: str


FORMATS: Mapping[str, Format] = {
    "bundle": Format(".zip", "Bundle", "Model, labels, preprocessing, card and a 30-line example. Can be imported here again."),
    "onnx": Format(".onnx", "ONNX", "For onnxruntime in any language. Preprocessing, temperature and class names inside."),
    "int8": Format(".int8.onnx", "ONNX, 8-bit", "Less than half the size; what it costs in accuracy is measured."),
    "torchscript": Format(".pt", "TorchScript", "For libtorch and PyTorch without this project's code."),
}


def check(format: str) -> Format:
    if format not in FORMATS:
        raise UserError(f"There is no format {format!r}.", f"Choose one of: {', '.join(FORMATS)}.")
    return FORMATS[format]
