"""Predict: what is in this picture?"""

import streamlit as st

from dashboard import cached, words
from dashboard.header import header, need_run
from dashboard.predict import answer_cards, cam_controls, pictures
from engine.errors import UserError

context = header("What is in this picture?", usable=True)
run = need_run(context)
cached.warm_up()
chosen = pictures(context.dataset, run)
if not chosen:
    st.stop()
view = cam_controls(run)
try:
    with st.spinner("Looking", show_time=True):
        answers = cached.answers(run, tuple(picture.content for picture in chosen))
except UserError as error:
    st.error(words.literal(str(error)), icon=":material/error:")
    st.stop()
answer_cards(run, chosen, answers, view)
