"""What can be done with the selected images, or with all that match: show only these, copy the paths, export a table."""

from dataclasses import replace

import streamlit as st

from dashboard.app import filter_state
from dashboard.app.image_urls import export_url
from dashboard.app.widgets import popover
from dashboard.components.gallery import clear_selection, selection
from engine.data.datasets import Dataset
from engine.data.filters import Filter

_COPIED = 1_000  # paths that are shown to be copied; the table has all


def selected_images(data: Dataset, wanted: Filter, by: str, descending: bool, key: str) -> None:
    """A menu for the selection of the gallery `key`, or for all images that match where nothing is selected."""
    chosen = selection(key)
    label = f"{len(chosen):,} selected" if chosen else "Export"
    menu = popover(label, "selected", icon=":material/check_circle:" if chosen else ":material/download:")
    if not menu.open:
        return
    with menu:
        if chosen:
            only = Filter(selection=data.catalog.select(chosen), state=wanted.state)
            st.button("Show only these", icon=":material/filter_alt:", on_click=_show_only, args=(only, key), width="stretch")
            st.button("Select none", icon=":material/deselect:", on_click=clear_selection, args=(key,), width="stretch")
        else:
            only = wanted
        n = len(chosen) or len(data.catalog.view(wanted))
        st.link_button(
            f"Table of {n:,} as CSV",
            export_url(data.name, only.to_text(), by, descending),
            icon=":material/table:",
            width="stretch",
        )
        view = data.catalog.view(only)
        paths = [row.path for row in data.catalog.rows(view.page(1, _COPIED, by, descending).tolist()).values()]
        st.caption("Paths" if n <= _COPIED else f"The first {_COPIED:,} paths of {n:,}")
        st.code("\n".join(paths) or "none", language=None, height=160)


def _show_only(only: Filter, key: str) -> None:
    filter_state.put(replace(filter_state.current(), selection=only.selection))
    clear_selection(key)
