"""Why a model answers as it does, computed once for all sessions."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.cache.late_imports import import_late
from dashboard.cache.maps import embedding_index
from dashboard.cache.memory import compute_once, stored_results
from dashboard.cache.models import checkpoint_identity, model
from engine.core.errors import UserError
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.evaluation import dynamics as stories
from engine.evaluation.robustness import store
from engine.inference.explain import examples as nearest
from engine.inference.explain.methods import DEFAULT
from engine.runs.run import Run

Report = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """Nobody is told."""


_BY_ID = {Run: lambda run: run.id, Dataset: lambda data: data.name}


def heatmaps(
    run: Run, content: str, square: np.ndarray, classes: tuple[int, ...], by: str = DEFAULT, report: Report = _silent
) -> np.ndarray:
    """`engine.inference.explain.cam.heatmaps`: (len(classes), size, size) in 0..1 on one scale. `content` names the picture."""

    def computed() -> np.ndarray:
        import_late("pytorch_grad_cam")
        return import_late("engine.inference.explain.cam").heatmaps(model(run), square, classes, by, report)

    return compute_once(_heatmaps_key(run, content, square, classes, by), computed)


def has_heatmaps(run: Run, content: str, square: np.ndarray, classes: tuple[int, ...], by: str = DEFAULT) -> bool:
    """Whether `heatmaps` would answer at once."""
    return _heatmaps_key(run, content, square, classes, by) in stored_results()


def _heatmaps_key(run: Run, content: str, square: np.ndarray, classes: tuple[int, ...], by: str) -> tuple:
    return "heatmaps", run.id, checkpoint_identity(run), content, square.shape, classes, by


def occlusion(run: Run, content: str, square: np.ndarray, fill: str, report: Report = _silent) -> "Occlusion":  # noqa: F821
    """`engine.inference.explain.occlusion.smallest` of a picture that `content` names."""

    def computed() -> "Occlusion":  # noqa: F821
        return import_late("engine.inference.explain.occlusion").smallest(model(run), square, fill, report)

    return compute_once(_occlusion_key(run, content, square, fill), computed)


def has_occlusion(run: Run, content: str, square: np.ndarray, fill: str) -> bool:
    """Whether `occlusion` would answer at once."""
    return _occlusion_key(run, content, square, fill) in stored_results()


def _occlusion_key(run: Run, content: str, square: np.ndarray, fill: str) -> tuple:
    return "occlusion", run.id, checkpoint_identity(run), content, square.shape, fill


def examples(run: Run, data: Dataset, row: Row, square: np.ndarray) -> nearest.Examples | None:
    """The training images nearest to an image, by the run's own embeddings, or else by the dataset's index; None without either.

    Raises UserError where the image came after the index.
    """
    known = _own(run, checkpoint_identity(run), data, data.catalog.generation())
    if known is not None:
        return nearest.by_run(model(run), data, known, square, row.hash)
    result = embedding_index(data)
    return nearest.by_dataset(data, result, row.id, row.hash) if result is not None else None


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs=_BY_ID)
def _own(run: Run, identity: str, data: Dataset, generation: str) -> nearest.Own | None:
    # Only a frozen network's embeddings are kept: those of a fine-tuned one would be looked for in vain, at the cost of a hash.
    return nearest.own(model(run), data) if run.config.method == "linear" else None


def dynamics(run: Run) -> stories.Dynamics | None:
    """What each validation image was taken for, epoch by epoch; None where the run keeps no such story."""
    file = run.path / "dynamics.bin"
    return _dynamics(run, file.stat().st_size, file.stat().st_mtime_ns) if file.exists() else None


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_BY_ID)
def _dynamics(run: Run, size: int, changed: int) -> stories.Dynamics | None:
    try:
        return stories.read(run.path)
    except UserError:
        return None


def dynamics_summary(run: Run) -> pd.DataFrame | None:
    """`engine.evaluation.dynamics.summary`; None where the run keeps no story."""
    file = run.path / "dynamics.bin"
    return _learnt(run, file.stat().st_size, file.stat().st_mtime_ns) if file.exists() else None


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs=_BY_ID)
def _learnt(run: Run, size: int, changed: int) -> pd.DataFrame | None:
    result = _dynamics(run, size, changed)
    return stories.summary(result) if result is not None else None


def corruption_predictions(run: Run, split: str) -> store.CorruptionPredictions | None:
    """The run's answers to damaged pictures, as far as they were measured; None where nothing was."""
    file = store.folder(run, split) / "answers.bin"
    return _damaged(run, split, file.stat().st_size, file.stat().st_mtime_ns) if file.exists() else None


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=_BY_ID)
def _damaged(run: Run, split: str, size: int, changed: int) -> store.CorruptionPredictions | None:
    return store.read(run, split)


def robustness_document(run: Run, split: str) -> dict:
    """`engine.evaluation.robustness.summary.document` of `damaged`, with its sentence."""
    file = store.folder(run, split) / "answers.bin"
    return _damage_document(run, split, file.stat().st_size, file.stat().st_mtime_ns)


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs=_BY_ID)
def _damage_document(run: Run, split: str, size: int, changed: int) -> dict:
    result, summary = _damaged(run, split, size, changed), import_late("engine.evaluation.robustness.summary")
    return summary.document(result) | {"sentence": summary.sentence(result)}
