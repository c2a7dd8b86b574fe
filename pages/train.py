"""Train: choose how, start, watch."""

import streamlit as st

from dashboard import url
from dashboard.header import header, need_dataset
from dashboard.live import run_panel
from dashboard.train import options_form, queue_of, start_button

context = header("How should it learn?")
data = need_dataset(context)
configuration = options_form(data)
start_button(configuration)
if context.run is not None:
    st.subheader(context.run.id, anchor=False)
    run_panel(context.run)
    if "test" in context.run.results:
        st.page_link("../pages/evaluate.py", label="See where it errs", icon=":material/target:")
queue_of(context)
url.remember("dataset", data.name)
