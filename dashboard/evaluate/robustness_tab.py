"""The tab Robustness: accuracy on damaged images, measured in the background, and the images whose predictions flip first."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import try_action
from dashboard.app.image_urls import damaged_url
from dashboard.app.polling import poll
from dashboard.app.url_state import Parameter, page_parameter
from dashboard.charts.robustness import severity_curves
from dashboard.components.clickable_chart import clickable_chart
from dashboard.components.job_panel import job_panel
from dashboard.components.scored_gallery import PredictionRow, scored_gallery
from dashboard.components.scored_run import ScoredRun
from engine.core.address import Choice, Text
from engine.core.estimate import Estimate
from engine.core.number_text import duration, percent, signed
from engine.data.datasets import load_dataset
from engine.evaluation.robustness import measurement, store, summary
from engine.evaluation.robustness.corruptions import CORRUPTIONS
from engine.runs.run import Run, list_runs

_RATE = 60  # images/s on a laptop: for the estimate before anything has been measured
_CORRUPTION = Parameter("damage", Choice(tuple(CORRUPTIONS)), "")
_OTHER = Parameter("damage_with", Text(), "")
_PAGE = page_parameter("broken_page")
_POLL = 5.0  # seconds


def robustness_tab(scored: ScoredRun) -> None:
    run, split = scored.run, scored.split
    is_working = job_panel(measurement.job(run, split), "The measurement ended.", label="")
    predictions = cache.corruption_predictions(run, split)
    if is_working:
        _redraw_on_progress(scored, predictions.measured if predictions is not None else 0)
    if predictions is None:
        if is_working:
            st.caption(f"First results are shown once {measurement.BATCH} images have been measured under every corruption.")
        else:
            _invitation(scored)
        return
    document = cache.robustness_document(run, split)
    _summarise(document, predictions)
    if not is_working and predictions.measured < predictions.images:
        _more(scored, predictions)
    ranked = [row["corruption"] for row in document["losses"]]
    losses = {row["corruption"]: row["loss"] for row in document["losses"]}
    corruption = _CORRUPTION.read() if _CORRUPTION.read() in ranked else ranked[0]
    left, right = st.columns([6, 6], gap="large")
    with left:
        _curves(scored, document, ranked, corruption)
    with right:
        corruption = url_state.choose(
            st.selectbox, "Images that flip under", _CORRUPTION, ranked, corruption,
            format_func=lambda name: f"{CORRUPTIONS[name].label}: {signed(-100 * losses[name], 1)} points of accuracy",
        )  # fmt: skip
        _gallery(scored, predictions, corruption)


def _redraw_on_progress(scored: ScoredRun, drawn_images: int) -> None:
    """Redraw the page with each part of the results while they are measured. `drawn_images`: the number of images in what is shown."""

    def has_more() -> bool:
        predictions = cache.corruption_predictions(scored.run, scored.split)
        return predictions is not None and predictions.measured > drawn_images

    poll(lambda: None, has_more, _POLL)


def _summarise(document: dict[str, Any], predictions: store.CorruptionPredictions) -> None:
    error, more = document["mean_corruption_error"], document["relative_error"]
    st.markdown(f"**{formatting.literal(document['sentence'])}**")
    st.markdown(
        f"Mean corruption error **{Estimate(**error).text('%')}**: that is **{Estimate(**more).text('points')}** more than "
        " on the undamaged images."
    )
    whole = "all" if predictions.measured >= predictions.images else "a random sample of"
    excluded = (
        f" {predictions.unread:,} could not be read as they were when scored and are excluded." if predictions.unread else ""
    )
    st.caption(
        f"{len(predictions.true):,} images, {whole} {predictions.images:,} of the {predictions.split} split, under {len(CORRUPTIONS)} corruptions "
        f"at five severities after Hendrycks and Dietterich (2019), applied to the square of {predictions.size} pixels that the network sees; the "
        f"code and some strengths are our own, so do not compare with scores on ImageNet-C.{excluded}"
    )


def _curves(scored: ScoredRun, document: dict[str, Any], ranked: Sequence[str], corruption: str) -> None:
    shown = [(scored.run.id, pd.DataFrame(document["by_severity"]))]
    others = _others(scored)
    if others:
        other = url_state.choose(
            st.selectbox, "Compare with", _OTHER, ["", *others],
            format_func=lambda run_id: formatting.plain(formatting.run_label(others[run_id])) if run_id else "no other run",
        )  # fmt: skip
        if other:
            shown.append((other, pd.DataFrame(cache.robustness_document(others[other], scored.split)["by_severity"])))
            st.caption(f":green[●] {formatting.literal(scored.run.id)}, :orange[●] {formatting.literal(other)}")

    figure = severity_curves(shown, {name: CORRUPTIONS[name].label for name in ranked}, corruption)
    clickable_chart(figure, "damage-curves", lambda customdata: _CORRUPTION.request(str(customdata[0])), scrolls=False)
    st.caption("Accuracy by severity (0: undamaged), with 95% intervals; worst first. Click a curve to see which images flip.")
    with st.expander("What the severities mean"):
        rows = [{"damage": one.label, "measure": one.unit} | {str(n + 1): f"{value:g}" for n, value in enumerate(one.strengths)}
                for one in CORRUPTIONS.values()]  # fmt: skip
        st.dataframe(pd.DataFrame(rows), hide_index=True)


def _others(scored: ScoredRun) -> dict[str, Run]:
    """Other runs on the same dataset whose robustness was measured on this split."""
    others = [run for run in list_runs(scored.run.config.dataset) if run.id != scored.run.id]
    return {run.id: run for run in others if cache.corruption_predictions(run, scored.split) is not None}


def _gallery(scored: ScoredRun, predictions: store.CorruptionPredictions, corruption: str) -> None:
    broken = summary.first_broken(predictions, corruption)
    # Renamed because the prediction table has a column `predicted` of its own.
    flips = broken[["image_id", "severity", "predicted", "clean", "broken"]].rename(columns={"predicted": "becomes"})
    # An inner merge keeps the order of its left side: first to flip first.
    rows = flips.merge(scored.table, on="image_id", how="inner")
    label = CORRUPTIONS[corruption].label.lower()
    st.markdown(
        f"**{len(rows):,}** of {int(predictions.right[:, 0].sum()):,} correctly classified images flip under {label}, first to flip first"
    )

    def notes(row: PredictionRow) -> list[str]:
        return [
            f"flips at severity {row.severity}",
            f"taken for {scored.classes[row.becomes]}",
            f"true class {percent(row.clean, 0)} to {percent(row.broken, 0)}",
        ]

    def source(row: PredictionRow) -> str:
        return damaged_url(scored.run.config.dataset, row.image_id, row.content, corruption, row.severity, predictions.size)

    scored_gallery(
        scored, rows, "broken", scope=f"broken-{corruption}", page=_PAGE, notes=notes, source=source, empty="No prediction flips.",
    )  # fmt: skip


# Starting the measurement


def _invitation(scored: ScoredRun) -> None:
    images = len(scored.predictions)
    st.info(
        f"Robustness has not been measured for this run. Its model is tested on {min(images, measurement.SAMPLE):,} {scored.split} images under "
        f"{len(CORRUPTIONS)} corruptions, such as noise, blur and JPEG artefacts, at five severities each: roughly "
        f"{duration(len(store.CONDITIONS) * min(images, measurement.SAMPLE) / _RATE)}, in the background.",
        icon=":material/broken_image:",
    )
    with st.container(horizontal=True):
        _start(scored, min(images, measurement.SAMPLE), "Measure", "damage-start", primary=True)
        if images > measurement.SAMPLE:
            _start(scored, images, f"Measure all {images:,}", "damage-start-all")


def _more(scored: ScoredRun, predictions: store.CorruptionPredictions) -> None:
    """Offer to measure the rest of the images, for narrower intervals."""
    _start(scored, predictions.images, f"Measure the other {predictions.images - predictions.measured:,} too", "damage-more")


def _start(scored: ScoredRun, count: int, label: str, key: str, primary: bool = False) -> None:
    if st.button(label, icon=":material/play_arrow:", type="primary" if primary else "secondary", key=key):

        def begin() -> None:
            load_dataset(scored.run.config.dataset)  # a dataset that is gone is reported at once, not by the job
            measurement.job(scored.run, scored.split, count).start()

        if try_action(begin):
            st.rerun()
