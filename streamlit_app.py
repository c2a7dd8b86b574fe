"""The server: `streamlit run` finds this file."""

from pathlib import Path

import streamlit as st

from dashboard.failure import show
from dashboard.server import ROUTES, lifespan

app = st.App(Path(__file__).parent / "dashboard" / "main.py", routes=ROUTES, lifespan=lifespan, on_script_error=show)
