"""The filter bar: the common conditions on one line, the others in a panel that opens below its button."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import streamlit as st

from dashboard.app import filter_state, formatting
from dashboard.app.widgets import bind_value, bound_value, popover
from dashboard.explore.ranges import property_ranges
from engine.data.datasets import Dataset
from engine.data.filters import CORRECTNESS, Filter
from engine.data.layouts import SPLITS
from engine.runs.run import Run

MAX_PILLS = 24  # classes that are all shown as buttons; more become a list
MAX_LISTED = 300  # of more, only those that match a search are listed: a browser freezes over a list of 100,000
_MATCHES = 20
_STATES = {"ok": "readable", "quarantined": "unusable", "missing": "missing since the scan", "excluded": "excluded by hand"}
_EDITS = {"relabelled": "relabelled", "kept": "kept", "unsure": "not sure"}
_TEXT = 230  # pixels


def filter_bar(data: Dataset, classes: Sequence[str], conditions: Filter, run: Run | None) -> None:
    """Draw the bar for `wanted`; a change in it becomes the filter before the next rerun."""
    present = data.catalog.counts(Filter(state=conditions.state))["split"].unique()
    splits = [split for split in SPLITS if split in present]
    with st.container(horizontal=True, vertical_alignment="top", gap="small", key="filter-bar"):
        class_panel = popover("Class", "filter-class-panel", icon=":material/label:")
        split_panel = popover("Split", "filter-split-panel", icon=":material/call_split:")
        more_panel = popover("More", "filter-more", icon=":material/tune:")
        _text(conditions)
    if class_panel.open:
        with class_panel:
            _classes(classes, conditions)
    if split_panel.open:
        with split_panel:
            _names("Split", splits, conditions.splits, "splits")
    if more_panel.open:
        with more_panel:
            property_ranges(data, conditions)
            _predictions(conditions, run)
            _state(conditions)
            _label_edits(conditions)


def _classes(classes: Sequence[str], conditions: Filter) -> None:
    if len(classes) <= MAX_LISTED:
        _names("Class", classes, conditions.classes, "classes")
        return
    st.text_input("Class", key="class-search", type="search", live=True, placeholder=f"Search {len(classes):,} classes")
    text = st.session_state["class-search"].strip().casefold()
    if not text:
        return
    matches = [name for name in classes if text in name.casefold()]
    if not matches:
        st.caption("No class has this in its name.")
        return
    _names("Class", matches[:_MATCHES], conditions.classes, "classes")
    if len(matches) > _MATCHES:
        st.caption(f"The first {_MATCHES} of {len(matches):,}: keep typing to narrow the list.")


def _names(label: str, options: Sequence[str], selected: Sequence[str], field: Literal["classes", "splits"]) -> None:
    """Draw names of which any number can be selected; names that are selected but not among the options stay selected."""
    known = set(options)
    binding = bind_value(f"filter-{field}", [name for name in selected if name in known], options)

    def store_names(names: list[str]) -> None:
        others = [name for name in getattr(filter_state.current(), field) if name not in known]
        filter_state.change(**{field: (*others, *names)})

    if len(options) <= MAX_PILLS:
        st.pills(
            label, options, default=binding.initial, selection_mode="multi", key=binding.key, on_change=binding.on_change(store_names),
            format_func=lambda name: formatting.literal(formatting.plain(name)), label_visibility="collapsed",
        )  # fmt: skip
    else:
        st.multiselect(
            label, options, binding.initial, format_func=formatting.plain, placeholder="Any", key=binding.key,
            on_change=binding.on_change(store_names), label_visibility="collapsed",
        )  # fmt: skip


def _text(conditions: Filter) -> None:
    # A trailing space does not change the condition: written back without it, it would vanish under the hands of who types.
    text = bound_value("filter-text")
    binding = bind_value("filter-text", text if text is not None and text.strip() == conditions.text else conditions.text)
    st.text_input(
        "Text in the path", binding.initial, key=binding.key, type="search", live="400ms", placeholder="Text in the path", max_chars=200,
        icon=":material/search:", label_visibility="collapsed", width=_TEXT,
        on_change=binding.on_change(lambda text: filter_state.change(text=text.strip())),
    )  # fmt: skip


def _predictions(conditions: Filter, run: Run | None) -> None:
    """Draw the conditions on what the run of the header predicted."""
    if run is None or not any(run.has_predictions(split) for split in SPLITS):
        return
    st.markdown(f"**Predictions of {formatting.literal(run.id)}**")
    correctness_column, class_column = st.columns([2, 5], vertical_alignment="center")

    # Of very many classes, the selected ones and as many others as a list can hold.
    options = list(dict.fromkeys([*conditions.predicted, *run.classes[:MAX_LISTED]]))
    binding = bind_value("filter-verdict", conditions.correctness or None)
    correctness_column.pills(
        "Prediction", list(CORRECTNESS), default=binding.initial, key=binding.key, label_visibility="collapsed",
        on_change=binding.on_change(lambda correctness: _change_predictions(run, correctness=correctness or "")),
    )  # fmt: skip
    # Of very many classes, the selected ones and as many others as a list can hold.
    options = list(dict.fromkeys([*conditions.predicted, *run.classes[:MAX_LISTED]]))
    binding = bind_value("filter-predicted", list(conditions.predicted), options)
    class_column.multiselect(
        "Predicted class", options, binding.initial, key=binding.key, format_func=formatting.plain, placeholder="Any predicted class",
        label_visibility="collapsed", on_change=binding.on_change(lambda names: _change_predictions(run, predicted=tuple(names))),
    )  # fmt: skip


def _change_predictions(run: Run, **fields: Any) -> None:
    """Change conditions on a run's predictions; without any, the filter names no run."""
    conditions = replace(filter_state.current(), **fields)
    filter_state.put(replace(conditions, run=run.id if conditions.predicted or conditions.correctness else ""))


def _state(conditions: Filter) -> None:
    binding = bind_value("filter-state", conditions.state)
    st.segmented_control(
        "Files", list(_STATES), default=binding.initial, required=True, key=binding.key, format_func=_STATES.__getitem__,
        on_change=binding.on_change(lambda state: filter_state.change(state=state)),
    )  # fmt: skip


def _label_edits(conditions: Filter) -> None:
    """Draw the condition on what people decided on the Clean page."""
    binding = bind_value("filter-edited", [edit for edit in conditions.edited if edit in _EDITS])
    st.pills(
        "Edited by hand", list(_EDITS), default=binding.initial, selection_mode="multi", key=binding.key, format_func=_EDITS.__getitem__,
        on_change=binding.on_change(lambda names: filter_state.change(edited=tuple(names))),
    )  # fmt: skip
