"""Explore: what is in the data?"""

import streamlit as st

from dashboard import cache
from dashboard.app import filter_state
from dashboard.app.tabs import choose_tab
from dashboard.components.map import within
from dashboard.components.page_header import header, need_dataset
from dashboard.components.plotly_touch import native_touch
from dashboard.explore.analysis import analysis_state
from dashboard.explore.filter_bar import filter_bar
from dashboard.explore.gallery import browser
from dashboard.explore.query import Asked
from dashboard.explore.states import facts_or_chips
from dashboard.explore.tabs import QUESTIONS

data = need_dataset(context := header("What is in the data?"))
wanted = filter_state.load_for_dataset(data, context.run)
asked = Asked(data, wanted, within(data, wanted), context.run, cache.colours(data))
filter_bar(data, cache.classes(data), wanted, context.run)
facts_or_chips(asked)
analysis_state(data)
panel = choose_tab(QUESTIONS, "question")
answer, pictures = st.columns([5, 7], gap="large")
with answer:
    panel(asked)
with pictures:
    browser(asked)
native_touch()
