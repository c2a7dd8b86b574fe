"""Maps of a dataset, its embeddings, and what is alike in it."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.app.map_selection import Pick, read_pick
from dashboard.charts.map_points import Points, match_points
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.embeddings import dataset_index
from engine.embeddings.neighbours import Index
from engine.embeddings.neighbours import neighbours as find_neighbours


def map_points(data: Dataset) -> Points | None:
    """The dataset's map against its catalog as they are now; None where no map has been drawn."""
    file = dataset_index.folder(data) / "map.json"
    if not file.exists():
        return None
    return _map_points(data, str(file), file.stat().st_mtime_ns, data.catalog.generation())


@st.cache_resource(max_entries=2, show_spinner=False, hash_funcs={Dataset: lambda data: data.name})
def _map_points(data: Dataset, file: str, changed: int, generation: str) -> Points | None:
    result = dataset_index.drawn(data)
    return match_points(result, data.catalog.columns()) if result is not None else None


def selected_ids(data: Dataset, of: Points, pick: Pick) -> np.ndarray:
    """The ids of the images that a pick on the map holds, rising."""
    return _picked(data, of.drawn.version, of.columns.generation, of, pick.to_text())


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Dataset: lambda data: data.name})
def _picked(data: Dataset, version: str, generation: str, _of: Points, pick: str) -> np.ndarray:
    return _of.drawn.ids[_of.picked(read_pick(pick))]


def embedding_index(data: Dataset) -> Index | None:
    """The dataset's embeddings, to search in; None where they have not been computed."""
    file = dataset_index.folder(data) / "index.json"
    return _index(data, str(file), file.stat().st_mtime_ns) if file.exists() else None


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={Dataset: lambda data: data.name})
def _index(data: Dataset, file: str, changed: int) -> Index | None:
    return dataset_index.index(data)


def count_unindexed(data: Dataset, of: Index) -> int:
    """How many images of the catalog the index does not know, or knows with another content."""
    return _newer(data, str(of.file), data.catalog.generation(), of)


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs={Dataset: lambda data: data.name})
def _newer(data: Dataset, file: str, generation: str, _of: Index) -> int:
    return dataset_index.newer(data, _of)


def neighbours(data: Dataset, of: Index, image_id: int, k: int, among: Filter | None = None) -> pd.DataFrame:
    """`engine.embeddings.neighbours.neighbours` among the images that match a filter. Raises UserError."""
    return _neighbours(data, str(of.file), data.catalog.generation(), of, image_id, k, among)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs={Dataset: lambda data: data.name})
def _neighbours(
    data: Dataset, file: str, generation: str, _of: Index, image_id: int, k: int, among: Filter | None
) -> pd.DataFrame:
    return find_neighbours(_of, image_id, k, data.catalog.view(among).ids() if among is not None else None)
