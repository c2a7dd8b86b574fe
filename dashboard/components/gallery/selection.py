"""What is selected in a grid: held on the server, so that it survives reruns, page turns and a visit to another page."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import SupportsInt

import streamlit as st

from dashboard.components.reports import Channel


@dataclass(frozen=True)
class SelectionState:
    """The selected ids in the order of their choice, and what they are selected from."""

    scope: str = ""
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class GridSelection:
    """The selected images of the grid `key`, in the order of their choice; also before the grid is drawn."""

    key: str

    def read(self) -> tuple[int, ...]:
        return self._load().ids

    def write(self, ids: Iterable[SupportsInt]) -> None:
        """Select just these. In a callback or before the grid is drawn; afterwards it shows at the next rerun."""
        self._save(replace(self._load(), ids=tuple(dict.fromkeys(int(image) for image in ids))))

    def clear(self) -> None:
        self.write(())

    def enter_scope(self, scope: str) -> None:
        """Forget what was selected in another scope; what was set before the first drawing stays."""
        before = self._load()
        if before.scope != scope:
            self._save(replace(before, scope=scope, ids=() if before.scope else before.ids))

    def take_reports(self, channel: Channel, shown: Collection[int], one: bool = False) -> None:
        """Take over what the browser has reported, {ids, others}, since the last time.

        Only what was shown can be selected or released by it; images of other pages stay unless `others` is false.
        """
        for report in channel.take():
            if isinstance(report, Mapping) and isinstance(report.get("ids"), list):
                selected = [image for image in report["ids"] if isinstance(image, int) and image in shown]
                if report.get("others") and not one:
                    # What was selected before keeps its place in the order of choice.
                    selected = [*(image for image in self.read() if image in selected or image not in shown), *selected]
                self.write(selected[:1] if one else selected)

    def _load(self) -> SelectionState:
        return st.session_state.get(f"{self.key}-selection", SelectionState())

    def _save(self, state: SelectionState) -> None:
        st.session_state[f"{self.key}-selection"] = state
