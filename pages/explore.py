"""Explore: what is in the data?"""

import streamlit as st

from dashboard import cached
from dashboard.explore import conditions
from dashboard.explore.analysis import analysis_state
from dashboard.explore.asked import Asked
from dashboard.explore.bar import filter_bar
from dashboard.explore.browser import browser
from dashboard.explore.questions import QUESTIONS
from dashboard.explore.states import facts_or_chips
from dashboard.header import header, need_dataset
from dashboard.map import within
from dashboard.questions import choose_question
from dashboard.touch import native_touch

data = need_dataset(context := header("What is in the data?"))
wanted = conditions.known_to(data, context.run)
asked = Asked(data, wanted, within(data, wanted), context.run, cached.colours(data))
filter_bar(data, cached.classes(data), wanted, context.run)
facts_or_chips(asked)
analysis_state(data)
panel = choose_question(QUESTIONS, "question")
answer, pictures = st.columns([5, 7], gap="large")
with answer:
    panel(asked)
with pictures:
    browser(asked)
native_touch()
