"""Augment: what will the network see?"""

import streamlit as st

from dashboard.augment.workspace import workspace
from dashboard.components.page_header import page_header, require_dataset

context = page_header("What will the network see?", needs_model=True)
data = require_dataset(context)
st.markdown(
    "In each epoch the network sees another variation of every image. The samples here come from the training pipeline itself."
)
workspace(data, context.run)
