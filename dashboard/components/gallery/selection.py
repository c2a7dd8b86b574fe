"""What is selected in a grid: held on the server, so that it survives reruns, page turns and a visit to another page.

The browser shows a change at once and reports the selected tiles with a rising number, as component *state*: state goes
along with every later message, where an event would be lost when two messages meet in the queue. Each number counts once,
so what Python clears stays cleared although the browser goes on repeating its last report.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import SupportsInt

import streamlit as st


@dataclass(frozen=True)
class SelectionState:
    """The selected ids in the order of their choice, what they are selected from, and the number of the last report taken."""

    scope: str = ""
    ids: tuple[int, ...] = ()
    revision: int = 0


def selection(key: str) -> tuple[int, ...]:
    """The selected images of the grid `key`, in the order of their choice; also before the grid is drawn."""
    return load_state(key).ids


def set_selection(key: str, ids: Iterable[SupportsInt]) -> None:
    """Select just these. In a callback or before the grid is drawn; afterwards it shows at the next rerun."""
    _save_state(key, replace(load_state(key), ids=tuple(dict.fromkeys(int(image) for image in ids))))


def clear_selection(key: str) -> None:
    """Select nothing."""
    set_selection(key, ())


def load_state(key: str) -> SelectionState:
    """What is held of the grid `key`; nothing selected where it has not been drawn yet."""
    return st.session_state.get(_state_key(key), SelectionState())


def enter_scope(key: str, scope: str) -> None:
    """Forget what was selected in another scope; what was set before the first drawing stays."""
    before = load_state(key)
    if before.scope != scope:
        _save_state(key, replace(before, scope=scope, ids=() if before.scope else before.ids))


def take_report(key: str, report: object, shown: Collection[int], one: bool = False) -> bool:
    """Whether a report of the browser, {ids, others, revision}, was new; if so, its selection is taken over.

    Only what was shown can be selected or released by it; images of other pages stay unless `others` is false.
    """
    before = load_state(key)
    if not isinstance(report, Mapping):
        return False
    revision, ids = report.get("revision"), report.get("ids")
    if not isinstance(revision, int) or not isinstance(ids, list) or revision <= before.revision:
        return False
    selected = [image for image in ids if isinstance(image, int) and image in shown]
    if report.get("others") and not one:
        # What was selected before keeps its place in the order of choice.
        stay = [image for image in before.ids if image in selected or image not in shown]
        selected = list(dict.fromkeys([*stay, *selected]))
    unique = tuple(dict.fromkeys(selected))
    _save_state(key, replace(before, ids=unique[:1] if one else unique, revision=revision))
    return True


def _save_state(key: str, state: SelectionState) -> None:
    st.session_state[_state_key(key)] = state


def _state_key(key: str) -> str:
    return f"{key}-selection"
