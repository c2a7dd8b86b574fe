"""The effect of retraining: the same configuration trained on the cleaned labels, and both runs scored on both sets of test labels."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.error_page import try_and_rerun
from dashboard.app.parameters import RUN
from dashboard.app.polling import poll
from dashboard.clean.review import Review
from engine.core.errors import UserError
from engine.core.number_text import duration, percent
from engine.curation.retraining_effect import PairedScores, RetrainingEffect, conclusion, list_retrainings
from engine.data.labels import overview
from engine.runs import score_text
from engine.runs.run import Run

_LABEL_SETS = {"cleaned": "Cleaned test labels", "original": "Original test labels"}


def retraining_effect(review: Review) -> None:
    """Draw what was changed, the button that trains again, and the comparison of each run with its retrained one."""
    pairs = list_retrainings(review.data)
    _changes(review, bool(pairs))
    _retrain_button(review, pairs)
    for before, after in pairs:
        with st.container(border=True, key=f"proof-{after.id}"):
            if after.status.active:
                poll(partial(_progress, before, after), lambda run=after: not run.status.active)
            else:
                _comparison(review, before, after)


def _changes(review: Review, retrained: bool) -> None:
    counts = pd.DataFrame(overview.count_edits(review.data), columns=["split", "edited", "n"])
    counts = counts[counts["edited"].isin(["relabelled", "excluded"])]
    if not len(counts) and retrained:
        st.caption("No image is relabelled or excluded at the moment.")
        return
    if not len(counts):
        st.info("No label has been changed yet, so there is no effect to measure.", icon=":material/balance:")
        return
    texts = [f"{row.n:,} {row.split or ''} {'image' if row.n == 1 else 'images'} {row.edited}" for row in counts.itertuples()]
    st.markdown(f"So far {', '.join(texts)}. Version **{review.data.catalog.labels()}** of the labels.")
    if (counts["split"] == "test").any():
        st.caption(
            ":material/balance: These include test labels. Where a model suggested the change, part of any gain in the score comes from "
            "the changed test labels, so both runs are scored on both sets of labels."
        )


def _retrain_button(review: Review, pairs: Sequence[tuple[Run, Run]]) -> None:
    if review.run is None:
        st.info("To measure the effect, first train a run on the original labels.", icon=":material/model_training:")
        st.page_link("../../pages/train.py", label="Train a run", icon=":material/model_training:")
        return
    run = review.run
    if not run.has_predictions("test"):
        st.caption(f"{formatting.literal(run.id)} has not been scored on the test set yet: choose a finished run above.")
        return
    now = review.data.catalog.fingerprint()
    if now == run.fingerprint:
        st.caption(f"{formatting.literal(run.id)} was trained on exactly these labels: choose an earlier run above.")
        return
    # A failed attempt may be repeated; one that runs or has finished answers the question already.
    retrained = [
        after.id for before, after in pairs if before.id == run.id and after.fingerprint == now and after.status.state != "failed"
    ]
    if retrained:
        st.caption(
            f"{formatting.literal(run.id)} has already been retrained on exactly these labels: {formatting.literal(retrained[0])}, below."
        )
        return
    if st.button(
        f"Train {formatting.literal(run.id)} again on the cleaned labels", icon=":material/model_training:", type="primary",
        key="prove", help="The same configuration and seed; only the labels differ.",
    ):  # fmt: skip
        with cache.IMPORT_LOCK:
            from engine.curation.fair_holdout import retrain
        try_and_rerun(retrain, run)


def _progress(before: Run, after: Run) -> None:
    now = after.status
    left = f", {duration(now.eta)} left" if now.eta else ""
    st.progress(
        min(max(now.progress, 0.0), 1.0),
        text=f"{formatting.literal(after.id)}: {now.word}, {formatting.literal(now.detail)}{left}",
    )
    st.caption(f"Trained with the configuration of {formatting.literal(before.id)}. You can continue reviewing meanwhile.")


def _comparison(review: Review, before: Run, after: Run) -> None:
    st.markdown(
        f"**{formatting.literal(before.id)}** before cleaning, **{formatting.literal(after.id)}** after {formatting.status_badge(after.status)}"
    )
    if after.status.state != "finished":
        st.caption(formatting.literal(after.status.error or "It ended early: resume it on the Runs page."))
        return
    try:
        effect = cache.measure_retraining_effect(before, after, review.data)
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
        return
    st.markdown(f"**{formatting.literal(conclusion(effect))}**")
    if review.data.catalog.fingerprint() != after.fingerprint:
        st.caption(
            f":material/history: Measured on version {effect.version} of the labels, which have been edited since "
            f"(now {review.data.catalog.labels()}). Train again to see the effect of those edits."
        )
    st.table(_table(effect))
    st.caption(
        "Intervals and p-values reflect the choice of test images only. Both runs were trained with one seed; another seed would change "
        "the scores too."
    )
    if st.button("Open the run", key=f"open-{after.id}", icon=":material/target:"):
        RUN.request(after.id)
        st.switch_page("../../pages/evaluate.py")


def _table(effect: RetrainingEffect) -> pd.DataFrame:
    """One column per set of labels: both accuracies, the paired differences, how many predictions were fixed and broken."""
    return pd.DataFrame({title: _column(effect, getattr(effect, name)) for name, title in _LABEL_SETS.items()})


def _column(effect: RetrainingEffect, side: PairedScores) -> dict[str, str]:
    gain, f1, counts = side.difference.accuracy, side.difference.macro_f1, side.comparison.counts
    return {
        "Images": f"{len(side.comparison):,}",
        f"Accuracy, {formatting.plain(effect.before.id)}": percent(side.difference.a["accuracy"]),
        f"Accuracy, {formatting.plain(effect.after.id)}": percent(side.difference.b["accuracy"]),
        "Difference (95%)": gain.text("points", 2, signed=True),
        "Macro F1 (95%)": f1.text("points", 2, signed=True) + score_text.scored_classes(side.difference.to_dict()),
        "Fixed, broken": f"{counts['fixed']:,}, {counts['broken']:,}",
        "McNemar's p": f"{side.comparison.mcnemar:.3g}",
    }
