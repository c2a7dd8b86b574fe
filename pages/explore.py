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
from dashboard.explore.tabs import QUESTIONS

data = require_dataset(context := page_header("What is in the data?"))
wanted = filter_state.load_for_dataset(data, context.run)
query = Query(data, wanted, narrow_to_selection(data, wanted), context.run, cache.colours(data))
filter_bar(data, cache.classes(data), wanted, context.run)
filter_summary(query)
analysis_state(data)
panel = choose_tab(QUESTIONS, "question")
answer, pictures = st.columns([5, 7], gap="large")
with answer:
    panel(query)
with pictures:
    images_panel(query)
use_native_touch()
