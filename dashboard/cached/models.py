"""Models and their answers, loaded and computed once for all sessions."""

import streamlit as st

from dashboard.cached.loading import heavy
from engine.runs import Run


def model(run: Run) -> "Model":  # noqa: F821
    """The run's model, loaded once for all sessions; the least recently used goes. Raises UserError."""
    return _model(run, checkpoint_identity(run))


@st.cache_resource(max_entries=2, show_spinner="Loading the model", hash_funcs={Run: lambda run: run.id})
def _model(run: Run, identity: str) -> "Model":  # noqa: F821
    heavy("torchvision")  # which the model's builder imports in its own time
    return heavy("engine.model").load(run.path)


def checkpoint_identity(run: Run) -> str:
    return heavy("engine.training.checkpoint").identity(run.path)


def answers(run: Run, contents: tuple[bytes, ...], top: int = 3) -> list:
    """`engine.predict.predict` of the contents of files. Raises UserError."""
    return _answers(run, checkpoint_identity(run), contents, top)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _answers(run: Run, identity: str, contents: tuple[bytes, ...], top: int) -> list:
    return heavy("engine.predict").predict(model(run), contents, top)
