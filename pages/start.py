"""Start: what is here, and the next step."""

import streamlit as st

from dashboard.header import header
from dashboard.start import add_form, dataset_cards, next_step, pending_datasets, recent_runs

context = header("From photos to a model you can trust")
next_step(context)
st.subheader("Datasets", anchor=False)
pending_datasets()
dataset_cards()
add_form()
st.subheader("Last runs", anchor=False)
recent_runs()
