"""What every panel of the page gets."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.runs.run import Run


@dataclass(frozen=True)
class Order:
    """The order of the gallery, as `engine.data.catalog_view.View.page` takes it: by "id", which is a shuffled order, path or a property."""

    name: str = "id"
    descending: bool = False


@dataclass(frozen=True)
class Query:
    """`bar_conditions`: those of the filter bar; `conditions`: these, narrowed to the area that is selected on the map."""

    data: Dataset
    bar_conditions: Filter
    conditions: Filter
    run: Run | None
    colours: Mapping[str, str]
