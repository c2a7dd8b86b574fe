"""What runs predict for the images of a batch, read once for all sessions."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.cache.keys import HASH_FUNCS, modified_ns
from dashboard.cache.late_imports import IMPORT_LOCK
from dashboard.cache.models import model
from engine.core.errors import UserError
from engine.data.decoding import load_square
from engine.inference import ood, verdict
from engine.inference.batch import predictions, seen_in_training
from engine.inference.batch.store import Batch
from engine.inference.verdict import Judge
from engine.runs.run import Run

_VALIDATION = "predictions-validation.parquet"


def batch_predictions(batch: Batch, run: Run) -> pd.DataFrame:
    """`engine.inference.batch.predictions.load_predictions`, shared by all sessions: do not modify it."""
    return _batch_predictions(batch, run, predictions.stamp(batch, run))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def _batch_predictions(batch: Batch, run: Run, stamp: tuple) -> pd.DataFrame:
    return predictions.load_predictions(batch, run)


def images_seen_in_training(runs: tuple[Run, ...], batch: Batch) -> frozenset[int]:
    """`engine.inference.batch.seen_in_training.find_training_images` of a batch, which never changes."""
    return _images_seen_in_training(runs, batch, tuple(run.fingerprint for run in runs))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=HASH_FUNCS)
def _images_seen_in_training(runs: tuple[Run, ...], batch: Batch, fingerprints: tuple) -> frozenset[int]:
    return seen_in_training.find_training_images(runs, batch.images)


def judge(runs: tuple[Run, ...]) -> Judge:
    """`engine.inference.verdict.load_judge`."""
    stamps = tuple((run.checkpoint, modified_ns(ood.document_file(run)), modified_ns(run.path / _VALIDATION)) for run in runs)
    return _judge(runs, stamps)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _judge(runs: tuple[Run, ...], stamps: tuple) -> Judge:
    return verdict.load_judge(runs)


def nearest_training_images(run: Run, judge: Judge, batch: Batch, number: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The training images nearest to an image in the run's embedding: ids (k,) and cosine distances (k,). Raises ImageError."""
    return _nearest_training_images(run, run.checkpoint, batch, number, k, judge)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def _nearest_training_images(
    run: Run, identity: str, batch: Batch, number: int, k: int, _judge: Judge
) -> tuple[np.ndarray, np.ndarray]:
    loaded = model(run)
    features = loaded.features(load_square(batch.image(number).file, loaded.meta.image_size)[None].copy())
    if _judge.detector is None:
        raise UserError("The out-of-distribution detector of this run has not been fitted.")
    ids, distances = _judge.detector.nearest(features, k)
    return ids[0], distances[0]


def batch_heatmap(run: Run, batch: Batch, number: int, index: int, method: str) -> np.ndarray:
    """The heatmap of a class by an explanation method: (size, size) in 0..1. Raises ImageError, UserError."""
    return _batch_heatmap(run, run.checkpoint, batch, number, index, method)


# A map of 224 pixels is 200 kB: 51 MB in all.
@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def _batch_heatmap(run: Run, identity: str, batch: Batch, number: int, index: int, method: str) -> np.ndarray:
    with IMPORT_LOCK:
        import pytorch_grad_cam  # noqa: F401 (before cam imports it outside of the lock)

        from engine.inference.explain import cam
    square = load_square(batch.image(number).file, model(run).meta.image_size)
    return cam.heatmaps(model(run), square, (index,), method)[0]
