"""The registry of augmentation transforms, with labels and bounds for a person. `engine.models.augment` applies them."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Strength:
    """A number that says how strongly a transform acts; at `neutral` it changes nothing."""

    label: str
    default: float
    minimum: float
    maximum: float
    neutral: float = 0.0
    step: float = 0.01

    def scaled(self, value: float, factor: float) -> float:
        """`value`, `factor` times as far from neutral, within the bounds; whole where the strength counts something."""
        scaled = self.neutral + factor * (value - self.neutral)
        scaled = round(scaled) if self.step >= 1 else scaled
        return float(min(max(scaled, self.minimum), self.maximum))


@dataclass(frozen=True)
class Transform:
    """One transform. `ordered` names two strengths, of which the first must not be above the second."""

    label: str
    help: str
    strengths: Mapping[str, Strength] = field(default_factory=dict)
    ordered: tuple[str, str] | None = None


TRANSFORMS: Mapping[str, Transform] = {
    "flip": Transform("Horizontal flip", "Mirrors the image."),
    "flip_vertical": Transform("Vertical flip", "Upside down. Useful for aerial images, rarely for scenes."),
    "crop": Transform(
        "Random crop",
        "A part of the image with an aspect ratio of up to 4:3, resized to full size.",
        {"smallest": Strength("minimum crop area", 0.5, 0.05, 1.0, neutral=1.0)},
    ),
    "affine": Transform(
        "Rotate, shift, scale",
        "Rotates, shifts and resizes at once; the border is filled with grey.",
        {
            "rotation": Strength("maximum angle in degrees", 5, 0, 180, step=1),
            "shift": Strength("maximum shift, share of the side", 0.05, 0, 0.5),
            "scale": Strength("maximum scaling, share", 0.1, 0, 0.5),
        },
    ),
    "rotate": Transform(
        "Rotation",
        "Rotates around the centre; the corners are filled with grey.",
        {"rotation": Strength("maximum angle in degrees", 20, 0, 180, step=1)},
    ),
    "perspective": Transform(
        "Perspective", "Changes the perspective.", {"distortion": Strength("share of the side", 0.2, 0, 0.8)}
    ),
    "colour": Transform(
        "Colour jitter",
        "Brighter or darker, more or less contrast and saturation, another hue.",
        {
            "brightness": Strength("brightness", 0.2, 0, 1),
            "contrast": Strength("contrast", 0.2, 0, 1),
            "saturation": Strength("saturation", 0.2, 0, 1),
            "hue": Strength("hue", 0.0, 0, 0.5),
        },
    ),
    "gamma": Transform(
        "Gamma",
        "Gamma curve: below 1 is brighter, above 1 darker.",
        {
            "low": Strength("from", 0.4, 0.1, 5, neutral=1.0, step=0.05),
            "high": Strength("to", 0.6, 0.1, 5, neutral=1.0, step=0.05),
        },
        ordered=("low", "high"),
    ),
    "greyscale": Transform("Greyscale", "Removes the colour."),
    "blur": Transform(
        "Blur", "Out of focus, by a Gaussian.", {"sigma": Strength("share of the side", 0.01, 0, 0.05, step=0.001)}
    ),
    "noise": Transform("Noise", "Gaussian noise on every value.", {"sigma": Strength("standard deviation", 0.05, 0, 0.5)}),
    "jpeg": Transform(
        "JPEG artefacts",
        "Compressed as a JPEG of a random quality down to this.",
        {"quality": Strength("lowest quality", 30, 1, 100, neutral=100, step=1)},
    ),
    "dropout": Transform("Pixel dropout", "Pixels turn black.", {"share": Strength("share of the pixels", 0.01, 0, 1)}),
    "erase": Transform("Random erasing", "A rectangle turns black.", {"largest": Strength("share of the area", 0.33, 0, 0.9)}),
    "trivial": Transform("TrivialAugment", "One random operation at a random strength (Müller and Hutter 2021)."),
    "rand": Transform(
        "RandAugment",
        "Several random operations at one strength (Cubuk et al. 2020).",
        {
            "operations": Strength("operations", 2, 0, 6, step=1),
            "magnitude": Strength("strength of 30", 9, 0, 30, step=1),
        },
    ),
}
