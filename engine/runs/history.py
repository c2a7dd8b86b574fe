"""What the events of a run say, as frames for charts."""

import threading
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from engine.runs.events import Candidate, Epoch, Message, Step
from engine.runs.run import ACTIVE, Run

# The columns of frames without a row.
_COLUMNS = {kind.__name__.lower(): [field.name for field in fields(kind)] for kind in (Step, Epoch, Candidate, Message)}
_COLUMNS["state"] = ["time", "state", "detail"]
_LISTS = ("epoch", "candidate", "message", "state")


@dataclass(frozen=True)
class History:
    """One frame a kind of event: the fields of `engine.runs.events`, and seq and time (seconds since 1970).

    `states`: the states that the run entered, with their detail, from its first start on; where a process was killed, it reads
    `interrupted` at the time of the last event.
    """

    steps: pd.DataFrame
    epochs: pd.DataFrame
    candidates: pd.DataFrame
    messages: pd.DataFrame
    states: pd.DataFrame

    @property
    def best_epoch(self) -> int | None:
        best = self.epochs[self.epochs["best"].astype(bool)] if len(self.epochs) else self.epochs
        return int(best["epoch"].iloc[-1]) if len(best) else None

    def recalls(self, classes: Sequence[str]) -> pd.DataFrame:
        """Validation recall, a row an epoch (the index) and a column a class; no rows where the run did not tell."""
        if "validation_recall" not in self.epochs:
            return pd.DataFrame(columns=list(classes), dtype=float)
        fitting = self.epochs["validation_recall"].map(lambda value: isinstance(value, list) and len(value) == len(classes))
        told = self.epochs[fitting.astype(bool)]
        return pd.DataFrame(told["validation_recall"].tolist(), index=told["epoch"], columns=list(classes)).astype(float)

    def latest(self, field: str) -> float | None:
        """The last epoch's value of a field; None where the run did not tell."""
        told = self.epochs[field].dropna() if field in self.epochs else []
        return float(told.iloc[-1]) if len(told) else None

    @property
    def empty(self) -> bool:
        return not (len(self.steps) or len(self.epochs) or len(self.candidates))


def build_history(events: Iterable[dict[str, Any]]) -> History:
    """The story that counts: what a killed process did after the checkpoint from which the run went on is left out."""
    story = HistoryBuilder()
    story.take(events)
    return story.history()


class HistoryBuilder:
    """A history that grows: taking in an event costs the same after a hundred thousand steps."""

    def __init__(self) -> None:
        self._steps = _Columns()
        self._lists: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _LISTS}
        self._history: History | None = None
        self._last = 0.0  # when the last event was written

    def take(self, events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            self._history = None
            kind = event.get("kind")
            if kind == "step":
                self._steps.append(event)
            elif kind == "resumed":
                self._steps.cut("step", event["step"])
                self._lists["epoch"] = [e for e in self._lists["epoch"] if e["epoch"] <= event["epoch"]]
            elif kind == "state":
                self._enter(event)
            elif kind in self._lists:
                self._lists[kind].append(event)
            self._last = event.get("time", self._last)

    def _enter(self, event: dict[str, Any]) -> None:
        states = self._lists["state"]
        if event["state"] == "preparing":
            # The linear method has no steps to go on from: it begins anew.
            self._lists["candidate"] = []
            if states and states[-1]["state"] in ACTIVE:
                states.append({"kind": "state", "state": "interrupted", "detail": "", "time": self._last})
        states.append(event)

    def history(self) -> History:
        if self._history is None:
            epochs, *others = (
                pd.DataFrame(self._lists[kind], columns=None if self._lists[kind] else _COLUMNS[kind]) for kind in _LISTS
            )
            self._history = History(self._steps.frame(), epochs, *others)
        return self._history


class HistoryReader:
    """Follows the events of a run for any number of readers: each look parses only what was added since the last."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._begin()

    def history(self) -> History:
        with self._lock:
            if self._run.events_size() < self._offset:
                self._begin()
            events, self._offset = self._run.events(self._offset)
            self._story.take(events)
            return self._story.history()

    def _begin(self) -> None:
        self._story, self._offset = HistoryBuilder(), 0


def downsample(steps: pd.DataFrame, column: str, points: int = 400) -> pd.DataFrame:
    """At most `points` rows for drawing: columns step (the last of its bucket), mean, low, high of `column` over equal buckets.

    Values that are not finite are left out; a frame with fewer rows comes back one row a step.
    """
    if column not in steps:
        return pd.DataFrame({"step": [], "mean": [], "low": [], "high": []})
    values, at = steps[column].to_numpy(float), steps["step"].to_numpy()
    finite = np.isfinite(values)
    values, at = values[finite], at[finite]
    if not len(values):
        return pd.DataFrame({"step": [], "mean": [], "low": [], "high": []})
    starts = np.unique(np.linspace(0, len(values), min(points, len(values)), endpoint=False).astype(int))
    counts = np.diff([*starts, len(values)])
    return pd.DataFrame(
        {
            "step": at[starts + counts - 1].astype(int),
            "mean": np.add.reduceat(values, starts) / counts,
            "low": np.minimum.reduceat(values, starts),
            "high": np.maximum.reduceat(values, starts),
        }
    )


class _Columns:
    """Rows of numbers, kept by column in plain arrays; a field that comes later is NaN before."""

    def __init__(self) -> None:
        self._columns: dict[str, array] = {}
        self._rows = 0

    def append(self, row: dict[str, Any]) -> None:
        for name, value in row.items():
            if name not in self._columns and isinstance(value, int | float):
                self._columns[name] = array("d", [np.nan]) * self._rows
        self._rows += 1
        for name, column in self._columns.items():
            value = row.get(name)
            column.append(np.nan if value is None else value)

    def cut(self, name: str, last: float) -> None:
        """Leave out the rows from the end whose `name` is above `last`."""
        rising = self._columns.get(name, array("d"))
        keep = self._rows
        while keep and rising[keep - 1] > last:
            keep -= 1
        for column in self._columns.values():
            del column[keep:]
        self._rows = keep

    def frame(self) -> pd.DataFrame:
        if not self._columns:
            return pd.DataFrame(columns=_COLUMNS["step"])
        return pd.DataFrame({name: np.array(column) for name, column in self._columns.items()})
