"""What to do when nothing matches: which condition to remove, and how many images that would show."""

import streamlit as st

from dashboard.app import filter_state, formatting
from dashboard.charts.dataset import image_count
from dashboard.components.embedding_map import narrow_to_selection
from dashboard.explore.query import Query

_OFFERED = 4


def nothing_matches(query: Query) -> None:
    """Say so, and offer to remove each condition without which some images match, the most images first."""
    data, chips = query.data, filter_state.chips(query.bar_conditions)
    counts = sorted(
        ((data.catalog.count(narrow_to_selection(data, chip.remove(query.bar_conditions))), chip) for chip in chips),
        key=lambda pair: -pair[0],
    )
    helpful = [(n, chip) for n, chip in counts if n][:_OFFERED]
    with st.container(border=True, key="nothing-matches"):
        text = "No images match all filters." if len(chips) > 1 else "No images match this filter."
        if not chips:
            text = "There are no images here."
        elif not helpful:
            text += " Removing a single one does not help." if len(chips) > 1 else " Removing it does not help."
        st.markdown(text)
        for n, chip in helpful:
            st.button(
                f"Remove “{formatting.literal(chip.label)}”: {image_count(n)}", key=f"drop-{chip.key}", on_click=filter_state.drop,
                args=(chip,), icon=":material/filter_alt_off:",
            )  # fmt: skip
        if chips and not helpful:
            st.button("Clear all filters", on_click=filter_state.clear, key="drop-all")
