"""What sets two confused classes apart, computed once for all sessions."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.cache.late_imports import import_late
from dashboard.cache.maps import embedding_index
from dashboard.cache.models import checkpoint_identity, model
from dashboard.cache.runs import predictions, predictions_mtime
from engine.data.datasets import Dataset
from engine.data.decoding import ImageError, load_square
from engine.data.filters import Filter
from engine.evaluation import class_pairs
from engine.runs.run import Run

MAX_AVERAGED = 24  # images whose maps are averaged: some seconds of work
_NAMES = {Run: lambda run: str(run.path), Dataset: lambda data: data.name}


def class_differences(run: Run, split: str, data: Dataset, a: int, b: int) -> pd.DataFrame:
    """`engine.evaluation.class_pairs.differences` in the catalog's properties."""
    return _differences(run, split, data, a, b, predictions_mtime(run, split), data.catalog.generation())


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_NAMES)
def _differences(run: Run, split: str, data: Dataset, a: int, b: int, changed: int, generation: str) -> pd.DataFrame:
    table = predictions(run, split)
    of = class_pairs.group_images(table, a, b)
    # Only what is compared: the catalog may be large.
    places = np.concatenate([*of.by_name().values()])
    known = class_pairs.image_properties(data.catalog.columns(), table.iloc[places])
    values = pd.DataFrame(np.nan, index=range(len(table)), columns=known.columns)
    values.iloc[places] = known.to_numpy()
    return class_pairs.differences(values, of)


def positions_between(run: Run, split: str, data: Dataset, a: int, b: int) -> dict[str, np.ndarray] | None:
    """`engine.evaluation.class_pairs.project_on_axis` from the training images' centres; None where no embeddings have been computed."""
    known = embedding_index(data)
    if known is None:
        return None
    return _along(run, split, data, a, b, predictions_mtime(run, split), data.catalog.generation(), known.digest)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_NAMES)
def _along(
    run: Run, split: str, data: Dataset, a: int, b: int, changed: int, generation: str, digest: str
) -> dict[str, np.ndarray]:
    table = predictions(run, split)
    centres = tuple(data.catalog.view(Filter(splits=("train",), classes=(run.classes[place],))).ids() for place in (a, b))
    return class_pairs.project_on_axis(embedding_index(data), table, centres, class_pairs.group_images(table, a, b))


def average_heatmaps(run: Run, data: Dataset, contents: tuple[str, ...], ids: tuple[int, ...], classes: tuple[int, ...]) -> tuple:
    """The mean picture of some images and, for each class, their mean Grad-CAM laid over it; and how many could be read.

    Pictures are (size, size, 3) uint8. Raises UserError where the run has no model.
    """
    return _average_look(run, checkpoint_identity(run), data, contents, ids, classes)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=_NAMES)
def _average_look(
    run: Run, identity: str, _data: Dataset, contents: tuple[str, ...], _ids: tuple[int, ...], classes: tuple
) -> tuple:
    rows = _data.catalog.rows(_ids)
    squares = []
    for image, content in zip(_ids, contents, strict=True):
        if image in rows and rows[image].hash == content:
            try:
                squares.append(load_square(rows[image].file(_data.root), run.config.image_size))
            except ImageError:
                continue  # a picture that cannot be read is not in the mean, and the count says so
    if not squares:
        return None, (), 0
    import_late("pytorch_grad_cam")
    cam = import_late("engine.inference.explain.cam")
    maps = cam.on_one_scale(import_late("engine.inference.explain.averages").average_maps(model(run), np.stack(squares), classes))
    mean = np.mean(squares, axis=0).round().astype(np.uint8)
    return mean, tuple(cam.overlay(mean, one, 0.6) for one in maps), len(squares)
