"""How two confused classes differ, computed once for all sessions."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from dashboard.cache.cached import cached
from dashboard.cache.late_imports import IMPORT_LOCK
from dashboard.cache.maps import embedding_index, index_stamp
from dashboard.cache.models import model
from dashboard.cache.runs import predictions
from engine.data.datasets import Dataset
from engine.data.decoding import ImageError, load_square
from engine.data.filters import Filter
from engine.evaluation import class_pairs
from engine.runs.run import Run

MAX_AVERAGED = 24  # images whose heatmaps are averaged: some seconds of work


class AverageHeatmaps(NamedTuple):
    """The mean of `n` images and, per class, their mean Grad-CAM laid over it: (size, size, 3) uint8 each; None where n is 0."""

    mean: np.ndarray | None
    overlays: tuple[np.ndarray, ...]
    n: int


@cached(files=("predictions-{split}.parquet",))
def class_differences(run: Run, split: str, data: Dataset, a: int, b: int) -> pd.DataFrame:
    """`engine.evaluation.class_pairs.differences` in the catalog's properties."""
    scored = predictions(run, split)
    groups = class_pairs.group_images(scored, a, b)
    # Only the rows that are compared: the catalog may be large.
    places = np.concatenate([*groups.by_name().values()])
    known = class_pairs.image_properties(data.catalog.columns(), scored.take(places))
    values = pd.DataFrame(np.nan, index=range(len(scored)), columns=known.columns)
    values.iloc[places] = known.to_numpy()
    return class_pairs.differences(values, groups)


@cached(files=("predictions-{split}.parquet",), stamp=index_stamp)
def positions_between(run: Run, split: str, data: Dataset, a: int, b: int) -> dict[str, np.ndarray] | None:
    """`engine.evaluation.class_pairs.project_on_axis` from the training images' centres; None where no embeddings have been computed."""
    index = embedding_index(data)
    if index is None:
        return None
    scored = predictions(run, split)

    def training_images(place: int) -> np.ndarray:
        return data.catalog.view(Filter(splits=("train",), classes=(run.classes[place],))).ids()

    centres = training_images(a), training_images(b)
    return class_pairs.project_on_axis(index, scored, centres, class_pairs.group_images(scored, a, b))


@cached(checkpoint=True)
def average_heatmaps(
    run: Run, _data: Dataset, contents: tuple[str, ...], _ids: tuple[int, ...], classes: tuple[int, ...]
) -> AverageHeatmaps:
    """The mean heatmap per class of the images that can be read and still have this content. Raises UserError without a model."""
    rows = _data.catalog.rows(_ids)
    squares = []
    for image, content in zip(_ids, contents, strict=True):
        if image in rows and rows[image].hash == content:
            try:
                squares.append(load_square(rows[image].file(_data.root), run.config.image_size))
            except ImageError:
                continue  # an unreadable image is not in the mean, and not in the count
    if not squares:
        return AverageHeatmaps(None, (), 0)
    with IMPORT_LOCK:
        import pytorch_grad_cam  # noqa: F401 (before cam imports it outside of the lock)

        from engine.inference.explain import average_map, cam
    maps = cam.on_one_scale(average_map.average_maps(model(run), np.stack(squares), classes))
    mean = np.mean(squares, axis=0).round().astype(np.uint8)
    return AverageHeatmaps(mean, tuple(cam.overlay(mean, heatmap, 0.6) for heatmap in maps), len(squares))
