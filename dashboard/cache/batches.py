"""What runs predict for the images of a batch, read once for all sessions."""

from collections.abc import Hashable

import numpy as np

from dashboard.cache.cached import cached
from dashboard.cache.images import upload_squares
from dashboard.cache.late_imports import IMPORT_LOCK
from dashboard.cache.models import model
from engine.core.errors import UserError
from engine.core.file_stamp import FileStamp, file_stamp
from engine.inference import ood, verdict
from engine.inference.batch import predictions, seen_in_training
from engine.inference.batch.predictions import BatchPredictions
from engine.inference.batch.store import Batch
from engine.inference.verdict import Judge
from engine.runs.run import Run


def _image_stamp(batch: Batch, number: int) -> FileStamp | None:
    return file_stamp(batch.image(number).file)


@cached(stamp=predictions.stamp, shared=True)
def batch_predictions(batch: Batch, run: Run) -> BatchPredictions:
    """`engine.inference.batch.predictions.load_predictions`, shared by all sessions: do not modify it."""
    return predictions.load_predictions(batch, run)


@cached(shared=True)
def images_seen_in_training(runs: tuple[Run, ...], batch: Batch) -> frozenset[int]:
    """`engine.inference.batch.seen_in_training.find_training_images`."""
    return seen_in_training.find_training_images(runs, batch.images)


def _detector_stamps(runs: tuple[Run, ...]) -> tuple[FileStamp | None, ...]:
    return tuple(file_stamp(ood.document_file(run)) for run in runs)


@cached(files=("predictions-validation.parquet",), checkpoint=True, stamp=_detector_stamps, shared=True)
def judge(runs: tuple[Run, ...]) -> Judge:
    """`engine.inference.verdict.load_judge`."""
    return verdict.load_judge(runs)


def _nearest_stamp(run: Run, batch: Batch, number: int) -> Hashable:
    return _image_stamp(batch, number), _detector_stamps((run,))


@cached(checkpoint=True, stamp=_nearest_stamp)
def nearest_training_images(run: Run, _judge: Judge, batch: Batch, number: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The training images nearest to an image in the run's embedding: ids (k,) and cosine distances (k,). Raises ImageError."""
    loaded = model(run)
    features = loaded.features(upload_squares(batch.image(number), loaded.meta.image_size).network[None].copy())
    if _judge.detector is None:
        raise UserError("The out-of-distribution detector of this run has not been fitted.")
    ids, distances = _judge.detector.nearest(features, k)
    return ids[0], distances[0]


@cached(checkpoint=True, stamp=_image_stamp)
def batch_heatmap(run: Run, batch: Batch, number: int, index: int, method: str) -> np.ndarray:
    """The heatmap of a class by an explanation method: (size, size) in 0..1. Raises ImageError, UserError."""
    with IMPORT_LOCK:
        import pytorch_grad_cam  # noqa: F401 (before cam imports it outside of the lock)

        from engine.inference.explain import cam
    square = upload_squares(batch.image(number), model(run).meta.image_size).network
    return cam.heatmaps(model(run), square, (index,), method)[0]
