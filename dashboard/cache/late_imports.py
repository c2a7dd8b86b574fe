"""Modules that import torch: loaded when first needed, by one thread at a time."""

import threading
import time

import streamlit as st

from dashboard.app.gc_freeze import spare_lasting_objects

_DELAY = 1.0  # seconds in which the browser paints the page before imports compete with it

# Hold it around every import that needs torch, inside the function that uses the module: `with IMPORT_LOCK: from ... import ...`.
# torchvision's modules import each other in a circle: two threads that enter it at different modules get half-initialised ones.
IMPORT_LOCK = threading.Lock()


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Load torch and Grad-CAM's package in a background thread, once, while the person looks at a page that will need them."""

    def load() -> None:
        time.sleep(_DELAY)
        with IMPORT_LOCK:
            import pytorch_grad_cam  # noqa: F401
        spare_lasting_objects()

    thread = threading.Thread(target=load, name="warm-up", daemon=True)
    thread.start()
    return thread
