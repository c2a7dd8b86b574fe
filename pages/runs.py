"""Runs: what was trained, and how it came out."""

import streamlit as st

from dashboard.header import header, need_run
from dashboard.runs import configuration_of, run_actions, table_of_runs

context = header("What was trained?")
run = need_run(context)
table_of_runs(context)
st.subheader(run.id, anchor=False)
run_actions(run)
configuration_of(run)
