"""Grad-CAM (Selvaraju et al. 2017), by the grad-cam package: where the network looked for a class."""

import threading
from collections.abc import Callable, Sequence

import numpy as np
import torch

from engine.model import Model
from engine.network import cam_target

# Anchors of a dark-to-bright colour scale whose lightness rises evenly, so that it reads in grey too.
_SCALE = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], dtype=np.float32)
# The package hangs hooks on the network: two maps at once through one model would meet each other's.
_ONE_AT_A_TIME = threading.Lock()


def heatmaps(model: Model, square: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """One map for each class index: (len(classes), size, size) float32 in 0..1, each scaled to its own maximum.

    `square`: (size, size, 3) uint8, as `engine.data.images.square` makes it.
    """
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    views = [square, square[:, ::-1]] if model.meta.views == "flip" else [square]
    inputs = model.inputs(np.repeat(np.stack(views), len(classes), axis=0)).requires_grad_(True)
    targets = [ClassifierOutputTarget(int(c)) for _ in views for c in classes]
    with _ONE_AT_A_TIME, torch.enable_grad():
        method = GradCAM(model.classifier, [cam_target(model.trunk)], reshape_transform=_reshape(model))
        with method:
            maps = method(inputs, targets).astype(np.float32)
        # The package leaves the gradients of all weights behind: as much memory again as the network.
        model.classifier.zero_grad(set_to_none=True)
        return _averaged(maps, len(classes)) if len(views) > 1 else maps


def _averaged(maps: np.ndarray, count: int) -> np.ndarray:
    """The maps of a picture and of its mirror image, laid over each other, each scaled to its own maximum again."""
    both = maps[:count] + maps[count:, :, ::-1]
    return both / np.maximum(both.max(axis=(1, 2), keepdims=True), 1e-7)


def overlay(square: np.ndarray, heatmap: np.ndarray, opacity: float = 0.5) -> np.ndarray:
    """The picture (size, size, 3) uint8 under the coloured map: the same shape. What the map does not mark stays visible."""
    positions = heatmap.clip(0, 1) * (len(_SCALE) - 1)
    low = np.floor(positions).astype(int).clip(0, len(_SCALE) - 2)
    share = (positions - low)[..., None]
    colours = _SCALE[low] * (1 - share) + _SCALE[low + 1] * share
    alpha = opacity * (0.25 + 0.75 * heatmap.clip(0, 1))[..., None]
    return (square * (1 - alpha) + colours * alpha).round().astype(np.uint8)


def _reshape(model: Model) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """How the target layer's output becomes (n, channels, h, w); None where it is that already."""
    tokens = model.trunk.entry.tokens
    if not tokens and hasattr(model.trunk.module, "num_prefix_tokens") and hasattr(model.trunk.module, "blocks"):
        tokens = f"prefix{model.trunk.module.num_prefix_tokens}"
    if not tokens:
        return None

    def to_map(output: torch.Tensor) -> torch.Tensor:
        if tokens == "grid":
            return output.permute(0, 3, 1, 2)
        skipped = 1 if tokens == "class+grid" else int(tokens.removeprefix("prefix"))
        grid = output[:, skipped:]
        side = int(grid.shape[1] ** 0.5)
        return grid.reshape(len(grid), side, side, -1).permute(0, 3, 1, 2)

    return to_map
