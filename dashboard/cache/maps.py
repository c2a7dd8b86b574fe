"""A dataset's map, its embeddings, and nearest neighbours in them."""

import numpy as np
import pandas as pd

from dashboard.app.map_selection import Pick
from dashboard.cache.cached import cached
from dashboard.charts.map_points import Points, match_points
from engine.core.file_stamp import FileStamp, file_stamp
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index, neighbours
from engine.embeddings.neighbours import Index


def map_stamp(data: Dataset) -> FileStamp | None:
    """Changes whenever the dataset's map does."""
    return file_stamp(dataset_index.index_folder(data) / "map.json")


def index_stamp(data: Dataset) -> FileStamp | None:
    """Changes whenever the dataset's embeddings do."""
    return file_stamp(dataset_index.index_folder(data) / "index.json")


@cached(stamp=map_stamp, shared=True)
def map_points(data: Dataset) -> Points | None:
    """The dataset's map joined with its catalog, as both are now; None where no map has been drawn."""
    drawn = dataset_index.load_map(data)
    return match_points(drawn, data.catalog.columns()) if drawn is not None else None


@cached()
def selected_ids(data: Dataset, points: Points, pick: Pick) -> np.ndarray:
    """The ids of the images that a pick on the map selects, in ascending order."""
    return points.drawn.ids[points.selected(pick)]


@cached(stamp=index_stamp, shared=True)
def embedding_index(data: Dataset) -> Index | None:
    """The dataset's embeddings; None where they have not been computed."""
    return dataset_index.load_index(data)


@cached()
def count_unindexed(data: Dataset, index: Index) -> int:
    """How many images of the catalog are not in the index, or only with other content."""
    return dataset_index.count_new_images(data, index)


@cached()
def find_neighbours(data: Dataset, index: Index, image_id: int, k: int, among: Filter | None = None) -> pd.DataFrame:
    """`engine.embeddings.neighbours.find_neighbours` among the images that match a filter. Raises UserError."""
    return neighbours.find_neighbours(index, image_id, k, data.catalog.view(among).ids() if among is not None else None)
