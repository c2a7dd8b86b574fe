"""Explanations of predictions, training dynamics and robustness, computed once for all sessions."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dashboard.cache.cached import cached
from dashboard.cache.late_imports import IMPORT_LOCK
from dashboard.cache.maps import embedding_index
from dashboard.cache.models import model
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


@cached(checkpoint=True, shared=True)
def heatmaps(
    run: Run,
    content: str,
    _square: np.ndarray,
    classes: tuple[int, ...],
    method: str = DEFAULT,
    _report: ReportProgress = ignore_progress,
) -> np.ndarray:
    """`engine.inference.explain.cam.heatmaps`: (len(classes), size, size) in 0..1 on one scale. `content` is the image's hash."""
    with IMPORT_LOCK:
        import pytorch_grad_cam  # noqa: F401 (before cam imports it outside of the lock)

        from engine.inference.explain import cam
    return cam.heatmaps(model(run), _square, classes, method, _report)


@cached(checkpoint=True, shared=True)
def occlusion(run: Run, content: str, _square: np.ndarray, fill: str, _report: ReportProgress = ignore_progress) -> "Occlusion":
    """`engine.inference.explain.occlusion.smallest_occlusion` of an image; `content` is its hash."""
    with IMPORT_LOCK:
        from engine.inference.explain.occlusion import smallest_occlusion
    return smallest_occlusion(model(run), _square, fill, _report)


has_heatmaps, has_occlusion = heatmaps.has, occlusion.has


def examples(run: Run, data: Dataset, row: Row, square: np.ndarray) -> nearest_examples.Examples | None:
    """The training images nearest to an image, by the run's own embeddings, or else by the dataset's index; None without either.

    Raises UserError where the image came after the index.
    """
    content = row.hash or ""  # an image that is shown has been read, and has a hash
    embeddings = _own_embeddings(run, data)
    if embeddings is not None:
        return nearest_examples.nearest_by_run(model(run), data, embeddings, square, content)
    index = embedding_index(data)
    return nearest_examples.nearest_by_dataset(data, index, row.id, content) if index is not None else None


@cached(checkpoint=True, shared=True)
def _own_embeddings(run: Run, data: Dataset) -> nearest_examples.RunEmbeddings | None:
    # Only the embeddings of a frozen network are stored. To look for those of a fine-tuned one would cost a hash of its weights, in vain.
    return nearest_examples.load_run_embeddings(model(run), data) if run.config.method == "linear" else None


@cached(files=("dynamics.bin",), shared=True)
def dynamics(run: Run) -> training_dynamics.Dynamics | None:
    """The prediction per validation image and epoch; None where the run has not recorded them."""
    try:
        return training_dynamics.read(run.path)
    except UserError:
        return None


@cached(files=("dynamics.bin",))
def dynamics_summary(run: Run) -> pd.DataFrame | None:
    """`engine.evaluation.dynamics.summary`; None where the run has not recorded its dynamics."""
    recorded = dynamics(run)
    return training_dynamics.summary(recorded) if recorded is not None else None


@cached(files=("robustness/{split}/answers.bin",), shared=True)
def corruption_predictions(run: Run, split: str) -> store.CorruptionPredictions | None:
    """The run's predictions for corrupted images, as far as they were measured; None where none were."""
    return store.read(run, split)


@cached(files=("robustness/{split}/answers.bin",))
def robustness_document(run: Run, split: str) -> dict[str, Any]:
    """`engine.evaluation.robustness.summary.document` of `corruption_predictions`, with its sentence. Raises UserError without any."""
    predictions = corruption_predictions(run, split)
    if predictions is None:
        raise UserError(f"The robustness of {run.id} on {split} has not been measured.")
    return summary.document(predictions) | {"sentence": summary.sentence(predictions)}
