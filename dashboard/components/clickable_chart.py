"""A chart whose points can be clicked."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.charts.figure import CONFIG

TALL = 560  # pixels; a taller chart scrolls in its place, where it may


def clickable_chart(figure: go.Figure, key: str, on_select: Callable[[list], None] | None = None, scrolls: bool = True) -> None:
    """Draw a figure; `on_select` gets the `customdata` of the point that is clicked, before the page is drawn anew."""

    def handle_click() -> None:
        points = st.session_state[key].selection.points
        if points and on_select is not None:
            on_select(points[0]["customdata"])

    layout: Any = figure.layout  # plotly publishes no types
    with st.container(height=TALL if scrolls and layout.height > TALL else "content", border=False):
        st.plotly_chart(
            figure, config=CONFIG, key=key, on_select=handle_click if on_select else "ignore", selection_mode="points"
        )
