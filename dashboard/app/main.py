"""Page configuration and navigation."""

from contextlib import suppress
from pathlib import Path

import streamlit as st

from dashboard.app import browser_history
from dashboard.app.activity import activity_button
from dashboard.app.error_page import EndOfPage
from dashboard.app.lost_home import stop_where_lost
from dashboard.app.scroll import mount_scroller
from dashboard.app.tab_focus import keep_tab_focus

# A file of our own: the browser would request a Material icon from fonts.gstatic.com at every rerun.
_ICON = Path(__file__).parent / "icon.svg"

st.set_page_config(page_title="Scenescope", page_icon=str(_ICON), layout="wide")

pages = [
    st.Page("../../pages/start.py", title="Start", icon=":material/flag:", default=True),
    st.Page("../../pages/explore.py", title="Explore", icon=":material/grid_view:"),
    st.Page("../../pages/augment.py", title="Augment", icon=":material/auto_fix_high:"),
    st.Page("../../pages/train.py", title="Train", icon=":material/model_training:"),
    st.Page("../../pages/runs.py", title="Runs", icon=":material/list_alt:"),
    st.Page("../../pages/evaluate.py", title="Evaluate", icon=":material/target:"),
    st.Page("../../pages/clean.py", title="Clean", icon=":material/cleaning_services:"),
    st.Page("../../pages/predict.py", title="Predict", icon=":material/image_search:"),
]
page = st.navigation(pages, position="top")
browser_history.follow(page, pages)
# The foot is drawn at the end of the page but mounted first, so that it listens while a slow page is computed or where a page ends early.
body, foot = st.container(), st.container(gap=None)
with foot:
    browser_history.listen()
    activity_button()
try:
    with body, suppress(EndOfPage):
        stop_where_lost()
        page.run()
finally:
    with foot:
        browser_history.write_address("end")
        mount_scroller()
        keep_tab_focus()
