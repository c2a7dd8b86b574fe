"""The learning rate of a step, as a factor on its peak.

A function of the step's number, so that there is nothing to save, and nothing that could differ when a run is resumed; only
`plateau` has a memory.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from engine.runs.config import Config

_ONE_CYCLE_START, _ONE_CYCLE_END = 1 / 25, 1 / 250_000  # torch's div_factor, and that times its final_div_factor


def factor(config: Config, step: int, steps_per_epoch: int) -> float:
    """The factor of step number `step` (from 0): linear warm-up, then what `config.schedule` says.

    `onecycle` rises and falls by half a cosine, from 1/25 of the peak to nearly nothing (Smith and Topin 2019, with the
    limits of torch's OneCycleLR).
    """
    total = steps_per_epoch * config.epochs
    warmup = round(config.warmup * total)
    if config.schedule == "onecycle":
        return _one_cycle(step, warmup, total)
    if step < warmup:
        return (step + 1) / warmup
    if config.schedule == "cosine":
        return _between(1.0, 0.0, (step - warmup) / max(total - warmup, 1))
    if config.schedule == "step":
        return config.lr_factor ** (step // steps_per_epoch // config.lr_epochs)
    return 1.0


def _one_cycle(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return _between(_ONE_CYCLE_START, 1.0, step / warmup)
    return _between(1.0, _ONE_CYCLE_END, (step - warmup) / max(total - 1 - warmup, 1))


def _between(start: float, end: float, share: float) -> float:
    """From start to end along half a cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))


@dataclass
class Plateau:
    """Multiplies by `lr_factor` after `lr_epochs` epochs without a lower validation loss; stays 1 with every other schedule."""

    factor: float = 1.0
    best_loss: float = math.inf
    stale_epochs: int = 0

    def update(self, validation_loss: float, config: Config) -> None:
        """Lower the factor where the epoch's validation loss says so."""
        if config.schedule != "plateau":
            return
        self.stale_epochs = 0 if validation_loss < self.best_loss else self.stale_epochs + 1
        self.best_loss = min(validation_loss, self.best_loss)
        if self.stale_epochs >= config.lr_epochs:
            self.factor *= config.lr_factor
            self.stale_epochs = 0

    def state(self) -> dict[str, Any]:
        return asdict(self)
