"""Fair held-out images: scores the test images that a run did not score, and starts the second run of a comparison.

It loads torch: pages import it late.
"""

import numpy as np
import pandas as pd

from engine.core.errors import UserError
from engine.core.files import write_json
from engine.curation.retraining_effect import FAIR_HOLDOUT, MARKER_FILE, load_test_labels, unscored_images
from engine.data.datasets import Dataset, load_dataset
from engine.data.predictions import read_predictions, write_predictions
from engine.evaluation import scoring
from engine.models import model
from engine.runs.metadata import update_metadata
from engine.runs.run import Run
from engine.training import launcher


def retrain(before: Run) -> Run:
    """Start a run with the configuration of `before` on the present labels, and return it. Raises UserError if they are the same."""
    data = load_dataset(before.config.dataset)
    if not before.has_predictions("test"):
        raise UserError(f"The run {before.id} has no test score: it is {before.status.word}.", "Choose a finished run.")
    if data.catalog.fingerprint() == before.fingerprint:
        raise UserError(f"The run {before.id} was trained on exactly these labels.", "Decide on some findings first.")
    after = launcher.start(before.config, typed=False)
    write_json(after.path / MARKER_FILE, {"before": before.id}, make_folder=False)
    update_metadata(after.path, name=f"{before.title[:60]}, cleaned")
    return after


def score_missing(run: Run, data: Dataset, version: str) -> int:
    """Predict the test images that the run has not scored, and return how many there were. Raises UserError."""
    missing = unscored_images(run, load_test_labels(data, version))
    missing = missing[missing["original"].isin(run.classes)].drop_duplicates("hash").reset_index(drop=True)
    if not len(missing):
        return 0
    index = {name: i for i, name in enumerate(run.classes)}
    labels = missing["original"].map(index).to_numpy(np.int64)
    images = scoring.LabelledImages(missing, data.catalog.files(missing), labels)
    predictor = model.load_model(run.path)
    predictions = scoring.compute_features(predictor, images, run.config.method == "linear").predict(predictor)
    if run.has_predictions(FAIR_HOLDOUT):
        predictions = pd.concat([read_predictions(run.path, FAIR_HOLDOUT), predictions]).drop_duplicates("content")
    write_predictions(run.path, FAIR_HOLDOUT, predictions, run.classes)
    return len(missing)
