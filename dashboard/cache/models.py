"""Models and their answers, loaded and computed once for all sessions."""

import threading

import numpy as np
import streamlit as st

from dashboard.cache.late_imports import import_late, warm_up
from engine.core.errors import UserError
from engine.runs.run import Run


def model(run: Run) -> "Model":  # noqa: F821
    """The run's model, loaded once for all sessions; the least recently used goes. Raises UserError."""
    return _model(run, checkpoint_identity(run))


@st.cache_resource(max_entries=2, show_spinner="Loading the model", hash_funcs={Run: lambda run: run.id})
def _model(run: Run, identity: str) -> "Model":  # noqa: F821
    import_late("torchvision")  # which the model's builder imports in its own time
    return import_late("engine.models.model").load(run.path)


def checkpoint_identity(run: Run) -> str:
    return import_late("engine.runs.checkpoint").identity(run.path)


def warm_up_model(run: Run) -> None:
    """Load the run's model in the background, and have it answer once, while the person chooses a picture."""
    _warm(run, run.checkpoint)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _warm(run: Run, identity: str) -> threading.Thread:
    def load() -> None:
        warm_up().join()
        try:
            loaded = model(run)
        except UserError:  # the page says so itself
            return
        size = loaded.meta.image_size
        loaded.probabilities(np.zeros((1, size, size, 3), np.uint8))

    thread = threading.Thread(target=load, name=f"warm-{run.id}", daemon=True)
    thread.start()
    return thread


def predict_images(run: Run, contents: tuple[bytes, ...], top: int = 3) -> list:
    """`engine.inference.predict.predict` of the contents of files. Raises UserError."""
    return _answers(run, checkpoint_identity(run), contents, top)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _answers(run: Run, identity: str, contents: tuple[bytes, ...], top: int) -> list:
    return import_late("engine.inference.predict").predict(model(run), contents, top)
