"""The model as an ONNX file."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from engine.core.errors import UserError
from engine.export.description import INPUT, KEY, OUTPUT, Description
from engine.export.portable import PortableModel, example_input, tracing

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18


def write_onnx(portable: PortableModel, description: Description, file: Path) -> None:
    """Write an ONNX file that takes any number of images, with the description in its metadata. Raises UserError."""
    import onnx

    try:
        with tracing():
            # The exporter by tracing: the other needs two packages more, and fixes the number of images of some backbones.
            torch.onnx.export(
                portable, (example_input(description.image_size),), file, dynamo=False, opset_version=OPSET,
                input_names=[INPUT], output_names=[OUTPUT], dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
            )  # fmt: skip
    except (RuntimeError, TypeError, ValueError) as error:  # torch.onnx.errors.OnnxExporterError is a RuntimeError
        raise UserError(
            f"{description.backbone} cannot be written as ONNX ({str(error).splitlines()[0][:160]}).",
            "Try --format torchscript.",
        ) from error
    save_described(onnx.load(file), description, file)


def save_described(graph: "ModelProto", description: Description, file: Path) -> None:
    """Write the graph with the description in its metadata."""
    import onnx

    graph.producer_name = "Scenescope"
    onnx.helper.set_model_props(graph, {KEY: description.to_json(), "classes": "\n".join(description.classes)})
    onnx.save(graph, file)
