"""Runs: what was trained, and with what result."""

import streamlit as st

from dashboard import cache
from dashboard.components.page_header import page_header, require_dataset, require_run
from dashboard.components.plotly_touch import use_native_touch
from dashboard.components.run_actions import deletion_notice, run_description
from dashboard.runs.comparison import compare_selected, compare_with
from dashboard.runs.filter import filtered_runs
from dashboard.runs.table import compare_runs, configuration_columns, run_actions, table_of_runs, trash_panel

context = page_header("What was trained?")
require_dataset(context)
deletion_notice()
if context.run is None:
    trash_panel()
run = require_run(context)
selected = table_of_runs(filtered_runs(context), cache.ranking(tuple(context.runs)))
if len(selected) > 1:
    st.subheader(f"{len(selected)} runs", anchor=False)
    compare_selected(selected, run)
    compare_runs(selected)
else:
    st.subheader(run.id, anchor=False)
    run_description(run)
    run_actions(run)
    compare_with(run, context.runs)
    configuration_columns(run)
trash_panel()
use_native_touch()
