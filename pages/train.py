"""Train: set the options, start a run, watch it."""

import streamlit as st

from dashboard.app.parameters import DATASET
from dashboard.components.page_header import page_header, require_dataset
from dashboard.components.run_actions import deletion_notice, more_buttons, more_panels, run_description
from dashboard.components.run_configuration import configuration_panel
from dashboard.train.form import options_form
from dashboard.train.live_run import run_panel
from dashboard.train.probes import learning_rate_finder
from dashboard.train.sections import choose_view, other_runs, start_row, train_title

context = page_header(train_title)
data = require_dataset(context)
deletion_notice()
view = choose_view(context)
if view == "run" and context.run is not None:
    run_panel(context.run)
    run_description(context.run)
    with st.container(horizontal=True, vertical_alignment="center"):
        if "test" in context.run.results:
            st.page_link("../../pages/evaluate.py", label="See where it goes wrong", icon=":material/target:")
        more_buttons(context.run)
    more_panels(context.run)
    configuration_panel(context.run)
    other_runs(context, context.run)
else:
    config, base = options_form(data, context)
    start_row(config)
    if config is not None:
        learning_rate_finder(config, base)
    other_runs(context, None)
DATASET.write(data.name)
