"""Runs: what was trained, and how it came out."""

import streamlit as st

from dashboard import cache
from dashboard.components.page_header import header, need_dataset, need_run
from dashboard.components.plotly_touch import native_touch
from dashboard.components.run_actions import deletion_notice, said_about
from dashboard.runs.comparison import compare_two_of, compare_with
from dashboard.runs.filter import filtered_runs
from dashboard.runs.table import compare_runs, configuration_of, run_actions, table_of_runs, trash_panel

context = header("What was trained?")
need_dataset(context)
deletion_notice()
if context.run is None:
    trash_panel()
run = need_run(context)
selected = table_of_runs(filtered_runs(context), cache.ranking(context.runs))
if len(selected) > 1:
    st.subheader(f"{len(selected)} runs", anchor=False)
    compare_two_of(selected, run)
    compare_runs(selected)
else:
    st.subheader(run.id, anchor=False)
    said_about(run)
    run_actions(run)
    compare_with(run, context.runs)
    configuration_of(run)
trash_panel()
native_touch()
