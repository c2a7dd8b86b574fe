"""What the events of a run say, as frames for charts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class History:
    """One frame a kind of event: the fields of `engine.training.facts`, and seq and time (seconds since 1970)."""

    steps: pd.DataFrame
    epochs: pd.DataFrame
    candidates: pd.DataFrame
    messages: pd.DataFrame

    @property
    def best_epoch(self) -> int | None:
        best = self.epochs[self.epochs["best"].astype(bool)] if len(self.epochs) else self.epochs
        return int(best["epoch"].iloc[-1]) if len(best) else None


def history(events: Iterable[dict[str, Any]]) -> History:
    """The story that counts: what a killed process did after the checkpoint from which the run went on is left out."""
    by_kind: dict[str, list[dict[str, Any]]] = {"step": [], "epoch": [], "candidate": [], "message": []}
    for event in events:
        kind = event.get("kind")
        if kind == "resumed":
            for name in ("step", "epoch"):
                by_kind[name] = [e for e in by_kind[name] if e[name] <= event[name]]
        elif kind == "state" and event["state"] == "preparing":
            # The linear method has no steps to go on from: it begins anew.
            by_kind["candidate"] = []
        elif kind in by_kind:
            by_kind[kind].append(event)
    return History(*(pd.DataFrame(by_kind[name]) for name in ("step", "epoch", "candidate", "message")))
