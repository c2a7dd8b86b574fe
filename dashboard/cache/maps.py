"""A dataset's map, its embeddings, and nearest neighbours in them."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.app.map_selection import Pick, read_pick
from dashboard.cache.keys import HASH_FUNCS, modified_ns
from dashboard.charts.map_points import Points, match_points
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index, neighbours
from engine.embeddings.neighbours import Index


def map_points(data: Dataset) -> Points | None:
    """The dataset's map joined with its catalog, as both are now; None where no map has been drawn."""
    drawn = modified_ns(dataset_index.index_folder(data) / "map.json")
    return _map_points(data, drawn, data.catalog.generation()) if drawn else None


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs=HASH_FUNCS)
def _map_points(data: Dataset, changed: int, generation: str) -> Points | None:
    drawn = dataset_index.load_map(data)
    return match_points(drawn, data.catalog.columns()) if drawn is not None else None


def selected_ids(data: Dataset, points: Points, pick: Pick) -> np.ndarray:
    """The ids of the images that a pick on the map selects, in ascending order."""
    return _selected_ids(data, points.drawn.version, points.columns.generation, points, pick.to_text())


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def _selected_ids(data: Dataset, version: str, generation: str, _points: Points, text: str) -> np.ndarray:
    # The text is the key: an array of corners cannot be hashed.
    pick = read_pick(text)
    return _points.drawn.ids[_points.selected(pick)] if pick is not None else _points.drawn.ids[:0]


def embedding_index(data: Dataset) -> Index | None:
    """The dataset's embeddings; None where they have not been computed."""
    changed = modified_ns(dataset_index.index_folder(data) / "index.json")
    return _embedding_index(data, changed) if changed else None


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=HASH_FUNCS)
def _embedding_index(data: Dataset, changed: int) -> Index | None:
    return dataset_index.load_index(data)


def count_unindexed(data: Dataset, index: Index) -> int:
    """How many images of the catalog are not in the index, or only with other content."""
    return _count_unindexed(data, str(index.file), data.catalog.generation(), index)


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _count_unindexed(data: Dataset, file: str, generation: str, _index: Index) -> int:
    return dataset_index.count_new_images(data, _index)


def find_neighbours(data: Dataset, index: Index, image_id: int, k: int, among: Filter | None = None) -> pd.DataFrame:
    """`engine.embeddings.neighbours.find_neighbours` among the images that match a filter. Raises UserError."""
    return _find_neighbours(data, str(index.file), data.catalog.generation(), index, image_id, k, among)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=HASH_FUNCS)
def _find_neighbours(
    data: Dataset, file: str, generation: str, _index: Index, image_id: int, k: int, among: Filter | None
) -> pd.DataFrame:
    return neighbours.find_neighbours(_index, image_id, k, data.catalog.view(among).ids() if among is not None else None)
