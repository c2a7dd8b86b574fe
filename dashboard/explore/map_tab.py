"""Similarity map The map of the dataset."""

from dashboard.components.map import embedding_map
from dashboard.explore.detail import open_detail
from dashboard.explore.query import Asked


def what_is_alike(asked: Asked) -> None:
    """The map: an area drawn on it filters charts and pictures, a click on a point opens the image."""
    opened = embedding_map(asked.data, asked.wanted, asked.colours, asked.run)
    if opened is not None:
        open_detail(asked.data, asked.within, "id", False, opened, asked.colours)
