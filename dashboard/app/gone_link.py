"""A link to a run or a dataset that does not exist: what is shown instead is said, until the person chooses."""

from collections.abc import Sequence

import streamlit as st

from dashboard.app import formatting, url_state
from engine.runs import trash
from engine.runs.run import list_runs

_NOTES = "gone-links"  # session: "run" or "dataset" -> (the name in the link, what is shown in its place)


def note_missing(kind: str, options: Sequence[str], default: str | None = None, dataset: str | None = None) -> None:
    """Before the picker of `kind` is drawn: remember where the address names what is not among its options.

    A run that exists, of another dataset or without a model, is not missing: the pickers themselves say so.
    """
    notes: dict[str, tuple[str, str]] = st.session_state.setdefault(_NOTES, {})
    recalled = url_state.recall(kind)
    if recalled in options:
        if kind in notes and notes[kind][1] != recalled:
            del notes[kind]
        return
    if recalled and not (kind == "run" and any(run.id == recalled for run in list_runs())):
        notes[kind] = (recalled, default if default in options else options[0])


def draw_notices() -> None:
    """What is shown in place of what the link names, and where it may be found again."""
    for kind, (missing, shown) in list(st.session_state.get(_NOTES, {}).items()):
        in_trash = kind == "run" and any(entry.id == missing for entry in trash.list_deleted())
        sentence = (
            f"The {kind} {formatting.literal(formatting.plain(missing))} does not exist; "
            f"showing {formatting.literal(formatting.plain(shown))}."
        )
        if in_trash:
            sentence = (
                f"The run {formatting.literal(missing)} is in the trash; showing {formatting.literal(formatting.plain(shown))}."
            )
        with st.container(horizontal=True, vertical_alignment="center", key=f"gone-{kind}"):
            st.warning(sentence, icon=":material/link_off:", width="stretch")
            if in_trash:
                st.page_link("../../pages/runs.py", label="Open the trash on Runs", icon=":material/delete:")
            st.button("Dismiss", key=f"gone-{kind}-dismiss", type="tertiary", on_click=_dismiss, args=(kind,))


def _dismiss(kind: str) -> None:
    st.session_state.get(_NOTES, {}).pop(kind, None)
