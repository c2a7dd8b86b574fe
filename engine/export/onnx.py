"""The whole way from pixels to calibrated probabilities as one module, and the files that it becomes."""

import contextlib
import copy
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.core.errors import UserError
from engine.export.description import INPUT, KEY, OUTPUT, Described
from engine.models.model import Model

OPSET = 18


class Portable(nn.Module):
    """Pictures (n, size, size, 3) uint8 -> probabilities (n, classes) float32: normalisation, views and temperature inside."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        meta = model.meta
        classifier = copy.deepcopy(model.classifier).to("cpu", torch.float32, memory_format=torch.contiguous_format)
        self.trunk, self.head = classifier.trunk, classifier.head
        mean, std = np.array(meta.mean) * 255, np.array(meta.std) * 255
        self.register_buffer("scale", torch.tensor(1 / std, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("shift", torch.tensor(-mean / std, dtype=torch.float32).view(1, 3, 1, 1))
        self.flipped = meta.views == "flip"
        self.features = classifier.head.in_features
        self.temperature = float(meta.temperature)
        self.eval().requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        inputs = images.permute(0, 3, 1, 2).float() * self.scale + self.shift
        if self.flipped:
            # One pass over both views: the graph holds the backbone once.
            features = self.trunk(torch.cat([inputs, inputs.flip(-1)])).reshape(2, -1, self.features).mean(0)
        else:
            features = self.trunk(inputs)
        return torch.softmax(self.head(features) / self.temperature, dim=1)

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32, all of it in float32."""
        with torch.inference_mode():
            return self(torch.from_numpy(squares)).numpy()


def write_onnx(portable: Portable, said: Described, file: Path) -> None:
    """An ONNX file with a free number of pictures, and the description in its metadata. Raises UserError."""
    import onnx

    example = _example(said)
    try:
        with warnings.catch_warnings(), _plain_attention(), torch.inference_mode():
            warnings.simplefilter("ignore")  # the tracer's, on sizes that are fixed here
            # The exporter by tracing: the other needs two packages more, and fixes the number of pictures of some backbones.
            torch.onnx.export(
                portable, (example,), file, dynamo=False, opset_version=OPSET, input_names=[INPUT], output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
            )  # fmt: skip
    except (RuntimeError, TypeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
        raise UserError(
            f"{said.backbone} cannot be written as ONNX ({str(error).splitlines()[0][:160]}).", "Try --format torchscript."
        ) from error
    describe(onnx.load(file), said, file)


def describe(graph: "onnx.ModelProto", said: Described, file: Path) -> None:  # noqa: F821
    """Write the graph with the description in its metadata."""
    import onnx

    graph.producer_name = "Scenescope"
    onnx.helper.set_model_props(graph, {KEY: said.to_json(), "classes": "\n".join(said.classes)})
    onnx.save(graph, file)


def write_torchscript(portable: Portable, said: Described, file: Path) -> None:
    """A TorchScript file, traced, with the description among its extra files. Raises UserError."""
    try:
        with warnings.catch_warnings(), _plain_attention(), torch.inference_mode():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(portable, (_example(said),), check_trace=False)
            torch.jit.save(traced, file, _extra_files={f"{KEY}.json": said.to_json()})
    except (RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{said.backbone} cannot be written as TorchScript ({str(error).splitlines()[0][:160]}).", "Try --format onnx."
        ) from error


class Scripted:
    """A TorchScript file that answers, with `meta` and `probabilities` as a model has them."""

    def __init__(self, file: Path) -> None:
        from engine.export.description import from_json

        extra = {f"{KEY}.json": ""}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that torch.export is the younger way
            self._module = torch.jit.load(file, map_location="cpu", _extra_files=extra)
        said = extra[f"{KEY}.json"]
        self.meta = from_json(said.decode() if isinstance(said, bytes) else said, repr(str(file)))

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self._module(torch.from_numpy(squares)).numpy()


@contextlib.contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention in operators that every format knows: torch's own shortcut for it is one that ONNX does not."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _example(said: Described) -> torch.Tensor:
    return torch.randint(0, 256, (2, said.image_size, said.image_size, 3), dtype=torch.uint8)
