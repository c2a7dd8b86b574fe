"""Two ways to do the same, measured in alternating rounds: what else the machine does falls on both."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.evaluation.metrics import BOOTSTRAPS, LEVEL

ROUNDS = 6
Measure = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One comparison. `reference` and `ours` are medians over the rounds in `unit`; `ratio` says how many times better ours is.

    `low` to `high` is the 95% bootstrap interval of the ratio over the rounds.
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
    """Measure both in `rounds` rounds; who begins changes from round to round. Each call gives one figure in `unit`."""
    figures: dict[Measure, list[float]] = {reference: [], ours: []}
    for number in range(rounds):
        for measure in (reference, ours) if number % 2 == 0 else (ours, reference):
            figures[measure].append(measure())
    ratios = np.array(figures[ours]) / np.array(figures[reference])
    ratio, low, high = geometric_mean(1 / ratios if less_is_better else ratios)
    return Row(name, float(np.median(figures[reference])), float(np.median(figures[ours])), ratio, low, high, unit)


def geometric_mean(ratios: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """The geometric mean of the rounds' ratios with its percentile bootstrap interval."""
    logs = np.log(ratios)
    draws = np.random.default_rng(seed).choice(logs, (BOOTSTRAPS, len(logs))).mean(axis=1)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(np.exp(logs.mean())), float(np.exp(low)), float(np.exp(high))
