"""A link to a run or dataset that does not exist: a notice names what is shown instead, until the person chooses."""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from dashboard.app import formatting, url_state
from engine.runs import trash
from engine.runs.run import list_runs

_NOTES = "gone-links"  # session: "run" or "dataset" -> (the name in the link, what is shown in its place)


def note_missing(kind: Literal["run", "dataset"], options: Sequence[str], default: str | None = None) -> None:
    """Remember a name in the address that is not among a picker's options; call it before the picker is drawn.

    A run of another dataset, or without a model, exists and is not missing: the pickers themselves say so.
    """
    notes: dict[str, tuple[str, str]] = st.session_state.setdefault(_NOTES, {})
    recalled = url_state.recall(kind)
    if recalled in options:
        if kind in notes and notes[kind][1] != recalled:
            del notes[kind]
        return
    if recalled and not (kind == "run" and any(run.id == recalled for run in list_runs())):
        notes[kind] = (recalled, options[0] if default is None or default not in options else default)


def draw_notices() -> None:
    """Draw a warning per missing run or dataset: what is shown instead, and where it can be restored."""
    for kind, (missing, shown) in list(st.session_state.get(_NOTES, {}).items()):
        in_trash = kind == "run" and any(entry.id == missing for entry in trash.list_deleted())
        problem = "is in the trash" if in_trash else "does not exist"
        name, substitute = (formatting.literal(formatting.plain(one)) for one in (missing, shown))
        with st.container(horizontal=True, vertical_alignment="center", key=f"gone-{kind}"):
            st.warning(f"The {kind} {name} {problem}; showing {substitute}.", icon=":material/link_off:", width="stretch")
            if in_trash:
                st.page_link("../../pages/runs.py", label="Open the trash on Runs", icon=":material/delete:")
            st.button("Dismiss", key=f"gone-{kind}-dismiss", type="tertiary", on_click=_dismiss, args=(kind,))


def _dismiss(kind: str) -> None:
    st.session_state.get(_NOTES, {}).pop(kind, None)
