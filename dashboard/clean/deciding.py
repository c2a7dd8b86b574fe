"""Decisions by button and key: each is in the log before the page is drawn again."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard import url, words
from dashboard.failure import told
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.labels import edits, overview, steps
from engine.labels.edits import Choice, Decision
from engine.labels.entries import Entry

_SAID = "clean-said"  # what was done last, to be said


def decide(data: Dataset, decisions: Sequence[Decision], finding: str = "") -> bool:
    """Write the decisions, in a callback; whether that was done. Where not, a sentence says why and nothing has changed."""
    return bool(decisions) and told(lambda: _say("", edits.decide(data, Choice(decisions, finding))))


def named(row: Row, name: str | None, finding: str = "") -> Decision:
    """That the image shows `name`. Where that is its folder's class already, nothing was wrong with it."""
    if name == row.class_name == row.original:
        return Decision(row.id, "keep", finding=finding)
    return Decision(row.id, "relabel", name, finding)


def kept(row: Row, finding: str = "") -> Decision:
    """That the image is in with the label that it has, be it its folder's or one that was decided on."""
    return named(row, row.class_name, finding)


def undo_buttons(data: Dataset) -> None:
    """Undo and redo, with their keys; what they did is said, and the finding that it was about is shown again."""
    back, forth = steps.possible(data)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Undo", icon=":material/undo:", key="clean-undo", shortcut="Z", disabled=not back,
            on_click=_reverse, args=(data, "Undone", steps.undo),
        )  # fmt: skip
        st.button(
            "Redo", icon=":material/redo:", key="clean-redo", shortcut="Y", disabled=not forth,
            on_click=_reverse, args=(data, "Done again", steps.redo),
        )  # fmt: skip
        if said := st.session_state.get(_SAID):
            st.caption(said, width="content")


def _reverse(data: Dataset, word: str, act: Callable[[Dataset], list[Entry]]) -> None:
    def do() -> None:
        found = act(data)
        _say(word, found)
        kind, _, finding = (found[0].finding if found else "").partition(":")
        if finding and word == "Undone":
            url.set_choice("kind", kind)
            url.remember("finding", finding)

    told(do)


def _say(word: str, entries: Sequence[Entry]) -> None:
    if not entries:
        st.session_state[_SAID] = ""
        return
    first, more = entries[0], f" and {len(entries) - 1:,} more" if len(entries) > 1 else ""
    what = f"{first.path.rpartition('/')[2]} {overview.said(first).rpartition(' (')[0]}{more}" if first.decides else first.why
    st.session_state[_SAID] = f"{word}: {words.literal(words.plain(what))}" if word else words.literal(words.plain(what))
