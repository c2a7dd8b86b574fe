"""The effect of retraining: two runs under two sets of test labels, computed once for all sessions."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.cache.keys import HASH_FUNCS, modified_ns
from dashboard.cache.late_imports import import_late
from engine.data.datasets import Dataset
from engine.runs.run import Run

if TYPE_CHECKING:
    from engine.curation.retraining_effect import RetrainingEffect


def measure_retraining_effect(before: Run, after: Run, data: Dataset) -> "RetrainingEffect":
    """`engine.curation.retraining_effect.measure_effect`, after both runs have predicted the images that they had not scored. Raises UserError."""
    changed = tuple(modified_ns(run.path / "predictions-test.parquet") for run in (before, after))
    return _measure_retraining_effect(before, after, data, changed, data.catalog.generation())


@st.cache_data(max_entries=16, show_spinner="Scoring both runs under both sets of labels", hash_funcs=HASH_FUNCS)
def _measure_retraining_effect(
    before: Run, after: Run, data: Dataset, changed: tuple[int, ...], generation: str
) -> "RetrainingEffect":
    effect = import_late("engine.curation.retraining_effect")
    labels = effect.load_test_labels(data, after.labels)
    for run in (before, after):
        if len(effect.unscored_images(run, labels)):
            import_late("torchvision")
            import_late("engine.curation.fair_holdout").score_missing(run, data, after.labels)
    return effect.measure_effect(before, after, data)
