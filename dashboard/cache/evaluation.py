"""Evaluations of prediction tables, computed once for all sessions while the tables and the catalog stay the same."""

import numpy as np
import pandas as pd

from dashboard.cache.cached import cached
from dashboard.cache.maps import index_stamp
from engine.data.datasets import Dataset
from engine.embeddings import dataset_index
from engine.evaluation import comparison, roc, slices, trust
from engine.evaluation.comparison import Comparison, Difference
from engine.evaluation.near_copies import NearCopies
from engine.evaluation.trust import Evidence
from engine.runs.run import Run

_SCORED = ("predictions-test.parquet", "predictions-validation.parquet", "results.json")


@cached(files=_SCORED, shared=True)
def evidence(run: Run, split: str) -> Evidence:
    """`engine.evaluation.trust.load_evidence`. Raises UserError."""
    return trust.load_evidence(run, split)


@cached(files=_SCORED, stamp=index_stamp)
def near_copies(run: Run, split: str, data: Dataset) -> NearCopies | None:
    """How near each scored image is to a training image; None for the split that is trained on. Raises UserError."""
    return trust.near_copies(evidence(run, split), data.catalog.columns(), dataset_index.load_index(data))


@cached(files=_SCORED)
def roc_areas(run: Run, split: str, classes: tuple[str, ...]) -> pd.DataFrame:
    """`engine.evaluation.roc.areas_by_class` of some of the run's classes. Raises UserError."""
    predictions = evidence(run, split).predictions
    places = [run.classes.index(name) for name in classes]
    true = pd.Series(predictions.true).map({place: i for i, place in enumerate(places)}).fillna(-1).to_numpy()
    return roc.areas_by_class(predictions.probabilities[:, places].astype(np.float64), true, classes)


@cached(files=_SCORED, shared=True)
def scored_catalog(run: Run, split: str, data: Dataset) -> slices.ScoredImages:
    """A run's predictions joined with the catalog of its dataset. Raises UserError."""
    return slices.match_catalog(data.catalog.columns(), evidence(run, split).predictions, data.catalog.file)


@cached(files=_SCORED, spinner="Searching for slices")
def worst_slices(run: Run, split: str, data: Dataset, support: int) -> slices.SliceSearch:
    """`engine.evaluation.slices.find_worst_slices`. Raises UserError."""
    return slices.find_worst_slices(scored_catalog(run, split, data), run.classes, support)


@cached(files=_SCORED, spinner="Comparing")
def compare_runs(a: Run, b: Run, split: str) -> tuple[Comparison, Difference | None]:
    """The images of both runs, and how their scores differ; None where they have no image in common. Raises UserError."""
    result = comparison.compare(a.predictions(split), b.predictions(split))
    return result, comparison.measure_difference(result) if len(result) else None
