"""Predict: what is in this image?"""

import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.error_page import end_page
from dashboard.components.page_header import page_header, require_dataset, require_run
from dashboard.predict.batch_results import batch_results
from dashboard.predict.cards import MAX_CARDS, prediction_cards
from dashboard.predict.controls import controls
from dashboard.predict.corrections import corrections
from dashboard.predict.detail import forget_detail
from dashboard.predict.ood_status import detector_problem, detector_progress, is_detector_ready
from dashboard.predict.uploads import batch_title, current_batch, example_images, upload_panel
from engine.core.errors import UserError

forget_detail()
context = page_header("What is in this image?", needs_model=True)
data = require_dataset(context)
run = require_run(context)
cache.warm_up_model(run)
batch = current_batch()
upload_panel(batch is not None)
if batch is None:
    example_images(data)
    corrections(data)
    end_page()
view = controls(run, context.runs, in_grid=len(batch.images) > MAX_CARDS)
batch_title(batch)
ready = [is_detector_ready(run) for run in view.runs]  # not inside all(): each call starts the detector of a run that has none
settled = all(ready)
try:
    if len(batch.images) > MAX_CARDS:
        batch_results(batch, view)
    else:
        prediction_cards(batch, view, settled)
except UserError as error:
    st.error(formatting.literal(str(error)), icon=":material/error:")
for run in view.runs:
    if settled:
        detector_problem(run)
    else:
        detector_progress(run)
corrections(data)
