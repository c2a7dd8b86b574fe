"""Explore: what is in the data?"""

import streamlit as st

from dashboard import cache
from dashboard.app import filter_state
from dashboard.app.tabs import choose_tab
from dashboard.components.embedding_map import narrow_to_selection
from dashboard.components.page_header import page_header, require_dataset
from dashboard.components.plotly_touch import use_native_touch
from dashboard.explore.analysis import analysis_state
from dashboard.explore.filter_bar import filter_bar
from dashboard.explore.gallery import images_panel
from dashboard.explore.query import Query
from dashboard.explore.states import filter_summary
from dashboard.explore.tabs import TAB, TABS

context = page_header("What is in the data?")
data = require_dataset(context)
bar_conditions = filter_state.load_for_dataset(data, context.run)
query = Query(
    data=data,
    bar_conditions=bar_conditions,
    conditions=narrow_to_selection(data, bar_conditions),
    run=context.run,
    colours=cache.colours(data),
)
filter_bar(data, cache.classes(data), bar_conditions, context.run)
filter_summary(query)
analysis_state(data)
panel = choose_tab(TABS, TAB)
left, right = st.columns([5, 7], gap="large")
with left:
    panel(query)
with right:
    images_panel(query)
use_native_touch()
