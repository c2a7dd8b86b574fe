"""The model as a TorchScript file, and such a file as a model."""

import warnings
from pathlib import Path

import numpy as np
import torch

from engine.core.errors import UserError
from engine.export.description import KEY, Description, parse_description
from engine.export.portable import PortableModel, example_input, tracing


def write_torchscript(portable: PortableModel, description: Description, file: Path) -> None:
    """Write a traced TorchScript file, with the description among its extra files. Raises UserError."""
    try:
        with tracing():
            traced = torch.jit.trace(portable, (example_input(description.image_size),), check_trace=False)
            torch.jit.save(traced, file, _extra_files={f"{KEY}.json": description.to_json()})
    except (RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{description.backbone} cannot be written as TorchScript ({str(error).splitlines()[0][:160]}).",
            "Try --format onnx.",
        ) from error


class TorchScriptModel:
    """The model in a TorchScript file, with `meta` and `probabilities` as `engine.models.model.Model` has them."""

    def __init__(self, file: Path) -> None:
        extra: dict[str, str | bytes] = {f"{KEY}.json": ""}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.jit is deprecated in favour of torch.export
            self._module = torch.jit.load(file, map_location="cpu", _extra_files=extra)
        text = extra[f"{KEY}.json"]
        self.meta = parse_description(text.decode() if isinstance(text, bytes) else text, repr(str(file)))

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, classes) float32."""
        with torch.inference_mode():
            return self._module(torch.from_numpy(squares)).numpy()
