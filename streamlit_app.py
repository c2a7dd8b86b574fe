"""The server: `streamlit run` finds this file."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard.app.error_page import show_error
from dashboard.http.request_guard import RequestGuard
from dashboard.http.routes import ROUTES, lifespan

app = st.App(
    Path(__file__).parent / "dashboard" / "app" / "main.py",
    routes=ROUTES, middleware=[Middleware(RequestGuard)], lifespan=lifespan, on_script_error=show_error,
)  # fmt: skip
