"""Modules that import torch: loaded when first needed, once, and by one thread at a time."""

import importlib
import threading
import time
from types import ModuleType

import streamlit as st

from dashboard.app.gc_freeze import spare_lasting_objects

_DELAY = 1.0  # seconds in which the browser paints the page before imports compete with it
_IMPORT_LOCK = threading.Lock()


def import_late(module: str) -> ModuleType:
    """Import a module that needs torch, one thread at a time, and return it.

    torchvision's modules import each other in a circle: two threads that enter it at different modules would get half-initialised ones.
    """
    with _IMPORT_LOCK:
        return importlib.import_module(module)


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Load torch and Grad-CAM's package in a background thread, once, while the person looks at a page that will need them."""

    def load() -> None:
        time.sleep(_DELAY)
        import_late("engine.models.model")
        import_late("pytorch_grad_cam")
        spare_lasting_objects()

    thread = threading.Thread(target=load, name="warm-up", daemon=True)
    thread.start()
    return thread
