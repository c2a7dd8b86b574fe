"""The label log: the last decisions, conflicts, export and import, and going back to an earlier version."""

import pandas as pd
import streamlit as st

from dashboard.app import formatting, viewer_time
from dashboard.app.error_page import try_action, try_and_rerun
from dashboard.clean.decide import undo_buttons
from dashboard.clean.review import Review
from engine.core.number_text import count_text
from engine.data.labels import edits, merging, overview, undo
from engine.data.labels.label_edit import Entry

_SHOWN = 200
_CONFLICTS = 20  # that are listed
_LOG_MB = 100  # about 250,000 decisions


def decision_log(review: Review) -> None:
    """Draw the last decisions, undo, conflicts, export, import, and the way back to an earlier version."""
    log = edits.open_log(review.data)
    entries = log.entries
    for sentence in log.damaged[:5]:
        st.warning(formatting.literal(sentence), icon=":material/report:")
    undo_buttons(review.data)
    _conflicts(review)
    if entries:
        st.dataframe(_table(entries), hide_index=True, width="stretch", key="clean-log")
        if len(entries) > _SHOWN:
            st.caption(f"The last {_SHOWN:,} of {len(entries):,} entries; the exported log contains all of them.")
    else:
        st.info("No decisions yet.", icon=":material/edit_note:")
    with st.container(horizontal=True, vertical_alignment="bottom", key="clean-travel"):
        st.download_button(
            "Export the log", lambda: merging.format_log(review.data), f"{review.data.name}-labels.jsonl", "application/jsonl",
            icon=":material/download:", disabled=not entries, on_click="ignore",
        )  # fmt: skip
        with st.popover("Import a log", icon=":material/upload:"):
            _import(review)
        if entries:
            with st.popover("Restore a version", icon=":material/history:"):
                _restore(review, entries)


def _table(entries: tuple[Entry, ...]) -> pd.DataFrame:
    """The entries, newest first. Names are untrusted, but a dataframe renders no Markdown: they need not be escaped."""
    states = overview.entry_states(entries)
    rows = [
        {
            "when": viewer_time.date_and_time(entry.time),
            "decision": formatting.plain(overview.decision_text(entry)),
            "state": states[entry.uid],
            "by": formatting.plain(entry.author),
            "from": entry.old_class or "",
            "image": formatting.plain(entry.path) if entry.is_decision else count_text(len(entry.undoes), "entry", "entries"),
            "because of": entry.finding.partition(":")[0].replace("_", " ") or entry.reason,
        }
        for entry in reversed(entries[-_SHOWN:])
    ]
    return pd.DataFrame(rows)


def _conflicts(review: Review) -> None:
    conflicts = overview.list_conflicts(review.data)
    if not conflicts:
        return
    st.warning(
        f"{count_text(len(conflicts), 'image has', 'images have')} conflicting decisions by different people. "
        "The latest decision counts; decide again to settle it.",
        icon=":material/call_split:",
    )
    for conflict in conflicts[:_CONFLICTS]:
        st.markdown(
            f"- {formatting.literal(formatting.plain(conflict.path))}: {formatting.literal(formatting.plain(conflict.sentence))}"
        )


def _import(review: Review) -> None:
    file = st.file_uploader(
        "A label log exported here or on another computer", type=["jsonl"], key="clean-import", max_upload_size=_LOG_MB
    )
    if file is None or not st.button("Merge", key="clean-merge", type="primary"):
        return

    def merge() -> None:
        merged = merging.merge_content(review.data, file.name, file.getvalue())
        st.toast(
            f"{count_text(merged.added, 'entry', 'entries')} added, {merged.known:,} already there.", icon=":material/upload:"
        )
        for sentence in merged.left_out[:3]:
            st.toast(formatting.literal(sentence), icon=":material/report:")

    if try_action(merge):
        st.rerun()


def _restore(review: Review, entries: tuple[Entry, ...]) -> None:
    log = edits.open_log(review.data)
    # The decisions of one bulk action are undone together: no version between them is offered.
    first = max(0, len(entries) - _SHOWN)
    starts = [i for i in range(first, len(entries)) if not i or not entries[i].batch or entries[i].batch != entries[i - 1].batch]
    versions = {log.version(i): i for i in reversed(starts)}

    def label(version: str) -> str:
        entry = entries[versions[version]]
        return f"{version}: before {formatting.plain(overview.signed_text(entry))}, {viewer_time.time_ago(entry.time)}"

    version = st.selectbox("Restore the labels of version", list(versions), format_func=label, key="clean-version")
    st.caption("All later entries are undone by one new entry, which can itself be undone.")
    if st.button("Restore", key="clean-restore", type="primary"):
        try_and_rerun(undo.restore, review.data, version)
