"""Page configuration and navigation."""

import streamlit as st

st.set_page_config(page_title="Scenescope", page_icon=":material/landscape:", layout="wide")

st.navigation(
    [
        st.Page("../pages/start.py", title="Start", icon=":material/flag:", default=True),
        st.Page("../pages/explore.py", title="Explore", icon=":material/grid_view:"),
        st.Page("../pages/augment.py", title="Augment", icon=":material/auto_fix_high:"),
        st.Page("../pages/train.py", title="Train", icon=":material/model_training:"),
        st.Page("../pages/runs.py", title="Runs", icon=":material/list_alt:"),
        st.Page("../pages/evaluate.py", title="Evaluate", icon=":material/target:"),
        st.Page("../pages/predict.py", title="Predict", icon=":material/image_search:"),
    ],
    position="top",
).run()
