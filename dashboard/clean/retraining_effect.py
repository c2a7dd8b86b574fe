"""The proof: a run again on the cleaned labels, and both under both sets of test labels."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import try_and_rerun
from dashboard.clean.review import Review
from engine.core.errors import UserError
from engine.core.number_text import percent, points_estimate
from engine.curation.retraining_effect import Proof, Side, conclusion, started
from engine.data.labels import overview
from engine.runs import score_text
from engine.runs.run import Run

_POLL = 1.0  # seconds
_SIDES = {"cleaned": "Cleaned test labels", "original": "Original test labels"}


def retraining_effect(review: Review) -> None:
    """What was changed, the offer to train again, and what came of each proof."""
    pairs = started(review.data)
    _changes(review, bool(pairs))
    _offer(review, pairs)
    for before, after in pairs:
        with st.container(border=True, key=f"proof-{after.id}"):
            if after.status.active:
                st.fragment(_waiting, run_every=_POLL)(before, after)
            else:
                _shown(review, before, after)


def _changes(review: Review, proven: bool) -> None:
    counts = pd.DataFrame(overview.counts(review.data), columns=["split", "edited", "n"])
    counts = counts[counts["edited"].isin(["relabelled", "excluded"])]
    if not len(counts) and proven:
        st.caption("Currently no image is relabelled or excluded.")
        return
    if not len(counts):
        st.info("No label has been changed yet, so there is no effect to measure.", icon=":material/balance:")
        return
    said = [f"{row.n:,} {row.split or ''} {'image' if row.n == 1 else 'images'} {row.edited}" for row in counts.itertuples()]
    st.markdown(f"So far {', '.join(said)}. Version **{review.data.catalog.labels()}** of the labels.")
    if (counts["split"] == "test").any():
        st.caption(
            ":material/balance: Test labels are among them. If a model chose them, a better score is "
            "partly due to moved goalposts: so both runs are scored on both sets of labels."
        )


def _offer(review: Review, pairs: Sequence[tuple[Run, Run]]) -> None:
    if review.run is None:
        st.info("To measure the effect, first train a run on the original labels.", icon=":material/model_training:")
        st.page_link("../../pages/train.py", label="Train one", icon=":material/model_training:")
        return
    run = review.run
    if not run.has_predictions("test"):
        st.caption(f"{formatting.literal(run.id)} has no test score yet: choose a finished run above.")
        return
    now = review.data.catalog.fingerprint()
    if now == run.fingerprint:
        st.caption(f"{formatting.literal(run.id)} was trained on exactly these labels: choose an earlier run above.")
        return
    again = [
        after.id for before, after in pairs if before.id == run.id and after.fingerprint == now and after.status.state != "failed"
    ]
    if again:
        st.caption(f"{formatting.literal(run.id)} was trained again on these very labels: {formatting.literal(again[0])}, below.")
        return
    if st.button(
        f"Train {formatting.literal(run.id)} again on the cleaned labels", icon=":material/model_training:", type="primary",
        key="prove", help="The same configuration and seed; only the labels differ.",
    ):  # fmt: skip
        try_and_rerun(lambda: cache.import_late("engine.curation.fair_holdout").retrain(run))


def _waiting(before: Run, after: Run) -> None:
    now = after.status
    if not now.active:
        st.rerun()
    left = f", {formatting.duration(now.eta)} left" if now.eta else ""
    st.progress(
        min(max(now.progress, 0.0), 1.0),
        text=f"{formatting.literal(after.id)}: {now.word}, {formatting.literal(now.detail)}{left}",
    )
    st.caption(f"The configuration of {formatting.literal(before.id)}. You can go on deciding meanwhile.")


def _shown(review: Review, before: Run, after: Run) -> None:
    st.markdown(
        f"**{formatting.literal(before.id)}** before, **{formatting.literal(after.id)}** after cleaning {formatting.status_badge(after.status)}"
    )
    if after.status.state != "finished":
        st.caption(formatting.literal(after.status.error or "It ended early: resume it on the page Runs."))
        return
    try:
        result = cache.measure_retraining_effect(before, after, review.data)
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
        return
    st.markdown(f"**{formatting.literal(conclusion(result))}**")
    if review.data.catalog.fingerprint() != after.fingerprint:
        st.caption(
            f":material/history: This is of version {result.version} of the labels, which were edited since (now {review.data.catalog.labels()}). "
            "Train again to see what those edits change."
        )
    st.table(_table(result))
    st.caption("Intervals and p are of these test images. Both runs have one seed; another seed moves the scores as well.")
    if st.button("Look at the run", key=f"open-{after.id}", icon=":material/target:"):
        url_state.set_choice("run", after.id)
        st.switch_page("../../pages/evaluate.py")


def _table(found: Proof) -> pd.DataFrame:
    """One column per set of labels: both runs, the paired difference, what was fixed and broken."""
    return pd.DataFrame({title: _side(found, getattr(found, key)) for key, title in _SIDES.items()})


def _side(found: Proof, side: Side) -> dict[str, str]:
    gain, f1, counts = side.difference.accuracy, side.difference.macro_f1, side.comparison.counts
    return {
        "Images": f"{len(side.comparison):,}",
        f"Accuracy, {formatting.plain(found.before.id)}": percent(side.difference.a["accuracy"]),
        f"Accuracy, {formatting.plain(found.after.id)}": percent(side.difference.b["accuracy"]),
        "Difference, points (95%)": points_estimate(gain.value, gain.low, gain.high, 2),
        "Macro F1, points (95%)": points_estimate(f1.value, f1.low, f1.high, 2)
        + score_text.scored_classes(side.difference.to_dict()),
        "Fixed, broken": f"{counts['fixed']:,}, {counts['broken']:,}",
        "McNemar's p": f"{side.comparison.mcnemar:.3g}",
    }
