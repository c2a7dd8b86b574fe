"""Models and their predictions, loaded and computed once for all sessions."""

import threading
from typing import TYPE_CHECKING

import numpy as np

from dashboard.cache.cached import cached, start_background
from dashboard.cache.late_imports import IMPORT_LOCK, warm_up
from engine.core.errors import UserError
from engine.inference import predict
from engine.runs.run import Run

if TYPE_CHECKING:
    from engine.models.model import Model


@cached(checkpoint=True, shared=True, spinner="Loading the model")
def model(run: Run) -> "Model":
    """The run's model. Raises UserError."""
    with IMPORT_LOCK:
        import torchvision  # noqa: F401 (before the model's builder imports it outside of the lock)

        from engine.models.model import load_model
    return load_model(run.path)


@cached(checkpoint=True, shared=True)
def warm_up_model(run: Run) -> threading.Thread:
    """Load the run's model in a background thread and let it predict once, while the person chooses an image."""

    def load(stopping: threading.Event) -> None:
        warm_up().join()
        if stopping.is_set():
            return
        try:
            loaded = model(run)
        except UserError:  # the page reports it when it needs the model
            return
        size = loaded.meta.image_size
        loaded.probabilities(np.zeros((1, size, size, 3), np.uint8))

    return start_background(f"warm-{run.id}", load)


@cached(checkpoint=True)
def predict_images(run: Run, contents: tuple[bytes, ...]) -> list[predict.Prediction]:
    """`engine.inference.predict.predict` of files' contents. Raises UserError."""
    return predict.predict(model(run), contents)
