"""Two ways to do the same, measured in alternating rounds, so that other load on the machine slows both."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.evaluation.metrics import BOOTSTRAPS, LEVEL

ROUNDS = 6
Measure = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One comparison. `reference` and `ours`: medians over the rounds in `unit`. `ratio`: how many times better ours is, as the geometric mean
    over the rounds, with its 95% bootstrap interval `low` to `high`.
    """

    name: str
    reference: float
    ours: float
    ratio: float
    low: float
    high: float
    unit: str = "images/s"


def alternate(
    name: str, reference: Measure, ours: Measure, rounds: int = ROUNDS, unit: str = "images/s", less_is_better: bool = False
) -> Row:
    """Measure both in `rounds` rounds, each time the other one first. Each call returns one figure in `unit`."""
    figures: dict[Measure, list[float]] = {reference: [], ours: []}
    for number in range(rounds):
        for measure in (reference, ours) if number % 2 == 0 else (ours, reference):
            figures[measure].append(measure())
    ratios = np.array(figures[ours]) / np.array(figures[reference])
    ratio, low, high = geometric_mean(1 / ratios if less_is_better else ratios)
    return Row(
        name=name,
        reference=float(np.median(figures[reference])),
        ours=float(np.median(figures[ours])),
        ratio=ratio,
        low=low,
        high=high,
        unit=unit,
    )


def geometric_mean(ratios: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """The geometric mean of the rounds' ratios with its percentile bootstrap interval."""
    # Logarithms: twice as fast and half as fast should average to the same speed.
    logs = np.log(ratios)
    draws = np.random.default_rng(seed).choice(logs, (BOOTSTRAPS, len(logs))).mean(axis=1)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(np.exp(logs.mean())), float(np.exp(low)), float(np.exp(high))
