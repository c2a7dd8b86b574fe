"""The tab Similarity map: the images as points, similar ones close together."""

from dashboard.components.embedding_map import embedding_map
from dashboard.explore.detail import open_detail
from dashboard.explore.query import Order, Query


def map_panel(query: Query) -> None:
    """Draw the map: an area drawn on it filters charts and gallery, a click on a point opens the image."""
    opened = embedding_map(query.data, query.bar_conditions, query.colours, query.run)
    if opened is not None:
        open_detail(query.data, query.conditions, Order(), opened, query.colours)
