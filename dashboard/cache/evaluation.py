"""Evaluations of prediction tables, computed once for all sessions while the tables and the catalog stay the same."""

import pandas as pd
import streamlit as st

from dashboard.cache.keys import HASH_FUNCS, modified_ns
from engine.data.datasets import Dataset, load_dataset
from engine.embeddings import dataset_index
from engine.evaluation import comparison, roc, slices, tables, trust
from engine.evaluation.comparison import Comparison, Difference
from engine.evaluation.near_copies import NearCopies
from engine.evaluation.trust import Evidence
from engine.runs.run import Run


def _written(run: Run) -> tuple[int, ...]:
    """When the run's predictions and results were last written."""
    names = ("predictions-test.parquet", "predictions-validation.parquet", "results.json")
    return tuple(modified_ns(run.path / name) for name in names)


def evidence(run: Run, split: str) -> Evidence:
    """`engine.evaluation.trust.load_evidence`. Raises UserError."""
    return _evidence(run, split, _written(run))


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _evidence(run: Run, split: str, written: tuple[int, ...]) -> Evidence:
    return trust.load_evidence(run, split)


def near_copies(run: Run, split: str, data: Dataset) -> NearCopies | None:
    """How near each scored image is to a training image; None for the split that is trained on. Raises UserError."""
    indexed = modified_ns(dataset_index.index_folder(data) / "index.json")
    return _near_copies(run, split, data, _written(run), data.catalog.generation(), indexed)


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _near_copies(
    run: Run, split: str, data: Dataset, written: tuple[int, ...], generation: str, indexed: int
) -> NearCopies | None:
    return trust.near_copies(_evidence(run, split, written), data.catalog.columns(), dataset_index.load_index(data))


def roc_areas(run: Run, split: str, classes: tuple[str, ...]) -> pd.DataFrame:
    """`engine.evaluation.roc.areas_by_class` of some of the run's classes. Raises UserError."""
    return _roc_areas(run, split, classes, _written(run))


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=HASH_FUNCS)
def _roc_areas(run: Run, split: str, classes: tuple[str, ...], written: tuple[int, ...]) -> pd.DataFrame:
    predictions = _evidence(run, split, written).predictions
    places = [run.classes.index(name) for name in classes]
    probabilities = tables.probabilities(predictions)[:, places]
    true = predictions["true"].map({place: i for i, place in enumerate(places)}).fillna(-1).to_numpy()
    return roc.areas_by_class(probabilities, true, classes)


def scored_catalog(run: Run, split: str) -> slices.ScoredImages:
    """A run's predictions joined with the catalog of its dataset. Raises UserError."""
    data = load_dataset(run.config.dataset)
    return _scored_catalog(run, split, data, _written(run), data.catalog.generation())


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
def _scored_catalog(run: Run, split: str, data: Dataset, written: tuple[int, ...], generation: str) -> slices.ScoredImages:
    return slices.match_catalog(data.catalog.columns(), _evidence(run, split, written).predictions, data.catalog.file)


def worst_slices(run: Run, split: str, support: int) -> slices.SliceSearch:
    """`engine.evaluation.slices.find_worst_slices`. Raises UserError."""
    data = load_dataset(run.config.dataset)
    return _worst_slices(run, split, support, data, _written(run), data.catalog.generation())


@st.cache_data(max_entries=16, show_spinner="Searching for slices", hash_funcs=HASH_FUNCS)
def _worst_slices(
    run: Run, split: str, support: int, data: Dataset, written: tuple[int, ...], generation: str
) -> slices.SliceSearch:
    return slices.find_worst_slices(_scored_catalog(run, split, data, written, generation), run.classes, support)


def compare_runs(a: Run, b: Run, split: str) -> tuple[Comparison, Difference | None]:
    """The images of both runs, and how their scores differ; None where they have no image in common. Raises UserError."""
    return _compare_runs(a, b, split, _written(a), _written(b))


@st.cache_data(max_entries=8, show_spinner="Comparing", hash_funcs=HASH_FUNCS)
def _compare_runs(
    a: Run, b: Run, split: str, written_a: tuple[int, ...], written_b: tuple[int, ...]
) -> tuple[Comparison, Difference | None]:
    result = comparison.compare(
        tables.load_predictions(a, split), tables.load_predictions(b, split), a.classes, b.classes, (a.id, b.id)
    )
    return result, comparison.measure_difference(result) if len(result) else None
