"""Pictures that may be no use: dark, bright, blurred, flat, or of a size unlike the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.curation.findings import Finding, make_finding

_UNUSUAL = 5.0  # robust standard deviations of the logarithm of size or shape
_LEAST = np.log(1.05)  # and at least this: in a set of one size a pixel more or less is no matter
_MAD = 1.4826  # the standard deviation of a normal distribution, in median absolute deviations


@dataclass(frozen=True)
class Fault:
    """`badness`: of the table, (n,) float, above 0 is a fault and 1 the worst. `say`: a row of the table -> a sentence."""

    badness: Callable[[pd.DataFrame], np.ndarray]
    say: Callable[[pd.Series], str]


def _below(name: str, limit: float) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda table: 1 - table[name].to_numpy() / limit


def _bright(table: pd.DataFrame) -> np.ndarray:
    return 1 - (1 - table["brightness"].to_numpy()) / 0.08


def _blurred(table: pd.DataFrame) -> np.ndarray:
    """Edges for the contrast that is there: a hazy picture has weak ones, a blurred one none at all."""
    return 1 - _crispness(table) / 0.008


def _crispness(table: pd.DataFrame) -> np.ndarray:
    return table["sharpness"].to_numpy() / np.maximum((255 * table["contrast"].to_numpy()) ** 2, 1)


def _odd_size(table: pd.DataFrame) -> np.ndarray:
    """How far width and height are from those of most images, in size or in shape."""
    width, height = np.log(table["width"].to_numpy(float)), np.log(table["height"].to_numpy(float))
    return np.maximum(_unusual((width + height) / 2), _unusual(width - height))


def _unusual(values: np.ndarray) -> np.ndarray:
    """For values further from the median than nearly all are, 1 - exp(-distance); 0 for the others: (n,) float."""
    away = np.abs(values - np.median(values))
    limit = max(_LEAST, _UNUSUAL * _MAD * float(np.median(away)))
    return np.where(away > limit, 1 - np.exp(-away), 0.0)


FAULTS = {
    "dark": Fault(_below("brightness", 0.10), lambda row: f"Dark: its mean brightness is {row.brightness:.2f} of 1."),
    "bright": Fault(_bright, lambda row: f"Overexposed: its mean brightness is {row.brightness:.2f} of 1."),
    "flat": Fault(_below("contrast", 0.05), lambda row: f"Nearly one flat tone: its contrast is {row.contrast:.3f}."),
    "blurred": Fault(_blurred, lambda row: f"Blurred: hardly any edge, its sharpness is {row.sharpness:.0f}."),
    "odd_size": Fault(_odd_size, lambda row: f"{row.width} × {row.height} pixels, unlike the others."),
}


def find_quality_issues(table: pd.DataFrame) -> Iterator[Finding]:
    """A finding for every fault of an image; one that was not measured has none. `table`: see `engine.curation.images`."""
    if not len(table):
        return
    for reason, fault in FAULTS.items():
        badness = fault.badness(table)
        for row in np.flatnonzero(badness > 0):
            yield make_finding("quality", badness[row], table.iloc[[row]], fault.say(table.iloc[row]), reason=reason)
