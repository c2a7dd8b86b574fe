"""Predict: what is in this picture?"""

import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.error_page import end_page
from dashboard.components.page_header import header, need_run
from dashboard.predict.cards import FEW, few
from dashboard.predict.controls import controls
from dashboard.predict.corrections import corrections
from dashboard.predict.detail import forget_detail
from dashboard.predict.ood_status import prepared, preparing, unprepared
from dashboard.predict.table import many
from dashboard.predict.uploads import about, chosen, examples, ways_in
from engine.core.errors import UserError

forget_detail()
context = header("What is in this picture?", usable=True)
run = need_run(context)
cache.warm_up_model(run)
batch = chosen()
ways_in(batch is not None)
if batch is None:
    examples(context.dataset)
    corrections(context.dataset)
    end_page()
view = controls(run, context.runs, in_grid=len(batch.pictures) > FEW)
about(batch)
settled = sum(not prepared(one) for one in view.runs) == 0  # each is asked: the first one starts its process
try:
    if len(batch.pictures) > FEW:
        many(batch, view)
    else:
        few(batch, view, settled)
except UserError as error:
    st.error(formatting.literal(str(error)), icon=":material/error:")
for one in view.runs:
    if settled:
        unprepared(one)
    else:
        preparing(one)
corrections(context.dataset)
