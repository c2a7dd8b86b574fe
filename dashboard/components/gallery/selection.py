"""What is selected in a grid: held on the server, so that it survives reruns, page turns and a visit to another page.

The browser shows a change at once and reports the selected tiles with a rising number, as component *state*: state goes
along with every later message, where an event would be lost when two messages meet in the queue. Each number counts once,
so what Python clears stays cleared although the browser goes on repeating its last report.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import streamlit as st


@dataclass(frozen=True)
class Held:
    """The selected ids in the order of their choice, what they are selected from, and the last report that was heard."""

    of: str = ""
    ids: tuple[int, ...] = ()
    revision: int = 0


def selection(key: str) -> tuple[int, ...]:
    """The selected images of the grid `key`, in the order of their choice; also before the grid is drawn."""
    return held(key).ids


def set_selection(key: str, ids: Iterable[int]) -> None:
    """Select just these. In a callback or before the grid is drawn; afterwards it shows at the next rerun."""
    _hold(key, replace(held(key), ids=tuple(dict.fromkeys(int(image) for image in ids))))


def clear_selection(key: str) -> None:
    """Select nothing."""
    set_selection(key, ())


def held(key: str) -> Held:
    return st.session_state.get(_place(key), Held())


def begin(key: str, of: str) -> None:
    """Forget what was selected from something else."""
    before = held(key)
    if before.of != of:
        _hold(key, replace(before, of=of, ids=() if before.of else before.ids))


def hear(key: str, report: object, shown: Collection[int], one: bool = False) -> bool:
    """Take a report of the browser: {ids, others, revision}; whether it was news.

    Only what was shown can be selected or released by it; images of other pages stay unless `others` is false.
    """
    before = held(key)
    revision, ids = (report.get("revision"), report.get("ids")) if isinstance(report, Mapping) else (None, None)
    if not isinstance(revision, int) or not isinstance(ids, list) or revision <= before.revision:
        return False
    chosen = [image for image in ids if isinstance(image, int) and image in shown]
    kept = [image for image in before.ids if image in chosen or image not in shown] if report.get("others") and not one else []
    merged = tuple(dict.fromkeys([*kept, *chosen]))
    _hold(key, replace(before, ids=merged[:1] if one else merged, revision=revision))
    return True


def _hold(key: str, what: Held) -> None:
    st.session_state[_place(key)] = what


def _place(key: str) -> str:
    return f"{key}-selection"
