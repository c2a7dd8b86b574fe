"""Models and their predictions, loaded and computed once for all sessions."""

import threading
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.cache.keys import HASH_FUNCS
from dashboard.cache.late_imports import IMPORT_LOCK, warm_up
from engine.core.errors import UserError
from engine.inference import predict
from engine.runs.run import Run

if TYPE_CHECKING:
    from engine.models.model import Model


def model(run: Run) -> "Model":
    """The run's model, loaded once for all sessions; the least recently used one is dropped. Raises UserError."""
    return _model(run, checkpoint_identity(run))


@st.cache_resource(max_entries=2, show_spinner="Loading the model", hash_funcs=HASH_FUNCS)
def _model(run: Run, identity: str) -> "Model":
    with IMPORT_LOCK:
        import torchvision  # noqa: F401 (before the model's builder imports it outside of the lock)

        from engine.models.model import load_model
    return load_model(run.path)


def checkpoint_identity(run: Run) -> str:
    """Names the content of the run's best checkpoint; another save is another key."""
    with IMPORT_LOCK:
        from engine.runs.checkpoint import identity
    return identity(run.path)


def warm_up_model(run: Run) -> None:
    """Load the run's model in a background thread and let it predict once, while the person chooses an image."""
    _warm_up_model(run, run.checkpoint)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _warm_up_model(run: Run, identity: str) -> threading.Thread:
    def load() -> None:
        warm_up().join()
        try:
            loaded = model(run)
        except UserError:  # the page reports it when it needs the model
            return
        size = loaded.meta.image_size
        loaded.probabilities(np.zeros((1, size, size, 3), np.uint8))

    thread = threading.Thread(target=load, name=f"warm-{run.id}", daemon=True)
    thread.start()
    return thread


def predict_images(run: Run, contents: tuple[bytes, ...], top: int = 3) -> list[predict.Prediction]:
    """`engine.inference.predict.predict` of files' contents. Raises UserError."""
    return _predict_images(run, checkpoint_identity(run), contents, top)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def _predict_images(run: Run, identity: str, contents: tuple[bytes, ...], top: int) -> list[predict.Prediction]:
    return predict.predict(model(run), contents, top)
