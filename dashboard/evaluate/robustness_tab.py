"""Robustness Accuracy on damaged pictures, measured in the background, and the images that break first."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import try_action
from dashboard.app.image_urls import damaged_url
from dashboard.charts.figure import CONFIG
from dashboard.charts.robustness import severity_curves
from dashboard.components.job_panel import job_panel
from dashboard.components.scored_gallery import PredictionRow, scored_gallery
from dashboard.components.scored_run import ScoredRun
from engine.core.number_text import decimal, percent, signed
from engine.data.datasets import load_dataset
from engine.evaluation.robustness import measurement, store, summary
from engine.evaluation.robustness.corruptions import CORRUPTIONS
from engine.runs.run import Run, list_runs

_RATE = 60  # pictures/s that a laptop asks about: what is promised before anything was measured
_CHOICE = "damage"
_POLL = 5.0  # seconds


def robustness_tab(scored: ScoredRun) -> None:
    run, split = scored.run, scored.split
    busy = job_panel(measurement.job(run, split), "", "stop_damage", "The measurement ended.")
    answers = cache.corruption_predictions(run, split)
    if busy:
        _redraw_when_there_is_more(scored, answers.measured if answers is not None else 0)
    if answers is None:
        if busy:
            st.caption(f"First results are shown once {measurement.BATCH} images have been measured under every kind of damage.")
        else:
            _invitation(scored)
        return
    document = cache.robustness_document(run, split)
    _said(document, answers)
    if not busy and answers.measured < answers.images:
        _more(scored, answers)
    ranked = [row["corruption"] for row in document["losses"]]
    losses = {row["corruption"]: row["loss"] for row in document["losses"]}
    chosen = url_state.recall(_CHOICE)
    chosen = chosen if chosen in ranked else ranked[0]
    left, right = st.columns([6, 6], gap="large")
    with left:
        _curves(scored, document, ranked, chosen)
    with right:
        chosen = url_state.choose(
            st.selectbox, "Images that flip under", ranked, _CHOICE, chosen,
            format_func=lambda name: f"{CORRUPTIONS[name].label}: {signed(-100 * losses[name], 1)} points of accuracy",
        )  # fmt: skip
        _gallery(scored, answers, chosen)


def _redraw_when_there_is_more(scored: ScoredRun, drawn: int) -> None:
    """While it is being measured: what is known so far is shown, and shown anew with each part. `drawn`: images in what is shown."""

    @st.fragment(run_every=_POLL)
    def look() -> None:
        answers = cache.corruption_predictions(scored.run, scored.split)
        if answers is not None and answers.measured > drawn:
            st.rerun()

    look()


def _said(document: dict, answers: store.CorruptionPredictions) -> None:
    error, more = document["mean_corruption_error"], document["relative_error"]
    st.markdown(f"**{formatting.literal(document['sentence'])}**")
    st.markdown(
        f"Mean corruption error **{formatting.score_estimate(error, percent=True)}**: that is **{decimal(100 * more['value'], 1)} points** "
        f"({decimal(100 * more['low'], 1)} to {decimal(100 * more['high'], 1)}) more than on the undamaged images."
    )
    whole = "all" if answers.measured >= answers.images else "a random sample of"
    left_out = f" {answers.unread:,} could not be read as they were scored, and are left out." if answers.unread else ""
    st.caption(
        f"{len(answers.true):,} images, {whole} {answers.images:,} of the {answers.split} split, under {len(CORRUPTIONS)} kinds of damage "
        f"at five severities after Hendrycks and Dietterich (2019), done to the square of {answers.size} pixels that the network sees; the "
        f"code and some strengths are our own, so do not compare with scores on ImageNet-C.{left_out}"
    )


def _curves(scored: ScoredRun, document: dict, ranked: Sequence[str], chosen: str) -> None:
    shown = [(scored.run.id, pd.DataFrame(document["by_severity"]))]
    others = _others(scored)
    if others:
        other = url_state.choose(
            st.selectbox, "Compare with", ["", *others], "damage_with",
            format_func=lambda run_id: formatting.plain(formatting.run_label(others[run_id])) if run_id else "no other run",
        )  # fmt: skip
        if other:
            shown.append((other, pd.DataFrame(cache.robustness_document(others[other], scored.split)["by_severity"])))
            st.caption(f":green[●] {formatting.literal(scored.run.id)}, :orange[●] {formatting.literal(other)}")

    def picked() -> None:
        points = st.session_state["damage-curves"].selection.points
        if points:
            url_state.set_choice(_CHOICE, str(points[0]["customdata"][0]))

    figure = severity_curves(shown, {name: CORRUPTIONS[name].label for name in ranked}, chosen)
    st.plotly_chart(figure, key="damage-curves", on_select=picked, selection_mode="points", config=CONFIG)
    st.caption(
        "Accuracy against severity (0: as it is), with 95% intervals; the worst first. Click a curve to see which images flip."
    )
    with st.expander("What the severities are"):
        rows = [{"damage": one.label, "measure": one.unit} | {str(n + 1): f"{value:g}" for n, value in enumerate(one.strengths)}
                for one in CORRUPTIONS.values()]  # fmt: skip
        st.dataframe(pd.DataFrame(rows), hide_index=True)


def _others(scored: ScoredRun) -> dict[str, Run]:
    """Other runs on the same data with answers to damaged pictures of this split."""
    result = [run for run in list_runs(scored.run.config.dataset) if run.id != scored.run.id]
    return {run.id: run for run in result if cache.corruption_predictions(run, scored.split) is not None}


def _gallery(scored: ScoredRun, answers: store.CorruptionPredictions, chosen: str) -> None:
    broken = summary.first_broken(answers, chosen)
    told_of = broken[["image_id", "severity", "predicted", "clean", "broken"]].rename(columns={"predicted": "becomes"})
    # In the order of `broken`.
    rows = told_of.merge(scored.predictions, on="image_id", how="inner")
    label = CORRUPTIONS[chosen].label.lower()
    st.markdown(
        f"**{len(rows):,}** of {int(answers.right[:, 0].sum()):,} correctly classified images flip under {label}, first to flip first"
    )

    def notes(row: PredictionRow) -> list[str]:
        return [
            f"breaks at severity {row.severity}",
            f"taken for {scored.classes[row.becomes]}",
            f"truth {percent(row.clean, 0)} to {percent(row.broken, 0)}",
        ]

    def source(row: PredictionRow) -> str:
        return damaged_url(scored.run.config.dataset, row.image_id, row.content, chosen, row.severity, answers.size)

    scored_gallery(
        scored, rows, "broken", scope=f"broken-{chosen}", page="broken_page", notes=notes, source=source, empty="No prediction flips.",
    )  # fmt: skip


# How the measurement comes to be


def _invitation(scored: ScoredRun) -> None:
    images = len(scored.predictions)
    st.info(
        f"Robustness has not been measured for this run. Its model is tested on {min(images, measurement.SAMPLE):,} {scored.split} images under "
        f"{len(CORRUPTIONS)} kinds of damage, such as noise, blur and JPEG artefacts, at five severities each: roughly "
        f"{formatting.duration(len(store.CONDITIONS) * min(images, measurement.SAMPLE) / _RATE)}, in the background.",
        icon=":material/broken_image:",
    )
    with st.container(horizontal=True):
        _start(scored, min(images, measurement.SAMPLE), "Measure", "damage-start", primary=True)
        if images > measurement.SAMPLE:
            _start(scored, images, f"Measure all {images:,}", "damage-start-all")


def _more(scored: ScoredRun, answers: store.CorruptionPredictions) -> None:
    """Where not all was measured: go on, for narrower intervals."""
    _start(scored, answers.images, f"Measure the other {answers.images - answers.measured:,} too", "damage-more")


def _start(scored: ScoredRun, count: int, label: str, key: str, primary: bool = False) -> None:
    if st.button(label, icon=":material/play_arrow:", type="primary" if primary else "secondary", key=key):

        def begin() -> None:
            load_dataset(scored.run.config.dataset)  # a dataset that is gone is said here and now
            measurement.job(scored.run, scored.split, count).start()

        if try_action(begin):
            st.rerun()
