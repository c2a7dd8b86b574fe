"""Explanations of predictions, training dynamics and robustness, computed once for all sessions."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.cache.keys import HASH_FUNCS, size_and_time
from dashboard.cache.late_imports import IMPORT_LOCK
from dashboard.cache.maps import embedding_index
from dashboard.cache.memory import compute_once, stored_results
from dashboard.cache.models import checkpoint_identity, model
from engine.core.errors import UserError
from engine.core.progress import ReportProgress, ignore_progress
from engine.data.catalog import Row
from engine.data.datasets import Dataset
from engine.evaluation import dynamics as training_dynamics
from engine.evaluation.robustness import store, summary
from engine.inference.explain import examples as nearest_examples
from engine.inference.explain.methods import DEFAULT
from engine.runs.run import Run

if TYPE_CHECKING:
    from engine.inference.explain.occlusion import Occlusion


def heatmaps(
    run: Run,
    content: str,
    square: np.ndarray,
    classes: tuple[int, ...],
    method: str = DEFAULT,
    report: ReportProgress = ignore_progress,
) -> np.ndarray:
    """`engine.inference.explain.cam.heatmaps`: (len(classes), size, size) in 0..1 on one scale. `content` is the image's hash."""

    def compute() -> np.ndarray:
        with IMPORT_LOCK:
            import pytorch_grad_cam  # noqa: F401 (before cam imports it outside of the lock)

            from engine.inference.explain import cam
        return cam.heatmaps(model(run), square, classes, method, report)

    return compute_once(_heatmaps_key(run, content, square, classes, method), compute)


def has_heatmaps(run: Run, content: str, square: np.ndarray, classes: tuple[int, ...], method: str = DEFAULT) -> bool:
    """Whether `heatmaps` has them already."""
    return _heatmaps_key(run, content, square, classes, method) in stored_results()


def _heatmaps_key(run: Run, content: str, square: np.ndarray, classes: tuple[int, ...], method: str) -> tuple:
    return "heatmaps", str(run.path), checkpoint_identity(run), content, square.shape, classes, method


def occlusion(run: Run, content: str, square: np.ndarray, fill: str, report: ReportProgress = ignore_progress) -> "Occlusion":
    """`engine.inference.explain.occlusion.smallest_occlusion` of an image; `content` is its hash."""

    def compute() -> "Occlusion":
        with IMPORT_LOCK:
            from engine.inference.explain.occlusion import smallest_occlusion
        return smallest_occlusion(model(run), square, fill, report)

    return compute_once(_occlusion_key(run, content, square, fill), compute)


def has_occlusion(run: Run, content: str, square: np.ndarray, fill: str) -> bool:
    """Whether `occlusion` has it already."""
    return _occlusion_key(run, content, square, fill) in stored_results()


def _occlusion_key(run: Run, content: str, square: np.ndarray, fill: str) -> tuple:
    return "occlusion", str(run.path), checkpoint_identity(run), content, square.shape, fill


def examples(run: Run, data: Dataset, row: Row, square: np.ndarray) -> nearest_examples.Examples | None:
    """The training images nearest to an image, by the run's own embeddings, or else by the dataset's index; None without either.

    Raises UserError where the image came after the index.
    """
    content = row.hash or ""  # an image that is shown has been read, and has a hash
    embeddings = _own_embeddings(run, checkpoint_identity(run), data, data.catalog.generation())
    if embeddings is not None:
        return nearest_examples.nearest_by_run(model(run), data, embeddings, square, content)
    index = embedding_index(data)
    return nearest_examples.nearest_by_dataset(data, index, row.id, content) if index is not None else None


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs=HASH_FUNCS)
def _own_embeddings(run: Run, identity: str, data: Dataset, generation: str) -> nearest_examples.RunEmbeddings | None:
    # Only the embeddings of a frozen network are stored. To look for those of a fine-tuned one would cost a hash of its weights, in vain.
    return nearest_examples.load_run_embeddings(model(run), data) if run.config.method == "linear" else None


def dynamics(run: Run) -> training_dynamics.Dynamics | None:
    """The prediction per validation image and epoch; None where the run has not recorded them."""
    stamp = size_and_time(run.path / "dynamics.bin")
    return _dynamics(run, stamp) if stamp is not None else None


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=HASH_FUNCS)
def _dynamics(run: Run, stamp: tuple[int, int]) -> training_dynamics.Dynamics | None:
    try:
        return training_dynamics.read(run.path)
    except UserError:
        return None


def dynamics_summary(run: Run) -> pd.DataFrame | None:
    """`engine.evaluation.dynamics.summary`; None where the run has not recorded its dynamics."""
    stamp = size_and_time(run.path / "dynamics.bin")
    return _dynamics_summary(run, stamp) if stamp is not None else None


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs=HASH_FUNCS)
def _dynamics_summary(run: Run, stamp: tuple[int, int]) -> pd.DataFrame | None:
    recorded = _dynamics(run, stamp)
    return training_dynamics.summary(recorded) if recorded is not None else None


def corruption_predictions(run: Run, split: str) -> store.CorruptionPredictions | None:
    """The run's predictions for corrupted images, as far as they were measured; None where none were."""
    stamp = size_and_time(store.folder(run, split) / "answers.bin")
    return _corruption_predictions(run, split, stamp) if stamp is not None else None


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _corruption_predictions(run: Run, split: str, stamp: tuple[int, int]) -> store.CorruptionPredictions | None:
    return store.read(run, split)


def robustness_document(run: Run, split: str) -> dict[str, Any]:
    """`engine.evaluation.robustness.summary.document` of `corruption_predictions`, with its sentence. Raises UserError without any."""
    return _robustness_document(run, split, size_and_time(store.folder(run, split) / "answers.bin") or (0, 0))


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _robustness_document(run: Run, split: str, stamp: tuple[int, int]) -> dict[str, Any]:
    predictions = _corruption_predictions(run, split, stamp)
    if predictions is None:
        raise UserError(f"The robustness of {run.id} on {split} has not been measured.")
    return summary.document(predictions) | {"sentence": summary.sentence(predictions)}
