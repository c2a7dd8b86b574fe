"""Augment: what will the network see?"""

import streamlit as st

from dashboard.augment.workspace import workspace
from dashboard.components.page_header import header, need_dataset

context = header("What will the network see?", usable=True)
data = need_dataset(context)
st.markdown(
    "Each pass over the data shows the network another variation of every picture. These come from the training pipeline itself."
)
workspace(data, context.run)
