"""Decisions by button and key: each is in the label log before the page is redrawn."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from dashboard.app import formatting, viewer_time
from dashboard.app.error_page import try_action
from dashboard.app.parameters import FINDING, KIND
from dashboard.clean.review import Review
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.labels import edits, overview, undo
from engine.data.labels.edits import Decision, DecisionGroup
from engine.data.labels.label_edit import Entry

_MESSAGE = "clean-said"  # what was done last, in words


def with_log_length(review: Review) -> Review:
    """The review with the present length of the log, for a panel that is drawn: decisions made in it refer to this state."""
    return replace(review, log_length=len(edits.open_log(review.data).entries))


def decide(review: Review, decisions: Sequence[Decision], finding: str = "") -> bool:
    """Write the decisions, in a callback; whether all these images are decided now. If not, a message says why and nothing changed.

    What was decided since the panel was drawn, in another tab or by a key that was pressed twice, stays, and a message says so.
    """
    return bool(decisions) and try_action(_write, review, decisions, finding)


def _write(review: Review, decisions: Sequence[Decision], finding: str) -> None:
    try:
        entries = edits.decide(review.data, DecisionGroup(decisions, finding, known_entries=review.log_length))
    except edits.AlreadyDecidedError as error:
        entry = error.entry
        name = formatting.literal(formatting.plain(entry.path.rpartition("/")[2]))
        st.toast(
            f"{name} has already been decided, {viewer_time.time_ago(entry.time)}: "
            f"{formatting.literal(formatting.plain(overview.signed_text(entry)))}. Undo that decision to decide again.",
            icon=":material/front_hand:",
        )
        return
    _set_message("", entries)
    if skipped := len(decisions) - len(entries):
        st.toast(
            f"{skipped:,} of {len(decisions):,} images have been decided meanwhile: they stay as they are.",
            icon=":material/front_hand:",
        )


def label_decision(row: Row, name: str | None, finding: str = "") -> Decision:
    """The decision that the image shows `name`: to keep it where that already is its label and its folder's class."""
    if name == row.class_name == row.original:
        return Decision(row.id, "keep", finding=finding)
    return Decision(row.id, "relabel", name, finding)


def keep_decision(row: Row, finding: str = "") -> Decision:
    """The decision that the image stays with its present label, be it its folder's or one that was decided before."""
    return label_decision(row, row.class_name, finding)


def undo_buttons(data: Dataset) -> None:
    """Draw undo and redo, with their keys, and what was done last; an undo shows the finding that it is about again."""
    can_undo, can_redo = undo.count_steps(data)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Undo", icon=":material/undo:", key="clean-undo", shortcut="Z", disabled=not can_undo,
            on_click=_reverse, args=(data, "Undone", undo.undo),
        )  # fmt: skip
        st.button(
            "Redo", icon=":material/redo:", key="clean-redo", shortcut="Y", disabled=not can_redo,
            on_click=_reverse, args=(data, "Redone", undo.redo),
        )  # fmt: skip
        if message := st.session_state.get(_MESSAGE):
            st.caption(message, width="content")


def _reverse(data: Dataset, word: str, act: Callable[[Dataset], list[Entry]]) -> None:
    def reverse() -> None:
        entries = act(data)
        _set_message(word, entries)
        kind, _, finding = (entries[0].finding if entries else "").partition(":")
        if finding and word == "Undone":
            KIND.request(kind)
            FINDING.write(finding)

    try_action(reverse)


def _set_message(word: str, entries: Sequence[Entry]) -> None:
    if not entries:
        st.session_state[_MESSAGE] = ""
        return
    first, more = entries[0], f" and {len(entries) - 1:,} more" if len(entries) > 1 else ""
    text = f"{first.path.rpartition('/')[2]} {overview.decision_text(first)}{more}" if first.is_decision else first.reason
    text = formatting.literal(formatting.plain(text))
    st.session_state[_MESSAGE] = f"{word}: {text}" if word else text
