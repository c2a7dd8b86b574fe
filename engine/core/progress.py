"""How long work says how far it is: one value, given to one function, which may also end the work."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.core.number_text import duration


class Cancelled(Exception):
    """A stop was requested; what the work has done is kept."""


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of a phase; a `total` of at most 1 is a phase without parts."""

    phase: str
    done: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        """0 to 1."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total else 0.0

    def text(self, seconds_left: float | None = None) -> str:
        """`computing embeddings: 4 of 12, 20 s left`."""
        left = f", {duration(seconds_left)} left" if seconds_left else ""
        return f"{self.phase}: {self.done:,} of {self.total:,}{left}" if self.total > 1 else f"{self.phase}{left}"


ReportProgress = Callable[[Progress], object]  # raises Cancelled once a stop was requested


def ignore_progress(progress: Progress) -> None:
    """The default of every `report`."""


class Pace:
    """Estimates the time left by the reports of one piece of work after another."""

    def __init__(self) -> None:
        self._first = self._last = Progress("")
        self._began = 0.0

    def seconds_left(self, progress: Progress) -> float | None:
        """Seconds until all units are done; None where that cannot be estimated yet."""
        now = time.monotonic()
        # By the units, not by the name: the phases of a training, its epochs, count on.
        if progress.total != self._last.total or progress.done < self._last.done:
            # What was done before the first report says nothing about the speed.
            self._first, self._began = progress, now
        self._last = progress
        done, elapsed = progress.done - self._first.done, now - self._began
        if done <= 0:
            return None
        left = progress.total - progress.done
        return elapsed / done * left if elapsed > 1 or not left else None
