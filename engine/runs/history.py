"""The events of a run as frames for charts."""

import re
import threading
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from engine.runs.events import Candidate, Divergence, Epoch, Message, Step
from engine.runs.run import ACTIVE, Run

# The columns of frames without a row.
_COLUMNS = {kind.__name__.lower(): [field.name for field in fields(kind)] for kind in (Step, Epoch, Candidate, Message)}
_COLUMNS["state"] = ["time", "state", "detail"]
_LISTS = ("epoch", "candidate", "message", "state")
# How runs of version 0.1 reported a divergence: they wrote an error message and no event of its own.
_OLD_DIVERGENCE = re.compile(
    r"The (?P<quantity>loss|gradient) is (?:nan|-?inf|not finite) at step (?P<step>\d+), with a learning rate of (?P<rate>[\d.e+-]*\d)"
)


@dataclass(frozen=True)
class History:
    """One frame per kind of event, with the fields of `engine.runs.events`, seq and time (seconds since 1970).

    `states`: the states that the run entered, with their detail, from its first start on; where a process was killed, a row says
    `interrupted`, at the time of the last event. `divergence`: what ended the training, if it was that.
    """

    steps: pd.DataFrame
    epochs: pd.DataFrame
    candidates: pd.DataFrame
    messages: pd.DataFrame
    states: pd.DataFrame
    divergence: Divergence | None = None

    @property
    def best_epoch(self) -> int | None:
        best = self.epochs[self.epochs["best"].astype(bool)] if len(self.epochs) else self.epochs
        return int(best["epoch"].iloc[-1]) if len(best) else None

    def recalls(self, classes: Sequence[str]) -> pd.DataFrame:
        """Validation recall: one row per epoch (the index), one column per class; no rows for a run that did not record it."""
        if "validation_recall" not in self.epochs:
            return pd.DataFrame(columns=list(classes), dtype=float)
        complete = self.epochs["validation_recall"].map(lambda value: isinstance(value, list) and len(value) == len(classes))
        epochs = self.epochs[complete.astype(bool)]
        return pd.DataFrame(epochs["validation_recall"].tolist(), index=epochs["epoch"], columns=list(classes)).astype(float)

    def latest(self, field: str) -> float | None:
        """The last epoch's value of a field; None for a run that did not record it."""
        if field not in self.epochs:
            return None
        values = self.epochs[field].dropna()
        return float(values.iloc[-1]) if len(values) else None

    @property
    def empty(self) -> bool:
        return not (len(self.steps) or len(self.epochs) or len(self.candidates))


def build_history(events: Iterable[dict[str, Any]]) -> History:
    """The history of these events, without what a killed process did after the checkpoint that the run was resumed from."""
    builder = HistoryBuilder()
    builder.add(events)
    return builder.history()


class HistoryBuilder:
    """A history that grows: adding an event costs the same after a hundred thousand steps."""

    def __init__(self) -> None:
        self._steps = _Columns()
        self._lists: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _LISTS}
        self._divergence: Divergence | None = None
        self._history: History | None = None
        self._last_time = 0.0

    def add(self, events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            self._history = None
            kind = event.get("kind")
            if kind == "step":
                self._steps.append(event)
            elif kind == "resumed":
                # The run goes on from a checkpoint: what it did after that was lost, and will be done again.
                self._steps.cut("step", event["step"])
                self._lists["epoch"] = [e for e in self._lists["epoch"] if e["epoch"] <= event["epoch"]]
            elif kind == "state":
                self._enter(event)
            elif kind == "divergence":
                self._divergence = Divergence(**{field.name: event[field.name] for field in fields(Divergence)})
            elif kind in self._lists:
                self._lists[kind].append(event)
                if event.get("level") == "error":
                    self._divergence = self._divergence or self._old_divergence(event)
            self._last_time = event.get("time", self._last_time)

    def _enter(self, event: dict[str, Any]) -> None:
        states = self._lists["state"]
        if event["state"] == "preparing":
            # A new attempt. The linear method has no steps to go on from: it begins anew.
            self._lists["candidate"] = []
            self._divergence = None
            # A killed process writes no last state.
            if states and states[-1]["state"] in ACTIVE:
                states.append({"kind": "state", "state": "interrupted", "detail": "", "time": self._last_time})
        states.append(event)

    def _old_divergence(self, message: dict[str, Any]) -> Divergence | None:
        match = _OLD_DIVERGENCE.match(str(message.get("text")))
        if match is None:
            return None
        quantity = "loss" if match["quantity"] == "loss" else "gradient"
        return Divergence(int(match["step"]), int(self._steps.last("epoch", 1)), quantity, float(match["rate"]))

    def history(self) -> History:
        if self._history is None:
            frames = {kind: pd.DataFrame(rows, columns=None if rows else _COLUMNS[kind]) for kind, rows in self._lists.items()}
            self._history = History(
                steps=self._steps.frame(),
                epochs=frames["epoch"],
                candidates=frames["candidate"],
                messages=frames["message"],
                states=frames["state"],
                divergence=self._divergence,
            )
        return self._history


class HistoryReader:
    """Follows the events of a run for any number of readers: each call parses only what was added since the last one."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._start()

    def history(self) -> History:
        with self._lock:
            # A file that is shorter than what was read of it is another file.
            if self._run.events_size() < self._offset:
                self._start()
            events, self._offset = self._run.events(self._offset)
            self._builder.add(events)
            return self._builder.history()

    def _start(self) -> None:
        self._builder, self._offset = HistoryBuilder(), 0


def downsample(steps: pd.DataFrame, column: str, points: int = 400) -> pd.DataFrame:
    """At most `points` rows for drawing: columns step (the last of its bucket), mean, low, high of `column` over equal buckets.

    Values that are not finite are left out; a frame with fewer rows comes back with one row per step.
    """
    empty = pd.DataFrame({"step": [], "mean": [], "low": [], "high": []})
    if column not in steps:
        return empty
    values, numbers = steps[column].to_numpy(float), steps["step"].to_numpy()
    finite = np.isfinite(values)
    values, numbers = values[finite], numbers[finite]
    if not len(values):
        return empty
    starts = np.unique(np.linspace(0, len(values), min(points, len(values)), endpoint=False).astype(int))
    counts = np.diff([*starts, len(values)])
    return pd.DataFrame(
        {
            "step": numbers[starts + counts - 1].astype(int),
            "mean": np.add.reduceat(values, starts) / counts,
            "low": np.minimum.reduceat(values, starts),
            "high": np.maximum.reduceat(values, starts),
        }
    )


class _Columns:
    """Rows of numbers, stored by column in plain arrays; a field that appears later is NaN in the rows before.

    Arrays take 8 bytes per value and grow in place; a list of a hundred thousand dicts would be rebuilt into a frame at each look.
    """

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
        """Remove the rows from the end whose `name` is above `last`."""
        rising = self._columns.get(name, array("d"))
        keep = self._rows
        while keep and rising[keep - 1] > last:
            keep -= 1
        for column in self._columns.values():
            del column[keep:]
        self._rows = keep

    def last(self, name: str, default: float) -> float:
        column = self._columns.get(name)
        return column[-1] if column else default

    def frame(self) -> pd.DataFrame:
        if not self._columns:
            return pd.DataFrame(columns=_COLUMNS["step"])
        return pd.DataFrame({name: np.array(column) for name, column in self._columns.items()})
