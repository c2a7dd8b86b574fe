"""What a catalog tells: its classes, their counts, how its splits differ."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.charts.class_counts import ClassCounts
from dashboard.charts.class_counts import class_counts as count_classes
from dashboard.charts.palette import class_colours
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.data.unused_files import UnusedReport, unused_report


def drift(data: Dataset, a: str, b: str, by_class: bool, wanted: Filter) -> pd.DataFrame:
    """`engine.data.drift.compute_drift` of two splits. What depends on a run's answers is compared anew: they may be written again."""
    if wanted.asks_run:
        return _drift.__wrapped__(data, "", a, b, by_class, wanted)
    return _drift(data, data.catalog.generation(), a, b, by_class, wanted)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Dataset: lambda data: str(data.catalog.file)})
def _drift(data: Dataset, generation: str, a: str, b: str, by_class: bool, wanted: Filter) -> pd.DataFrame:
    from engine.data.drift import compute_drift

    return compute_drift(data.catalog, a, b, by_class, wanted=wanted)


def class_counts(data: Dataset, wanted: Filter) -> ClassCounts:
    """`dashboard.charts.class_counts.class_counts`; anew where it depends on a run's answers."""
    if wanted.asks_run:
        return count_classes(data.catalog, wanted)
    return _class_counts(data, data.catalog.generation(), wanted)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={Dataset: lambda data: str(data.catalog.file)})
def _class_counts(data: Dataset, generation: str, wanted: Filter) -> ClassCounts:
    return count_classes(data.catalog, wanted)


def classes(data: Dataset) -> tuple[str, ...]:
    """The dataset's classes. Shared by all sessions, as `colours` is: neither is to be changed."""
    return _classes(data, data.catalog.generation())


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Dataset: lambda data: str(data.catalog.file)})
def _classes(data: Dataset, generation: str) -> tuple[str, ...]:
    return data.classes


def unused_files(data: Dataset) -> UnusedReport:
    """Which files of the dataset are not used, and why. Shared by all sessions."""
    return _unused(data, data.catalog.generation())


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs={Dataset: lambda data: str(data.catalog.file)})
def _unused(data: Dataset, generation: str) -> UnusedReport:
    return unused_report(data.catalog)


def colours(data: Dataset) -> Mapping[str, str]:
    """The colour of each of the dataset's classes."""
    return _colours(data, data.catalog.generation())


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Dataset: lambda data: str(data.catalog.file)})
def _colours(data: Dataset, generation: str) -> Mapping[str, str]:
    return class_colours(data.classes)
