"""Proofs: two runs under two sets of test labels, computed once for all sessions."""

import streamlit as st

from dashboard.cache.late_imports import import_late
from engine.data.datasets import Dataset
from engine.runs.run import Run


def measure_retraining_effect(before: Run, after: Run, data: Dataset) -> "Proof":  # noqa: F821
    """`engine.curation.retraining_effect.prove`, after both runs have answered what they had not scored. Raises UserError."""
    changed = tuple((of.path / "predictions-test.parquet").stat().st_mtime_ns for of in (before, after))
    return _proof(before, after, data, changed, data.catalog.generation())


@st.cache_data(
    max_entries=16, show_spinner="Scoring both runs under both sets of labels",
    hash_funcs={Run: lambda run: run.id, Dataset: lambda data: data.name},
)  # fmt: skip
def _proof(before: Run, after: Run, data: Dataset, changed: tuple[int, ...], generation: str) -> "Proof":  # noqa: F821
    proving = import_late("engine.curation.retraining_effect")
    labels = proving.test_labels(data, after.labels)
    for of in (before, after):
        if len(proving.unanswered(of, labels)):
            import_late("torchvision")
            import_late("engine.curation.fair_holdout").complete(of, data, after.labels)
    return proving.prove(before, after, data)
