"""The augmentation pipelines: one object for the preview and for training.

A pipeline maps a uint8 image (3, size, size) to another of the same shape, drawing from torch's global generator.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torchvision.transforms import v2

from engine.errors import UserError

FILL = [127.0, 127.0, 127.0]


class RandomGamma(v2.Transform):
    """Brightens or darkens: out = 255 * (in / 255) ** gamma, with gamma uniform in `gamma`."""

    def __init__(self, gamma: tuple[float, float]) -> None:
        super().__init__()
        self.gamma = gamma

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"gamma": float(torch.empty(1).uniform_(*self.gamma))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return v2.functional.adjust_gamma(inpt, params["gamma"])


class PixelDropout(v2.Transform):
    """Sets a share of the pixels to black, in all channels."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"keep": torch.rand(flat_inputs[0].shape[-2:]) >= self.share}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt * params["keep"].to(inpt.dtype)


def _sometimes(transform: v2.Transform, probability: float = 0.25) -> v2.Transform:
    return v2.RandomApply([transform], p=probability)


def _none(size: int) -> list[v2.Transform]:
    return []


def _light(size: int) -> list[v2.Transform]:
    return [v2.RandomHorizontalFlip(), v2.RandomAffine(degrees=5, translate=(0.05, 0.05), scale=(0.9, 1.1), fill=FILL)]


def _standard(size: int) -> list[v2.Transform]:
    return [
        v2.RandomResizedCrop(size, scale=(0.5, 1.0), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
    ]


def _strong(size: int) -> list[v2.Transform]:
    return [
        v2.RandomResizedCrop(size, scale=(0.35, 1.0), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.TrivialAugmentWide(fill=FILL),
        v2.RandomErasing(p=0.25),
    ]


def _seed(size: int) -> list[v2.Transform]:
    """The recipe of the project that Scenescope replaces: each step at 25%."""
    return [
        v2.RandomHorizontalFlip(p=0.25),
        _sometimes(v2.RandomAffine(degrees=0, translate=(0.05, 0.05), scale=(0.85, 1.15), fill=FILL)),
        _sometimes(RandomGamma((0.4, 0.6))),
        _sometimes(v2.RandomRotation(20, fill=FILL)),
        _sometimes(PixelDropout(0.01)),
    ]


PIPELINES: Mapping[str, Any] = {"none": _none, "light": _light, "standard": _standard, "strong": _strong, "seed": _seed}


def pipeline(name: str, size: int) -> v2.Transform:
    if name not in PIPELINES:
        raise UserError(f"There is no augmentation {name!r}.", f"Choose one of: {', '.join(PIPELINES)}.")
    steps = PIPELINES[name](size)
    return v2.Compose(steps) if steps else v2.Identity()


def draw_seeds(seed: int, epoch: int, places: Iterable[int]) -> list[int]:
    """The seeds of the draws at these places of an epoch's order.

    Each image has its own, so that its draw depends on neither the batch nor the process that it is prepared in.
    """
    return [int(np.random.SeedSequence([seed, epoch, int(place)]).generate_state(1, np.uint64)[0] >> 1) for place in places]


def augment(images: torch.Tensor, transform: v2.Transform, seeds: Sequence[int]) -> torch.Tensor:
    """(n, 3, size, size) uint8 -> the same shape; image i gets the draw of seed i. Leaves the generator at an odd place."""
    if isinstance(transform, v2.Identity) or not len(images):
        return images
    drawn = []
    for image, seed in zip(images, seeds, strict=True):
        torch.default_generator.manual_seed(seed)
        drawn.append(transform(image))
    return torch.stack(drawn)


def draws(image: torch.Tensor, name: str, count: int, seed: int) -> torch.Tensor:
    """`count` draws of the pipeline on one image (3, size, size): (count, 3, size, size) uint8.

    They are the first draws of a training with this seed.
    """
    transform = pipeline(name, image.shape[-1])
    with torch.random.fork_rng(devices=[]):
        return augment(image.expand(count, -1, -1, -1), transform, draw_seeds(seed, 0, range(count)))
