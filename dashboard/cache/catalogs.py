"""What follows from a catalog: its classes, their counts, how its splits differ."""

from collections.abc import Mapping

import pandas as pd

from dashboard.cache.cached import cached
from dashboard.charts import class_counts
from dashboard.charts.class_counts import ClassCounts
from dashboard.charts.palette import class_colours
from engine.data.datasets import Dataset
from engine.data.drift import compute_drift
from engine.data.filters import Filter
from engine.data.unused_files import UnusedReport, unused_report


@cached()
def split_drift(data: Dataset, a: str, b: str, by_class: bool, conditions: Filter) -> pd.DataFrame:
    """`engine.data.drift.compute_drift` of two splits."""
    return compute_drift(data.catalog, a, b, by_class, conditions=conditions)


@cached()
def count_classes(data: Dataset, conditions: Filter) -> ClassCounts:
    """`dashboard.charts.class_counts.class_counts`."""
    return class_counts.class_counts(data.catalog, conditions)


@cached(shared=True)
def classes(data: Dataset) -> tuple[str, ...]:
    """The dataset's classes."""
    return data.classes


@cached(shared=True)
def unused_files(data: Dataset) -> UnusedReport:
    """Which files of the dataset are not used, and why."""
    return unused_report(data.catalog)


@cached(shared=True)
def colours(data: Dataset) -> Mapping[str, str]:
    """The colour per class of the dataset, shared by all sessions: do not modify it."""
    return class_colours(data.classes)
