"""Class activation maps: where the network looked for a class, by the formulas of the grad-cam package.

The package runs the network forward and fully backward once per class, with hooks that two sessions would share. Here one pass
serves all classes, gradients go back only to the explained layer, and a hook reacts only to its own thread.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from engine.core.errors import UserError
from engine.core.progress import Progress, ReportProgress, ignore_progress
from engine.inference.explain.methods import DEFAULT, find_method
from engine.models.model import Model
from engine.models.network import cam_layer_name

_BATCH = 32
# Anchors of a dark-to-bright colour scale with evenly rising lightness, so that it is readable in grey, too.
_SCALE = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], dtype=np.float32)


@dataclass(frozen=True)
class _Features:
    """The output of the explained layer for n inputs. `maps`: (n, channels, h, w); `gradients`: those of each class's logits."""

    maps: np.ndarray
    gradients: list[np.ndarray]


def heatmaps(
    model: Model, square: np.ndarray, classes: Sequence[int], method: str = DEFAULT, report: ReportProgress = ignore_progress
) -> np.ndarray:
    """One map for each class index, all on one scale: (len(classes), size, size) float32 in 0..1; 1 is the highest of all.

    `square`: (size, size, 3) uint8, as `engine.data.decoding.crop_square` makes it. `method`: a name of `METHODS`. `report` hears of the
    passes done. Raises UserError where the network has no such layer.
    """
    return on_one_scale(evidence(model, square[None], classes, method, report)[0])


def evidence(
    model: Model, squares: np.ndarray, classes: Sequence[int], method: str = DEFAULT, report: ReportProgress = ignore_progress
) -> np.ndarray:
    """The maps in the method's own unit, in which classes and images can be compared: (n, len(classes), size, size) float32, >= 0.

    A model that averages an image with its mirror image gets the average of both maps.
    """
    chosen, size = find_method(method), squares.shape[1]
    inputs = model.inputs(squares)
    views = [inputs, inputs.flip(-1)] if model.meta.views == "flip" else [inputs]
    maps = []
    for place, view in enumerate(views):
        features = _features(model, view, classes if chosen.by_class and not chosen.forwards else ())

        def report_view(progress: Progress, place: int = place) -> None:
            report(replace(progress, done=place * progress.total + progress.done, total=len(views) * progress.total))

        grids = (
            _by_scores(model, view, features.maps, classes, report_view)
            if chosen.forwards
            else _weigh(method, features, len(classes))
        )
        maps.append(grids[..., ::-1] if place else grids)
    grid = torch.from_numpy(np.maximum(np.mean(maps, axis=0), 0).astype(np.float32))
    return functional.interpolate(grid, (size, size), mode="bilinear").numpy()


def on_one_scale(maps: np.ndarray) -> np.ndarray:
    """Maps of any shape, as shares of the highest value among them all."""
    return maps / max(float(maps.max(initial=0)), 1e-12)


def overlay(square: np.ndarray, heatmap: np.ndarray, opacity: float = 0.5) -> np.ndarray:
    """The image (size, size, 3) uint8 under the coloured map: the same shape. What the map does not mark stays visible."""
    alpha = opacity * (0.25 + 0.75 * heatmap.clip(0, 1))[..., None]
    return (square * (1 - alpha) + colour_map(heatmap) * alpha).round().astype(np.uint8)


def colour_map(heatmap: np.ndarray) -> np.ndarray:
    """The scale's colours of values in 0..1: the shape of the values with RGB (0 to 255, float32) as last axis."""
    positions = heatmap.clip(0, 1) * (len(_SCALE) - 1)
    low = np.floor(positions).astype(int).clip(0, len(_SCALE) - 2)
    share = (positions - low)[..., None]
    return _SCALE[low] * (1 - share) + _SCALE[low + 1] * share


def _features(model: Model, inputs: torch.Tensor, classes: Sequence[int]) -> _Features:
    """One pass of the network, and the gradients of some classes' logits at the explained layer."""
    outputs: list[torch.Tensor] = []
    here = threading.get_ident()

    def keep(module: torch.nn.Module, arguments: tuple, output: torch.Tensor) -> torch.Tensor | None:
        if threading.get_ident() != here:  # another session uses the same network
            return None
        if not isinstance(output, torch.Tensor):  # of several resolutions at once
            raise _no_map(model)
        outputs.append(output.detach().requires_grad_(True))
        torch.set_grad_enabled(True)  # from this layer on, until `no_grad` ends
        return outputs[-1].clone()  # later layers may work in place, which a leaf that requires gradients forbids

    handle = _layer(model).register_forward_hook(keep)
    try:
        with torch.no_grad(), model.compute.autocast():
            logits = model.classifier.logits(model.answering(inputs))
            if len(outputs) != 1:
                raise _no_map(model)
            result = [torch.autograd.grad(logits[:, index].sum(), outputs[0], retain_graph=True)[0] for index in classes]
    finally:
        handle.remove()
    return _Features(_array(to_grid(model, outputs[0].detach())), [_array(to_grid(model, gradient)) for gradient in result])


def _layer(model: Model) -> torch.nn.Module:
    """The explained layer. Raises UserError where the network does not have it."""
    try:
        return model.answering.module.get_submodule(cam_layer_name(model.trunk))
    except AttributeError:
        raise _no_map(model) from None


def _no_map(model: Model) -> UserError:
    return UserError(
        f"Grad-CAM cannot show where {model.meta.backbone} looks: its features are not one map.", "Predictions work."
    )


def _weigh(method: str, features: _Features, classes: int) -> np.ndarray:
    """(n, classes, h, w) by the package's formula; a method without classes gives the same map to each."""
    from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, LayerCAM

    if method == "eigen-cam":
        return np.repeat(_main_pattern(features.maps)[:, None], classes, axis=1)
    formula = {"grad-cam": GradCAM, "grad-cam++": GradCAMPlusPlus, "layer-cam": LayerCAM}[method]
    # Without target layers it registers no hooks: only its arithmetic is used, which ignores its first three arguments.
    package: Any = formula(torch.nn.Linear(1, 1), [])
    return np.stack([package.get_cam_image(None, None, None, features.maps, each, False) for each in features.gradients], axis=1)


def _main_pattern(maps: np.ndarray) -> np.ndarray:
    """The projection of features (n, channels, h, w) on their first principal component: (n, h, w).

    As the package's `get_2d_projection_with_sign_correction`, which computes all components: 300 times as long.
    """
    patterns = []
    for channels in maps:
        places = channels.reshape(len(channels), -1).T
        places = places - places.mean(axis=0)
        projected = places @ np.linalg.svd(places, full_matrices=False)[2][0]
        projected = -projected if abs(projected.min()) > abs(projected.max()) else projected
        patterns.append(projected.reshape(channels.shape[1:]))
    return np.stack(patterns)


def _by_scores(
    model: Model, inputs: torch.Tensor, maps: np.ndarray, classes: Sequence[int], report: ReportProgress
) -> np.ndarray:
    """ScoreCAM, as the package computes it, in large batches and for all classes at once: (n, classes, h, w)."""
    result, (n, channels) = [], maps.shape[:2]
    for place, (image, grids) in enumerate(zip(inputs, maps, strict=True)):
        scores = []
        for start in range(0, channels, _BATCH):
            masks = _masks(torch.from_numpy(grids[start : start + _BATCH]), inputs.shape[-2:]).to(inputs.device)
            with torch.no_grad(), model.compute.autocast():
                masked = model.compute.batch(image[None] * masks)
                scores.append(model.classifier.logits(model.answering(masked))[:, list(classes)].cpu())
            report(Progress("passes of the network", place * channels + min(start + _BATCH, channels), n * channels))
        weights = torch.cat(scores).softmax(dim=0).numpy()
        result.append(np.einsum("kc,khw->chw", weights, grids))
    return np.stack(result)


def _masks(grids: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Channels (k, h, w) as masks (k, 1, height, width), each from 0 to 1."""
    large = functional.interpolate(grids[:, None], tuple(size), mode="bilinear", align_corners=True)
    low, high = large.amin(dim=(2, 3), keepdim=True), large.amax(dim=(2, 3), keepdim=True)
    return (large - low) / (high - low + 1e-8)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.float().cpu().numpy()


def to_grid(model: Model, output: torch.Tensor) -> torch.Tensor:
    """The layer's output as (n, channels, h, w). Raises UserError where its tokens do not lie in a square."""
    tokens = model.trunk.entry.tokens
    if tokens == "grid":
        return output.permute(0, 3, 1, 2)
    if output.ndim == 4:
        return output
    if output.ndim != 3:
        raise _no_map(model)
    # Some networks add their class token only after this layer, whatever number they state.
    stated: Any = 1 if tokens == "class+grid" else getattr(model.trunk.module, "num_prefix_tokens", 0)
    for skipped in (stated, 0):
        side = math.isqrt(output.shape[1] - skipped)
        if side * side == output.shape[1] - skipped:
            return output[:, skipped:].reshape(len(output), side, side, -1).permute(0, 3, 1, 2)
    raise _no_map(model)
