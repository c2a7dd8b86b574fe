"""A run on a split with its scores and predictions: what every panel of Evaluate draws from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import end_page
from dashboard.app.url_state import Parameter
from dashboard.charts.palette import class_colours
from engine.core.address import Choice
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.data.datasets import load_dataset
from engine.data.predictions import Predictions
from engine.evaluation.metrics import Scores
from engine.runs import score_text
from engine.runs.run import Run

SPLITS = ("test", "validation")
SPLIT = Parameter("split", Choice(SPLITS), "test")


@dataclass(frozen=True)
class ScoredRun:
    """A run's scores and predictions on a split. Shared by all sessions, so never changed.

    `document`: as `engine.evaluation.metrics.score_predictions` makes it; `predictions`: of the split; `colours`: by class name.
    """

    run: Run
    split: str
    document: Scores
    predictions: Predictions
    colours: Mapping[str, str]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.predictions.classes

    @property
    def table(self) -> pd.DataFrame:
        """The prediction table: one row per image."""
        return self.predictions.table

    @property
    def confusion(self) -> np.ndarray:
        """(classes, classes) counts: rows true, columns predicted."""
        return np.array(self.document["confusion"])


def choose_scored_run(run: Run) -> ScoredRun:
    """The run on the split that a person chooses; if it cannot be loaded, a message and the end of the page."""
    split = choose_split(run)
    try:
        return load_scored_run(run, split)
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
        end_page()


def load_scored_run(run: Run, split: str) -> ScoredRun:
    """The run on a split. Raises UserError where its table is missing or damaged."""
    return ScoredRun(run, split, cache.scores(run, split), cache.predictions(run, split), class_colours(run.classes))


def choose_split(run: Run) -> str:
    usable = [split for split in SPLITS if run.has_predictions(split)]
    if not usable:
        st.info(f"The run {run.id} has not been scored: it is {run.status.state}.", icon=":material/hourglass_empty:")
        st.page_link("../../pages/train.py", label="Show the run on Train", icon=":material/model_training:")
        end_page()
    return (
        usable[0]
        if len(usable) == 1
        else url_state.choose(st.segmented_control, "Split", SPLIT, usable, label_visibility="collapsed")
    )


def score_summary(scored: ScoredRun, named: bool = False) -> None:
    """Say how often the run is wrong, and what limits the figure. `named`: with the run's id, where it is not the page's run."""
    document, split = scored.document, scored.split
    wrong = document["n"] - int(np.trace(scored.confusion))
    subject = f"**{formatting.literal(scored.run.id)}**: " if named else ""
    st.markdown(
        f"{subject}**{wrong:,} of {document['n']:,} {split} images** are misclassified. "
        f"Accuracy **{Estimate(**document['accuracy']).text('%')}**, macro F1 **{score_text.macro_f1(document)}**, "
        "with 95% intervals."
    )
    if missing := score_text.unscored_classes(document):
        st.caption(formatting.literal(missing))
    if copies := score_text.duplicates(scored.predictions.contents.duplicated().sum()):
        st.caption(copies)
    if document["small"]:
        st.caption("Few images: the intervals are wide, and differences between runs may be chance.")
    if split == "validation":
        st.caption("Choices were made on these images, so the scores are slightly optimistic. Only the test split is unbiased.")
    _note_label_edits(scored.run)


def _note_label_edits(run: Run) -> None:
    """Say so where labels were edited since the run was scored."""
    try:
        catalog = load_dataset(run.config.dataset).catalog
    except UserError:
        return
    if catalog.labels() != run.labels and catalog.fingerprint() != run.fingerprint:
        st.caption(
            f"Scored on version {run.labels} of the labels, which have been edited since ({catalog.labels()}). The Clean page compares "
            "runs under both."
        )
