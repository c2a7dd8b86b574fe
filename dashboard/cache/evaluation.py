"""What evaluation computes of prediction tables: once for all sessions, as long as the tables and the catalog stay the same."""

import pandas as pd
import streamlit as st

from engine.data.datasets import Dataset, load_dataset
from engine.embeddings import dataset_index
from engine.evaluation import comparison, roc, slices, tables, trust
from engine.evaluation.comparison import Comparison, Difference
from engine.evaluation.near_copies import NearCopies
from engine.evaluation.trust import Evidence
from engine.runs.run import Run

_OF_RUN = {Run: lambda run: run.id, Dataset: lambda data: str(data.catalog.file)}


def _written(run: Run) -> tuple[int, ...]:
    """When what the run has answered was written last."""
    files = [run.path / name for name in ("predictions-test.parquet", "predictions-validation.parquet", "results.json")]
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


def evidence(run: Run, split: str) -> Evidence:
    """`engine.evaluation.trust.load_evidence`. Raises UserError."""
    return _evidence(run, split, _written(run))


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=_OF_RUN)
def _evidence(run: Run, split: str, written: tuple[int, ...]) -> Evidence:
    return trust.load_evidence(run, split)


def near_copies(run: Run, split: str, data: Dataset) -> NearCopies:
    """How near each scored image is to a training image."""
    index = dataset_index.folder(data) / "index.json"
    made = index.stat().st_mtime_ns if index.exists() else 0
    return _near_copies(run, split, data, _written(run), data.catalog.generation(), made)


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs=_OF_RUN)
def _near_copies(run: Run, split: str, data: Dataset, written: tuple[int, ...], generation: str, made: int) -> NearCopies:
    return trust.near_copies(_evidence(run, split, written), data.catalog.columns(), dataset_index.index(data))


def roc_areas(run: Run, split: str, classes: tuple[str, ...]) -> pd.DataFrame:
    """`engine.evaluation.roc.areas_by_class` of some of the run's classes."""
    return _areas(run, split, classes, _written(run))


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=_OF_RUN)
def _areas(run: Run, split: str, classes: tuple[str, ...], written: tuple[int, ...]) -> pd.DataFrame:
    of = _evidence(run, split, written)
    places = [run.classes.index(name) for name in classes]
    result = tables.probabilities(of.predictions)[:, places]
    true = of.predictions["true"].map({place: i for i, place in enumerate(places)}).fillna(-1).to_numpy()
    return roc.areas_by_class(result, true, classes)


def scored_catalog(run: Run, split: str) -> slices.ScoredImages:
    """The answers beside the catalog of the run's dataset. Raises UserError."""
    data = load_dataset(run.config.dataset)
    return _answered(run, split, data, _written(run), data.catalog.generation())


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=_OF_RUN)
def _answered(run: Run, split: str, data: Dataset, written: tuple[int, ...], generation: str) -> slices.ScoredImages:
    return slices.match_catalog(data.catalog.columns(), _evidence(run, split, written).predictions, data.catalog.file)


def worst_slices(run: Run, split: str, support: int) -> slices.SliceSearch:
    """`engine.evaluation.slices.find_worst_slices`. Raises UserError."""
    data = load_dataset(run.config.dataset)
    return _worst_slices(run, split, support, data, _written(run), data.catalog.generation())


@st.cache_data(max_entries=16, show_spinner="Trying slices", hash_funcs=_OF_RUN)
def _worst_slices(
    run: Run, split: str, support: int, data: Dataset, written: tuple[int, ...], generation: str
) -> slices.SliceSearch:
    return slices.find_worst_slices(_answered(run, split, data, written, generation), run.classes, support)


def compare_runs(a: Run, b: Run, split: str) -> tuple[Comparison, Difference | None]:
    """The images of both runs, and how their scores differ; None where they have no image in common. Raises UserError."""
    return _compared(a, b, split, _written(a), _written(b))


@st.cache_data(max_entries=8, show_spinner="Comparing", hash_funcs=_OF_RUN)
def _compared(
    a: Run, b: Run, split: str, written_a: tuple[int, ...], written_b: tuple[int, ...]
) -> tuple[Comparison, Difference | None]:
    result = comparison.compare(
        tables.load_predictions(a, split), tables.load_predictions(b, split), a.classes, b.classes, (a.id, b.id)
    )
    return result, comparison.measure_difference(result) if len(result) else None
