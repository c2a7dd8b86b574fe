"""What follows from a catalog: its classes, their counts, how its splits differ."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.cache.keys import HASH_FUNCS
from dashboard.charts import class_counts
from dashboard.charts.class_counts import ClassCounts
from dashboard.charts.palette import class_colours
from engine.data.datasets import Dataset
from engine.data.drift import compute_drift
from engine.data.filters import Filter
from engine.data.unused_files import UnusedReport, unused_report


def split_drift(data: Dataset, a: str, b: str, by_class: bool, conditions: Filter) -> pd.DataFrame:
    """`engine.data.drift.compute_drift` of two splits. Not cached where the filter depends on a run's predictions, which may be rewritten."""
    if conditions.needs_predictions:
        return compute_drift(data.catalog, a, b, by_class, conditions=conditions)
    return _split_drift(data, data.catalog.generation(), a, b, by_class, conditions)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def _split_drift(data: Dataset, generation: str, a: str, b: str, by_class: bool, conditions: Filter) -> pd.DataFrame:
    return compute_drift(data.catalog, a, b, by_class, conditions=conditions)


def count_classes(data: Dataset, conditions: Filter) -> ClassCounts:
    """`dashboard.charts.class_counts.class_counts`; not cached where the filter depends on a run's predictions."""
    if conditions.needs_predictions:
        return class_counts.class_counts(data.catalog, conditions)
    return _count_classes(data, data.catalog.generation(), conditions)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=HASH_FUNCS)
def _count_classes(data: Dataset, generation: str, conditions: Filter) -> ClassCounts:
    return class_counts.class_counts(data.catalog, conditions)


def classes(data: Dataset) -> tuple[str, ...]:
    """The dataset's classes, shared by all sessions."""
    return _classes(data, data.catalog.generation())


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _classes(data: Dataset, generation: str) -> tuple[str, ...]:
    return data.classes


def unused_files(data: Dataset) -> UnusedReport:
    """Which files of the dataset are not used, and why; shared by all sessions."""
    return _unused(data, data.catalog.generation())


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def _unused(data: Dataset, generation: str) -> UnusedReport:
    return unused_report(data.catalog)


def colours(data: Dataset) -> Mapping[str, str]:
    """The colour per class of the dataset, shared by all sessions: do not modify it."""
    return _colours(data, data.catalog.generation())


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _colours(data: Dataset, generation: str) -> Mapping[str, str]:
    return class_colours(data.classes)
