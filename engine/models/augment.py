"""Augmentation pipelines in use: the same code for the preview, for training and for measuring robustness to augmentation.

Transforms map a uint8 image (3, size, size) to another of the same shape, drawing from torch's global generator. Each image of a
batch is transformed alone, since a transform of torchvision draws once for all images that it receives.
"""

import contextlib
import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torchvision.transforms import v2

from engine.runs.pipelines import Pipeline, PipelineStep, parse_pipeline

FILL = [127.0, 127.0, 127.0]  # what comes into view beside a rotated or shifted image: mid-grey
_SMALLEST_ERASED = 0.02  # share of the area, torchvision's default


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


class Blur(v2.Transform):
    """A Gaussian with a standard deviation uniform in `sigma`, in pixels.

    Applied along rows and then along columns: torchvision's own convolves with the whole square of weights and takes five times as long.
    """

    def __init__(self, sigma: tuple[float, float]) -> None:
        super().__init__()
        self.sigma = sigma
        # Beyond three standard deviations, a Gaussian is negligible.
        self.side = 2 * math.ceil(3 * sigma[1]) + 1

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"sigma": float(torch.empty(1).uniform_(*self.sigma))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        values = inpt.to(torch.float32)
        for window in ([self.side, 1], [1, self.side]):
            values = v2.functional.gaussian_blur(values, window, [params["sigma"]] * 2)
        return values.round().to(inpt.dtype)


def _crop(size: int, smallest: float) -> v2.Transform:
    return v2.RandomResizedCrop(size, scale=(smallest, 1.0), antialias=True) if smallest < 1 else v2.Identity()


def _affine(size: int, rotation: float, shift: float, scale: float) -> v2.Transform:
    return v2.RandomAffine(degrees=(-rotation, rotation), translate=(shift, shift), scale=(1 - scale, 1 + scale), fill=FILL)


def _blur(size: int, sigma: float) -> v2.Transform:
    pixels = sigma * size
    if pixels < 0.1:
        return v2.Identity()
    return Blur((0.1, pixels))


def _erase(size: int, largest: float) -> v2.Transform:
    if not largest:
        return v2.Identity()
    return v2.RandomErasing(p=1.0, scale=(min(_SMALLEST_ERASED, largest), largest))


def _rand(size: int, operations: float, magnitude: float) -> v2.Transform:
    return v2.RandAugment(int(operations), int(magnitude), fill=FILL) if operations else v2.Identity()


# Each takes the size of the images and the strengths of `engine.runs.transforms`.
_BUILDERS: Mapping[str, Callable[..., v2.Transform]] = {
    "flip": lambda size: v2.RandomHorizontalFlip(p=1.0),
    "flip_vertical": lambda size: v2.RandomVerticalFlip(p=1.0),
    "crop": _crop,
    "affine": _affine,
    "rotate": lambda size, rotation: v2.RandomRotation(rotation, fill=FILL),
    "perspective": lambda size, distortion: v2.RandomPerspective(distortion, p=1.0, fill=FILL),
    "colour": lambda size, **shares: v2.ColorJitter(**shares),
    "gamma": lambda size, low, high: RandomGamma((low, high)),
    "greyscale": lambda size: v2.Grayscale(num_output_channels=3),
    "blur": _blur,
    "noise": lambda size, sigma: v2.GaussianNoise(sigma=sigma),
    "jpeg": lambda size, quality: v2.JPEG((int(quality), 100)) if quality < 100 else v2.Identity(),
    "dropout": lambda size, share: PixelDropout(share),
    "erase": _erase,
    "trivial": lambda size: v2.TrivialAugmentWide(fill=FILL),
    "rand": _rand,
}


def build_step(step: PipelineStep, size: int) -> v2.Transform:
    """The step as a transform of images of `size` pixels, applied with its probability."""
    transform = _BUILDERS[step.transform](size, **step.values)
    return transform if step.probability == 1 else v2.RandomApply([transform], p=step.probability)


def build_pipeline(pipeline: str | Pipeline, size: int) -> v2.Transform:
    """The pipeline, or a text that `engine.runs.pipelines.parse_pipeline` understands, as one transform. Raises UserError."""
    steps = (parse_pipeline(pipeline) if isinstance(pipeline, str) else pipeline).steps
    return v2.Compose([build_step(step, size) for step in steps]) if steps else v2.Identity()


def draw_seeds(seed: int, epoch: int, places: Iterable[int]) -> list[int]:
    """One seed per place in an epoch's order.

    Each image has its own seed, so that its draw depends neither on its batch nor on the process that prepares it.
    """
    return [int(np.random.SeedSequence([seed, epoch, place]).generate_state(1, np.uint64)[0] >> 1) for place in places]


def augment(images: torch.Tensor, transform: v2.Transform, seeds: Sequence[int]) -> torch.Tensor:
    """(n, 3, size, size) uint8 -> the same shape; image i is drawn with seed i. Changes the state of torch's generator."""
    if isinstance(transform, v2.Identity) or not len(images):
        return images
    augmented = []
    for image, seed in zip(images, seeds, strict=True):
        torch.default_generator.manual_seed(seed)
        augmented.append(transform(image))
    return torch.stack(augmented)


@contextlib.contextmanager
def one_thread() -> Generator[None]:
    """One thread, as in a worker process: how many threads share a sum over pixels changes its rounding."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def augment_seeded(images: torch.Tensor, transform: v2.Transform, seed: int) -> torch.Tensor:
    """The first draws of a training with this seed, one per image; the state of torch's generator is restored."""
    with torch.random.fork_rng(devices=[]), one_thread():
        return augment(images, transform, draw_seeds(seed, 0, range(len(images))))


def draw_pipeline(image: torch.Tensor, pipeline: str | Pipeline, count: int, seed: int) -> torch.Tensor:
    """`count` draws of the pipeline on one image (3, size, size): (count, 3, size, size) uint8; the same seed, the same draws."""
    return augment_seeded(image.expand(count, -1, -1, -1), build_pipeline(pipeline, image.shape[-1]), seed)


def draw_steps(image: torch.Tensor, pipeline: Pipeline, seed: int) -> torch.Tensor:
    """One draw of each step alone, with probability 1: (steps, 3, size, size) uint8."""
    size = image.shape[-1]
    transforms = [_BUILDERS[step.transform](size, **step.values) for step in pipeline.steps]
    return torch.cat(
        [image.new_empty(0, *image.shape), *(augment_seeded(image[None], transform, seed) for transform in transforms)]
    )
