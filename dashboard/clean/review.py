"""What every panel of the page gets."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.curation import Audit
from engine.data.datasets import Dataset
from engine.runs.run import Run


@dataclass(frozen=True)
class Review:
    """The dataset with its last audit, the run of the header (for its predictions and heatmaps), and the classes with their colours.

    `log_length`: how many entries the label log had when the panel was drawn.
    """

    data: Dataset
    audit: Audit | None
    run: Run | None
    classes: tuple[str, ...]
    colours: Mapping[str, str]
    log_length: int = 0
