"""Decisions by button and key: each is in the log before the page is drawn again."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from dashboard.app import formatting, url_state, viewer_time
from dashboard.app.error_page import try_action
from dashboard.clean.review import Review
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.data.labels import edits, overview, undo
from engine.data.labels.edits import Choice, Decision
from engine.data.labels.label_edit import Entry

_SAID = "clean-said"  # what was done last, to be said


def with_log_length(review: Review) -> Review:
    """The subject as it is now, for a panel that is drawn: decisions made in it are about this state."""
    return replace(review, seen=len(edits.log(review.data).entries))


def decide(review: Review, decisions: Sequence[Decision], finding: str = "") -> bool:
    """Write the decisions, in a callback; whether all of them have an answer now. Where not, a sentence says why and nothing has changed.

    What was decided since the panel was drawn, by another tab or by a key pressed twice, stays, and a sentence says so.
    """
    return bool(decisions) and try_action(_write, review, decisions, finding)


def _write(review: Review, decisions: Sequence[Decision], finding: str) -> None:
    try:
        entries = edits.decide(review.data, Choice(decisions, finding, seen=review.seen))
    except edits.AlreadyDecided as error:
        one = error.entry
        name = formatting.literal(formatting.plain(one.path.rpartition("/")[2]))
        st.toast(
            f"{name} was decided already, {viewer_time.time_ago(one.time)}: "
            f"{formatting.literal(formatting.plain(overview.said(one)))}. Undo that decision to "
            "decide again.",
            icon=":material/front_hand:",
        )  # fmt: skip
        return
    _say("", entries)
    if left := len(decisions) - len(entries):
        st.toast(
            f"{left:,} of {len(decisions):,} images were decided meanwhile: they stay as they are.", icon=":material/front_hand:"
        )


def label_decision(row: Row, name: str | None, finding: str = "") -> Decision:
    """That the image shows `name`. Where that is its folder's class already, nothing was wrong with it."""
    if name == row.class_name == row.original:
        return Decision(row.id, "keep", finding=finding)
    return Decision(row.id, "relabel", name, finding)


def keep_decision(row: Row, finding: str = "") -> Decision:
    """That the image is in with the label that it has, be it its folder's or one that was decided on."""
    return label_decision(row, row.class_name, finding)


def undo_buttons(data: Dataset) -> None:
    """Undo and redo, with their keys; what they did is said, and the finding that it was about is shown again."""
    back, forth = undo.possible(data)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Undo", icon=":material/undo:", key="clean-undo", shortcut="Z", disabled=not back,
            on_click=_reverse, args=(data, "Undone", undo.undo),
        )  # fmt: skip
        st.button(
            "Redo", icon=":material/redo:", key="clean-redo", shortcut="Y", disabled=not forth,
            on_click=_reverse, args=(data, "Done again", undo.redo),
        )  # fmt: skip
        if said := st.session_state.get(_SAID):
            st.caption(said, width="content")


def _reverse(data: Dataset, word: str, act: Callable[[Dataset], list[Entry]]) -> None:
    def do() -> None:
        result = act(data)
        _say(word, result)
        kind, _, finding = (result[0].finding if result else "").partition(":")
        if finding and word == "Undone":
            url_state.set_choice("kind", kind)
            url_state.remember("finding", finding)

    try_action(do)


def _say(word: str, entries: Sequence[Entry]) -> None:
    if not entries:
        st.session_state[_SAID] = ""
        return
    first, more = entries[0], f" and {len(entries) - 1:,} more" if len(entries) > 1 else ""
    what = f"{first.path.rpartition('/')[2]} {overview.decision(first)}{more}" if first.decides else first.why
    st.session_state[_SAID] = (
        f"{word}: {formatting.literal(formatting.plain(what))}" if word else formatting.literal(formatting.plain(what))
    )
