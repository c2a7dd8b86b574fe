"""Modules that bring torch: imported late, once, and by one thread at a time."""

import importlib
import threading
import time
from types import ModuleType

import streamlit as st

from dashboard.app.gc_freeze import spare_lasting_objects

_BREATH = 1.0  # seconds in which a page is painted before imports compete with it
_IMPORTING = threading.Lock()


def import_late(module: str) -> ModuleType:
    """A module that brings torch, imported when it is first needed and by one thread at a time.

    torchvision's modules import each other in a circle: two threads that come in at different places meet half-made ones.
    """
    with _IMPORTING:
        return importlib.import_module(module)


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Load torch and Grad-CAM's package in the background, once, while the person looks at a page that will need them."""

    def load() -> None:
        time.sleep(_BREATH)
        import_late("engine.models.model")
        import_late("pytorch_grad_cam")
        spare_lasting_objects()

    thread = threading.Thread(target=load, name="warm-up", daemon=True)
    thread.start()
    return thread
