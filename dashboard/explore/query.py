"""What every panel of the page is told."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.runs.run import Run


@dataclass(frozen=True)
class Asked:
    """`wanted`: the filter bar's conditions; `within`: these, narrowed to what is selected on the map."""

    data: Dataset
    wanted: Filter
    within: Filter
    run: Run | None
    colours: Mapping[str, str]
