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


def take_reports(channel: Channel, shown: Collection[int], one: bool = False) -> None:
    """Take over what the browser has reported of a selection, {ids, others}, since the last time.

    Only what was shown can be selected or released by it; images of other pages stay unless `others` is false.
    """
    for report in channel.take():
        if isinstance(report, Mapping) and isinstance(report.get("ids"), list):
            before = load_state(channel.key)
            selected = [image for image in report["ids"] if isinstance(image, int) and image in shown]
            if report.get("others") and not one:
                # What was selected before keeps its place in the order of choice.
                selected = [*(image for image in before.ids if image in selected or image not in shown), *selected]
            unique = tuple(dict.fromkeys(selected))
            _save_state(channel.key, replace(before, ids=unique[:1] if one else unique))


def _save_state(key: str, state: SelectionState) -> None:
    st.session_state[_state_key(key)] = state


def _state_key(key: str) -> str:
    return f"{key}-selection"
