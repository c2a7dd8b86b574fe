"""A part of a page that is drawn again at intervals, while what it shows changes by itself."""

from collections.abc import Callable

import streamlit as st

SECOND = 1.0


def poll(draw: Callable[[], None], is_outdated: Callable[[], bool] = lambda: False, interval: float | None = SECOND) -> None:
    """Draw a part of the page, and again every `interval` seconds (None: only once).

    The whole page is drawn instead as soon as `is_outdated`: what stands outside of the part has changed, or there is nothing left to watch.
    """

    @st.fragment(run_every=interval)
    def part() -> None:
        if is_outdated():
            st.rerun()
        draw()

    part()
