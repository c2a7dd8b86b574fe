"""What was decided: the log, its conflicts, and its travels."""

import pandas as pd
import streamlit as st

from dashboard.app import formatting, viewer_time
from dashboard.app.error_page import try_action, try_and_rerun
from dashboard.clean.decide import undo_buttons
from dashboard.clean.review import Review
from engine.data.labels import edits, merging, overview, undo
from engine.data.labels.label_edit import Entry

_SHOWN = 200
_LOG_MB = 100  # some 250,000 decisions


def decision_log(review: Review) -> None:
    """The last decisions, undo, conflicts, export, import, and going back to a version."""
    log = edits.log(review.data)
    entries = log.entries
    for sentence in log.damaged[:5]:
        st.warning(formatting.literal(sentence), icon=":material/report:")
    undo_buttons(review.data)
    _conflicts(review)
    if entries:
        st.dataframe(_table(entries), hide_index=True, width="stretch", key="clean-log")
        if len(entries) > _SHOWN:
            st.caption(f"The last {_SHOWN:,} of {len(entries):,} entries; the exported log has all.")
    else:
        st.info("No decisions yet.", icon=":material/edit_note:")
    with st.container(horizontal=True, vertical_alignment="bottom", key="clean-travel"):
        st.download_button(
            "Export the log", lambda: merging.export_text(review.data), f"{review.data.name}-labels.jsonl", "application/jsonl",
            icon=":material/download:", disabled=not entries, on_click="ignore",
        )  # fmt: skip
        with st.popover("Import a log", icon=":material/upload:"):
            _import(review)
        if entries:
            with st.popover("Go back to a version", icon=":material/history:"):
                _restore(review, entries)


def _table(entries: tuple[Entry, ...]) -> pd.DataFrame:
    """The newest first. A dataframe shows every text letter by letter."""
    states = overview.states(entries)
    rows = [
        {
            "when": viewer_time.date_and_time(entry.time),
            "decision": formatting.plain(overview.decision(entry)),
            "state": states[entry.uid],
            "by": formatting.plain(entry.who),
            "from": entry.was or "",
            "image": formatting.plain(entry.path)
            if entry.decides
            else f"{len(entry.undoes):,} {'entry' if len(entry.undoes) == 1 else 'entries'}",
            "because of": entry.finding.partition(":")[0].replace("_", " ") or entry.why,
        }
        for entry in reversed(entries[-_SHOWN:])
    ]
    return pd.DataFrame(rows)


def _conflicts(review: Review) -> None:
    result = overview.conflicts(review.data)
    if not result:
        return
    st.warning(
        f"About {len(result):,} {'image' if len(result) == 1 else 'images'} people made conflicting decisions. "
        "The later decision counts; decide again to settle it.",
        icon=":material/call_split:",
    )
    for one in result[:20]:
        st.markdown(f"- {formatting.literal(formatting.plain(one.path))}: {formatting.literal(formatting.plain(one.words))}")


def _import(review: Review) -> None:
    given = st.file_uploader("A log exported here or elsewhere", type=["jsonl"], key="clean-import", max_upload_size=_LOG_MB)
    if given is None or not st.button("Merge it", key="clean-merge", type="primary"):
        return

    def merge() -> None:
        merged = merging.merge_content(review.data, given.name, given.getvalue())
        st.toast(f"{merged.added:,} entries were added, {merged.known:,} were already known.", icon=":material/upload:")
        for sentence in merged.left_out[:3]:
            st.toast(formatting.literal(sentence), icon=":material/report:")

    if try_action(merge):
        st.rerun()


def _restore(review: Review, entries: tuple[Entry, ...]) -> None:
    log = edits.log(review.data)
    # Between the decisions of one stroke there is no version to go back to.
    first = max(0, len(entries) - _SHOWN)
    steps_begin = [
        i for i in range(first, len(entries)) if not i or not entries[i].batch or entries[i].batch != entries[i - 1].batch
    ]
    known = {log.version(i): i for i in reversed(steps_begin)}

    def say(version: str) -> str:
        n = known[version]
        return f"{version}: before {formatting.plain(overview.said(entries[n]))}, {viewer_time.time_ago(entries[n].time)}"

    chosen = st.selectbox("The labels as they were at", list(known), format_func=say, key="clean-version")
    st.caption("Later entries are undone by a new entry, which can itself be undone.")
    if st.button("Go back", key="clean-restore", type="primary"):
        try_and_rerun(undo.restore, review.data, chosen)
