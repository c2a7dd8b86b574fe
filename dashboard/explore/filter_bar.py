"""The filter bar: the common conditions in one line, the rest in a panel that opens below its button."""

from collections.abc import Sequence

import streamlit as st

from dashboard.app import filter_state, formatting
from dashboard.app.widgets import popover, show_value
from dashboard.explore.ranges import property_ranges
from engine.data.datasets import Dataset
from engine.data.filters import VERDICTS, Filter
from engine.data.layouts import SPLITS
from engine.runs.run import Run

PILLS_UP_TO = 24  # classes that are all in sight; more are a list
LISTED_UP_TO = 300  # more are searched: a browser freezes over a list of 100,000
_FOUND = 20
_STATES = {"ok": "readable", "quarantined": "unusable", "missing": "missing since the scan", "excluded": "excluded by hand"}
_EDITS = {"relabelled": "relabelled", "kept": "kept", "unsure": "not sure"}
_TEXT = 230  # pixels


def filter_bar(data: Dataset, classes: Sequence[str], conditions: Filter, run: Run | None) -> None:
    """Draw the bar for `wanted`; what is changed in it becomes the filter before the next rerun."""
    present = data.catalog.counts(Filter(state=conditions.state))["split"].unique()
    splits = [split for split in SPLITS if split in present]
    with st.container(horizontal=True, vertical_alignment="top", gap="small", key="filter-bar"):
        of_class = popover("Class", "filter-class-panel", icon=":material/label:")
        of_split = popover("Split", "filter-split-panel", icon=":material/call_split:")
        more = popover("More", "filter-more", icon=":material/tune:")
        _text(conditions)
    if of_class.open:
        with of_class:
            _class_panel(classes, conditions)
    if of_split.open:
        with of_split:
            _names("Split", splits, conditions.splits, "splits")
    if more.open:
        with more:
            property_ranges(data, conditions)
            _answers(conditions, run)
            _state(conditions)
            _decided(conditions)


def _class_panel(classes: Sequence[str], conditions: Filter) -> None:
    if len(classes) <= LISTED_UP_TO:
        _names("Class", classes, conditions.classes, "classes")
        return
    st.text_input("Class", key="class-search", type="search", live=True, placeholder=f"Search {len(classes):,} classes")
    text = st.session_state["class-search"].strip().casefold()
    if not text:
        return
    result = [name for name in classes if text in name.casefold()]
    if not result:
        st.caption("No class has this in its name.")
        return
    _names("Class", result[:_FOUND], conditions.classes, "classes")
    if len(result) > _FOUND:
        st.caption(f"The first {_FOUND} of {len(result):,}: keep typing to narrow the list.")


def _names(label: str, options: Sequence[str], chosen: Sequence[str], field: str) -> None:
    """Names of which any number can be chosen; those that are chosen but not offered stay chosen."""
    key, known = f"filter-{field}", set(options)

    def changed() -> None:
        others = [name for name in getattr(filter_state.current(), field) if name not in known]
        filter_state.change(**{field: (*others, *st.session_state[key])})

    show_value(key, [name for name in chosen if name in known], options)
    settings = {"key": key, "on_change": changed, "label_visibility": "collapsed"}
    if len(options) <= PILLS_UP_TO:
        st.pills(
            label,
            options,
            selection_mode="multi",
            format_func=lambda name: formatting.literal(formatting.plain(name)),
            **settings,
        )
    else:
        st.multiselect(label, options, format_func=formatting.plain, placeholder="Any", **settings)


def _text(conditions: Filter) -> None:
    # Letters that are being typed stay: a space at the end is no other condition.
    if st.session_state.get("filter-text", "").strip() != conditions.text or "filter-text" not in st.session_state:
        show_value("filter-text", conditions.text)
    st.text_input(
        "Text in the path", key="filter-text", type="search", live="400ms", placeholder="Text in the path", max_chars=200,
        icon=":material/search:", label_visibility="collapsed", width=_TEXT,
        on_change=lambda: filter_state.change(text=st.session_state["filter-text"].strip()),
    )  # fmt: skip


def _answers(conditions: Filter, run: Run | None) -> None:
    """What the run of the header answered."""
    if run is None or not any(run.has_predictions(split) for split in SPLITS):
        return
    st.markdown(f"**What {formatting.literal(run.id)} answered**")
    verdict, predicted = st.columns([2, 5], vertical_alignment="center")

    def change() -> None:
        names, said = tuple(st.session_state["filter-predicted"]), st.session_state["filter-verdict"] or ""
        filter_state.change(run=run.id if names or said else "", predicted=names, verdict=said)

    show_value("filter-verdict", conditions.verdict or None)
    verdict.pills("Prediction", list(VERDICTS), key="filter-verdict", on_change=change, label_visibility="collapsed")
    # A run of very many classes: the chosen ones, and what can be seen of the rest.
    options = list(dict.fromkeys([*conditions.predicted, *run.classes[:LISTED_UP_TO]]))
    show_value("filter-predicted", list(conditions.predicted), options)
    predicted.multiselect(
        "Predicted class", options, key="filter-predicted", format_func=formatting.plain, placeholder="Any predicted class",
        label_visibility="collapsed", on_change=change,
    )  # fmt: skip


def _state(conditions: Filter) -> None:
    show_value("filter-state", conditions.state)
    st.segmented_control(
        "Files", list(_STATES), key="filter-state", format_func=_STATES.__getitem__,
        on_change=lambda: filter_state.change(state=st.session_state["filter-state"] or "ok"),
    )  # fmt: skip


def _decided(conditions: Filter) -> None:
    """What people decided on the page Clean."""
    show_value("filter-edited", [edit for edit in conditions.edited if edit in _EDITS])
    st.pills(
        "Decided by hand", list(_EDITS), selection_mode="multi", key="filter-edited", format_func=_EDITS.__getitem__,
        on_change=lambda: filter_state.change(edited=tuple(st.session_state["filter-edited"])),
    )  # fmt: skip
