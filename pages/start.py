"""Start: the datasets, the latest runs, and the next step."""

import streamlit as st

from dashboard.components.page_header import page_header
from dashboard.components.pending_datasets import pending_datasets, welcome_added_datasets
from dashboard.start.sections import add_form, dataset_cards, next_step, recent_runs

welcome_added_datasets()
context = page_header("From photos to a model you can trust")
next_step(context)
st.subheader("Datasets", anchor=False)
dataset_cards()
pending_datasets()  # above the form that starts them
add_form()
st.subheader("Latest runs", anchor=False)
recent_runs()
