"""The effect of retraining: two runs under two sets of test labels, computed once for all sessions."""

from dashboard.cache.cached import cached
from dashboard.cache.late_imports import IMPORT_LOCK
from engine.curation import retraining_effect
from engine.curation.retraining_effect import RetrainingEffect
from engine.data.datasets import Dataset
from engine.runs.run import Run


@cached(files=("predictions-test.parquet",), spinner="Scoring both runs under both sets of labels")
def measure_retraining_effect(before: Run, after: Run, data: Dataset) -> RetrainingEffect:
    """`engine.curation.retraining_effect.measure_effect`, after both runs have predicted the images that they had not scored.

    Raises UserError.
    """
    labels = retraining_effect.load_test_labels(data, after.labels)
    for run in (before, after):
        if len(retraining_effect.unscored_images(run, labels)):
            with IMPORT_LOCK:
                import torchvision  # noqa: F401 (before the model's builder imports it outside of the lock)

                from engine.curation import fair_holdout
            fair_holdout.score_missing(run, data, after.labels)
    return retraining_effect.measure_effect(before, after, data)
