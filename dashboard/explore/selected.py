"""The menu for the selected images, or for all that match: show only these, copy the paths, export a table."""

from dataclasses import replace

import streamlit as st

from dashboard.app import filter_state
from dashboard.app.image_urls import export_url
from dashboard.app.widgets import popover
from dashboard.charts.dataset import image_count
from dashboard.components.gallery import GridSelection
from dashboard.explore.query import Order
from engine.data.datasets import Dataset
from engine.data.filters import Filter

_COPIED = 1_000  # paths that are shown to be copied; the CSV has all


def selection_menu(data: Dataset, conditions: Filter, order: Order, selection: GridSelection) -> None:
    """Draw a menu for the selection of the gallery, or for all images that match where nothing is selected."""
    ids = selection.read()
    label = f"{len(ids):,} selected" if ids else "Export"
    menu = popover(label, "selected", icon=":material/check_circle:" if ids else ":material/download:")
    if not menu.open:
        return
    with menu:
        if ids:
            only = Filter(selection=data.catalog.select(ids), state=conditions.state)
            st.button(
                "Show only these", icon=":material/filter_alt:", on_click=_show_only, args=(only, selection), width="stretch"
            )
            st.button("Select none", icon=":material/deselect:", on_click=selection.clear, width="stretch")
        else:
            only = conditions
        n = len(ids) or len(data.catalog.view(conditions))
        st.link_button(
            f"Download CSV of {image_count(n)}", export_url(data.name, only.to_text(), order.name, order.descending), icon=":material/table:",
            width="stretch",
        )  # fmt: skip
        view = data.catalog.view(only)
        paths = [row.path for row in data.catalog.rows(view.page(1, _COPIED, order.name, order.descending).tolist()).values()]
        st.caption("Paths" if n <= _COPIED else f"The first {_COPIED:,} paths of {n:,}")
        st.code("\n".join(paths) or "none", language=None, height=160)


def _show_only(only: Filter, selection: GridSelection) -> None:
    filter_state.put(replace(filter_state.current(), selection=only.selection))
    selection.clear()
