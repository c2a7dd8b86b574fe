"""Evaluate: where does it go wrong?"""

import streamlit as st

from dashboard import cache
from dashboard.app.tabs import choose_tab
from dashboard.components.page_header import page_header, require_run
from dashboard.components.plotly_touch import use_native_touch
from dashboard.components.report_export import report_button
from dashboard.components.scored_run import choose_scored_run
from dashboard.evaluate.headline import headline
from dashboard.evaluate.tabs import TAB, TABS

context = page_header("Where does it go wrong?", needs_model=True, allow_gone=True)
scored = choose_scored_run(require_run(context))
cache.warm_up()
summary, report = st.columns([8, 1], vertical_alignment="center")
with summary:
    headline(scored)
with report:
    report_button(scored.run, scored.split)
if context.dataset is None:
    st.warning(
        "The dataset of this run is gone: its scores remain, but its images cannot be shown.", icon=":material/folder_off:"
    )
panel = choose_tab(TABS, TAB)
panel(scored)
use_native_touch()
