"""What the runs predict for one image, in words, bars and heatmaps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.image_urls import heatmap_url, network_input_url
from dashboard.charts.bars import probability_bars
from dashboard.charts.figure import CONFIG
from dashboard.charts.palette import class_colours
from dashboard.components.compare_slider import compare_slider
from dashboard.predict.controls import View
from engine.core.number_text import percent, probability
from engine.inference.batch.store import Batch, BatchImage
from engine.inference.batch.table import average_predictions
from engine.inference.verdict import COVERAGE, SURE, UNKNOWN, UNSURE, Judge, Verdict, align_classes

_LOOK = {SURE: ("green", ":material/check_circle:"), UNSURE: ("orange", ":material/help:"), UNKNOWN: ("red", ":material/block:")}


@dataclass(frozen=True)
class ImagePredictions:
    """What the runs of a view predict for one image: per run a row of `inference.batch.predictions.load_predictions`; and the judge of their mean."""

    image: BatchImage
    rows: Mapping[str, pd.Series]
    judge: Judge

    @property
    def error(self) -> str:
        return next((row["error"] for row in self.rows.values() if row["error"]), "")


def stored_predictions(batch: Batch, number: int, view: View) -> ImagePredictions:
    """The saved predictions of all runs of the view for one image."""
    rows = {}
    for run in view.runs:
        saved = cache.batch_predictions(batch, run)
        rows[run.id] = saved[saved["number"] == number].iloc[0]
    return ImagePredictions(batch.image(number), rows, cache.judge(view.runs))


def compute_verdict(predictions: ImagePredictions, view: View) -> tuple[np.ndarray, Verdict]:
    """The mean of the runs' probabilities, (classes,), and the verdict on them."""
    row = average_predictions([pd.DataFrame([predictions.rows[run.id]]) for run in view.runs], view.runs).iloc[0]
    return row["probabilities"], predictions.judge.verdict(row["probabilities"], float(row["novelty"]))


def badge(verdict: Verdict) -> str:
    """The verdict in a word."""
    colour, icon = _LOOK[verdict.kind]
    name = {SURE: "sure", UNSURE: "unsure", UNKNOWN: "out-of-distribution?"}[verdict.kind]
    return f":{colour}-badge[{icon} {name}]"


def headline(verdict: Verdict, probabilities: np.ndarray) -> str:
    """The most probable class and the verdict; the verdict comes first where the image may show none of the classes."""
    best = f"{formatting.literal(verdict.classes[0])} {probability(float(probabilities.max()))}"
    return f"{badge(verdict)} :gray[closest: {best}]" if verdict.kind == UNKNOWN else f"**{best}** {badge(verdict)}"


def sentence(verdict: Verdict, judge: Judge) -> str:
    """What the verdict means, in a sentence; empty where the model is sure."""
    names = [f"**{formatting.literal(name)}**" for name in verdict.classes]
    either = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    if verdict.kind == UNKNOWN:
        return (
            "Unlike nearly all training images: it may show none of these classes, or be blurred or enlarged. If it does show one, "
            f"then {either}."
        )
    if verdict.kind == UNSURE:
        promise = (
            f" ({percent(COVERAGE, 0)} of such sets contain the true class, for images like the training images)"
            if judge.promises
            else ""
        )
        return f"Prediction: {either}{promise}."
    return ""


def image_pane(batch: Batch, image: BatchImage, view: View, best: str, key: str) -> None:
    """Draw the square that the network saw and, on the other side of the slider, the heatmap."""
    target = view.target or best
    heatmap = heatmap_url(view.run, batch, image.number, target, view.method) if view.opacity else ""
    compare_slider(
        network_input_url(batch, image.number), heatmap, key=key, opacity=view.opacity, alt=f"{image.name}, predicted as {best}",
        label=f"Evidence of {view.run.id} for {target}",
    )  # fmt: skip
    if heatmap and len(view.runs) > 1:
        st.caption(f"The heatmap is that of {formatting.literal(view.run.id)}, the run in the header.")


def prediction_bars(predictions: ImagePredictions, view: View, probabilities: np.ndarray, key: str) -> None:
    """Draw the probabilities of the most probable classes; with two runs, those of each and of their mean."""
    colours, classes = class_colours(view.run.classes), np.array(view.run.classes)
    if len(view.runs) > 1:
        for run in view.runs:
            values = align_classes(np.asarray(predictions.rows[run.id]["probabilities"])[None], run, view.run)[0]
            st.caption(f"{run.id} {formatting.literal(run.metadata.name)}")
            _bars(classes, values, view.top, colours, f"{key}-{run.id}")
        st.caption("Mean of both")
    _bars(classes, probabilities, view.top, colours, key)


def _bars(classes: np.ndarray, values: np.ndarray, top: int, colours: Mapping[str, str], key: str) -> None:
    order = np.argsort(-values, kind="stable")[:top]
    figure = probability_bars(list(classes[order]), [float(values[i]) for i in order], colours)
    st.plotly_chart(figure, config=CONFIG, key=key)
