"""The whole way from pixels to calibrated probabilities as one module, which the exported files are traced from."""

import contextlib
import copy
import warnings
from collections.abc import Generator

import numpy as np
import torch
from torch import nn

from engine.models.model import Model


class PortableModel(nn.Module):
    """Images (n, size, size, 3) uint8 -> probabilities (n, classes) float32: normalisation, views and temperature inside."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        meta = model.meta
        # A copy, because the original stays in the arithmetic and memory format of its device and goes on answering.
        classifier = copy.deepcopy(model.classifier)
        # `Module.to` takes a memory format too, but torch's stubs for it do not say so.
        classifier = classifier.to("cpu", torch.float32, memory_format=torch.contiguous_format)  # pyrefly: ignore[unexpected-keyword]
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
        """(n, size, size, 3) uint8 -> (n, classes) float32, computed in float32."""
        with torch.inference_mode():
            return self(torch.from_numpy(squares)).numpy()


@contextlib.contextmanager
def tracing() -> Generator[None]:
    """While the model is traced: no gradients, no warnings, and attention in operators that every format knows.

    The tracer warns that it takes sizes for constants, which they are here. torch's fast path for attention is one fused operator
    that ONNX does not have.
    """
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def example_input(image_size: int) -> torch.Tensor:
    """Random images (2, size, size, 3) uint8 to trace the model with."""
    return torch.randint(0, 256, (2, image_size, image_size, 3), dtype=torch.uint8)
