"""When nothing matches: which condition to drop, and what that would leave."""

import streamlit as st

from dashboard.app import filter_state, formatting
from dashboard.charts.dataset import image_count
from dashboard.components.map import within
from dashboard.explore.query import Asked

_OFFERED = 4


def nothing_matches(asked: Asked) -> None:
    """Say so, and offer to drop each condition whose absence would leave images, the most images first."""
    data, chips = asked.data, filter_state.chips(asked.wanted)
    left = sorted(((data.catalog.count(within(data, chip.without)), chip) for chip in chips), key=lambda pair: -pair[0])
    helpful = [(n, chip) for n, chip in left if n][:_OFFERED]
    with st.container(border=True, key="nothing-matches"):
        said = "No images match all filters." if len(chips) > 1 else "No images match this filter."
        if not chips:
            said = "There are no images here."
        st.markdown(said if helpful or not chips else f"{said} Removing one of them is not enough.")
        for place, (n, chip) in enumerate(helpful):
            st.button(
                f"Remove “{formatting.literal(chip.label)}”: {image_count(n)}", key=f"drop-{place}", on_click=filter_state.put,
                args=(chip.without,), icon=":material/filter_alt_off:",
            )  # fmt: skip
        if chips and not helpful:
            st.button("Clear all filters", on_click=filter_state.clear, key="drop-all")
