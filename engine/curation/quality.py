"""Images of poor quality: dark, bright, blurred, flat, or of a size unlike the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.curation.findings import Finding, make_finding

_UNUSUAL = 5.0  # robust standard deviations of the logarithm of size or shape
_MIN_DEVIATION = np.log(1.05)  # and at least this: where all images have one size, a pixel more or less does not matter
_MAD = 1.4826  # the standard deviation of a normal distribution, in median absolute deviations


@dataclass(frozen=True)
class Fault:
    """`badness` of each image of a table: (n,) float, above 0 is a fault, 1 is worst. `describe`: a sentence about one row."""

    badness: Callable[[pd.DataFrame], np.ndarray]
    describe: Callable[[pd.Series], str]


def _below(name: str, limit: float) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda table: 1 - table[name].to_numpy() / limit


def _bright(table: pd.DataFrame) -> np.ndarray:
    return 1 - (1 - table["brightness"].to_numpy()) / 0.08


def _blurred(table: pd.DataFrame) -> np.ndarray:
    """Sharpness relative to contrast: a hazy image has weak edges, a blurred one has none."""
    return 1 - _crispness(table) / 0.008


def _crispness(table: pd.DataFrame) -> np.ndarray:
    return table["sharpness"].to_numpy() / np.maximum((255 * table["contrast"].to_numpy()) ** 2, 1)


def _odd_size(table: pd.DataFrame) -> np.ndarray:
    """How far width and height are from those of most images, in size or in shape."""
    width, height = np.log(table["width"].to_numpy(float)), np.log(table["height"].to_numpy(float))
    return np.maximum(_unusual((width + height) / 2), _unusual(width - height))


def _unusual(values: np.ndarray) -> np.ndarray:
    """1 - exp(-distance) for values further from the median than nearly all others, 0 for the rest: (n,) float."""
    distances = np.abs(values - np.median(values))
    limit = max(_MIN_DEVIATION, _UNUSUAL * _MAD * float(np.median(distances)))
    return np.where(distances > limit, 1 - np.exp(-distances), 0.0)


FAULTS = {
    "dark": Fault(_below("brightness", 0.10), lambda row: f"Dark: its mean brightness is {row.brightness:.2f} of 1."),
    "bright": Fault(_bright, lambda row: f"Overexposed: its mean brightness is {row.brightness:.2f} of 1."),
    "flat": Fault(_below("contrast", 0.05), lambda row: f"Nearly one flat tone: its contrast is {row.contrast:.3f}."),
    "blurred": Fault(_blurred, lambda row: f"Blurred: hardly any edges; its sharpness is {row.sharpness:.0f}."),
    "odd_size": Fault(_odd_size, lambda row: f"{row.width} × {row.height} pixels, unlike the others."),
}


def find_quality_issues(table: pd.DataFrame) -> Iterator[Finding]:
    """One finding per fault of an image; an image that was not measured has none. `table`: see `engine.curation.images`."""
    if not len(table):
        return
    for reason, fault in FAULTS.items():
        badness = fault.badness(table)
        for row in np.flatnonzero(badness > 0).tolist():  # NaN where an image was not measured
            yield make_finding("quality", badness[row], table.iloc[[row]], fault.describe(table.iloc[row]), reason=reason)
