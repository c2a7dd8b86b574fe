"""The server: `streamlit run` finds this file."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard.failure import show
from dashboard.request_guard import RequestGuard
from dashboard.server import ROUTES, lifespan

app = st.App(
    Path(__file__).parent / "dashboard" / "main.py",
    routes=ROUTES, middleware=[Middleware(RequestGuard)], lifespan=lifespan, on_script_error=show,
)  # fmt: skip
