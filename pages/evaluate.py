"""Evaluate: where does it err?"""

import streamlit as st

from dashboard import cached, charts
from dashboard.evaluate import choose_cell, choose_split, errors_gallery, matrix_panel, pair_pills, scores_of, verdict
from dashboard.header import header, need_run
from dashboard.palette import class_colours
from dashboard.touch import native_touch

context = header("Where does it err?", usable=True)
run = need_run(context)
split = choose_split(run)
cached.warm_up()
document = scores_of(run, split)
verdict(document, split)
colours = class_colours(run.classes)
pair_pills(document)
left, right = st.columns([5, 7], gap="large")
with left:
    cell = choose_cell(run.classes)
    matrix_panel(document, cell)
with right:
    errors_gallery(run, cached.predictions(run, split), cell, colours)
st.subheader("Class by class", anchor=False)
st.plotly_chart(charts.score_bars(cached.per_class(run, split), colours), config=charts.CONFIG, key="class-scores")
native_touch()
