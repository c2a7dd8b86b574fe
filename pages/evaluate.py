"""Evaluate: where does it err?"""

import streamlit as st

from dashboard import cached
from dashboard.evaluate.headline import headline
from dashboard.evaluate.questions import QUESTIONS
from dashboard.evaluate.scored import scored
from dashboard.header import header, need_run
from dashboard.questions import choose_question
from dashboard.report import report_button
from dashboard.touch import native_touch

context = header("Where does it err?", usable=True, gone=True)
answers = scored(need_run(context))
cached.warm_up()
said, report = st.columns([8, 1], vertical_alignment="center")
with said:
    headline(answers)
with report:
    report_button(answers.run, answers.split)
if context.dataset is None:
    st.warning("The dataset of this run is gone: its scores stand, its pictures cannot be shown.", icon=":material/folder_off:")
choose_question(QUESTIONS, "ask")(answers)
native_touch()
