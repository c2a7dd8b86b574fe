"""What was answered about pictures that somebody asked about, read once for all sessions."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.cache.late_imports import import_late
from dashboard.cache.models import model
from engine.data.decoding import load_square
from engine.inference import ood, verdict
from engine.inference.batch import answers, seen_in_training
from engine.inference.batch.store import Batch
from engine.inference.verdict import Judge
from engine.runs.run import Run

_VALIDATION = "predictions-validation.parquet"


def batch_predictions(batch: Batch, run: Run) -> pd.DataFrame:
    """`engine.inference.batch.answers.made`; shared: change nothing of it."""
    return _made(batch, run, answers.stamp(batch, run))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs={Run: lambda run: run.id, Batch: lambda batch: batch.id})
def _made(batch: Batch, run: Run, stamp: tuple) -> pd.DataFrame:
    return answers.made(batch, run)


def images_seen_in_training(runs: tuple[Run, ...], batch: Batch) -> frozenset[int]:
    """`engine.inference.batch.seen_in_training.learnt_from` of a batch, which never changes."""
    return _learnt_from(runs, batch, tuple(run.fingerprint for run in runs))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs={Run: lambda run: run.id, Batch: lambda batch: batch.id})
def _learnt_from(runs: tuple[Run, ...], batch: Batch, fingerprints: tuple) -> frozenset[int]:
    return seen_in_training.learnt_from(runs, batch.pictures)


def judge(runs: tuple[Run, ...]) -> Judge:
    """`engine.inference.verdict.judge`."""
    stamps = tuple((run.checkpoint, _changed(ood.file(run)), _changed(run.path / _VALIDATION)) for run in runs)
    return _judge(runs, stamps)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Run: lambda run: run.id})
def _judge(runs: tuple[Run, ...], stamps: tuple) -> Judge:
    return verdict.judge(runs)


def nearest_training_images(run: Run, of: Judge, batch: Batch, number: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The training images that the run finds nearest to a picture: ids (k,) and cosine distances (k,). Raises ImageError."""
    return _alike(run, run.checkpoint, batch, number, k, of)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs={Run: lambda run: run.id, Batch: lambda batch: batch.id})
def _alike(run: Run, identity: str, batch: Batch, number: int, k: int, _of: Judge) -> tuple[np.ndarray, np.ndarray]:
    loaded = model(run)
    features = loaded.features(load_square(batch.picture(number).file, loaded.meta.image_size)[None].copy())
    ids, distances = _of.unknown.nearest(features, k)
    return ids[0], distances[0]


def batch_heatmap(run: Run, batch: Batch, number: int, index: int, by: str) -> np.ndarray:
    """Where the run looked for a class in a picture, by a method: (size, size) in 0..1. Raises ImageError, UserError."""
    return _attention(run, run.checkpoint, batch, number, index, by)


# A map of 224 pixels is 200 kB: 51 MB in all.
@st.cache_data(max_entries=256, show_spinner=False, hash_funcs={Run: lambda run: run.id, Batch: lambda batch: batch.id})
def _attention(run: Run, identity: str, batch: Batch, number: int, index: int, by: str) -> np.ndarray:
    import_late("pytorch_grad_cam")
    square = load_square(batch.picture(number).file, model(run).meta.image_size)
    return import_late("engine.inference.explain.cam").heatmaps(model(run), square, (index,), by)[0]


def _changed(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0
