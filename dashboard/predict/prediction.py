"""What the runs predict for one image, in words, bars and heatmaps."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

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
from engine.data.predictions import ImagePrediction
from engine.inference.batch.store import Batch, BatchImage
from engine.inference.verdict import COVERAGE, SURE, UNKNOWN, UNSURE, Judge, Verdict

_LOOK = {SURE: ("green", ":material/check_circle:"), UNSURE: ("orange", ":material/help:"), UNKNOWN: ("red", ":material/block:")}


@dataclass(frozen=True)
class ImagePredictions:
    """What the runs of a view predict for one image, by their ids in the order of the view; and the judge of their mean."""

    image: BatchImage
    by_run: Mapping[str, ImagePrediction]
    judge: Judge

    @property
    def error(self) -> str:
        return next((prediction.error for prediction in self.by_run.values() if prediction.error), "")

    @cached_property
    def mean(self) -> ImagePrediction:
        first, *others = self.by_run.values()
        return first.mean(*others) if others else first

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict on the mean."""
        return self.judge.verdict(self.mean)


def stored_predictions(batch: Batch, number: int, view: View) -> ImagePredictions:
    """The saved predictions of all runs of the view for one image."""
    by_run = {run.id: cache.batch_predictions(batch, run).image(number) for run in view.runs}
    return ImagePredictions(batch.image(number), by_run, cache.judge(view.runs))


def badge(verdict: Verdict) -> str:
    """The verdict in a word."""
    colour, icon = _LOOK[verdict.kind]
    name = {SURE: "sure", UNSURE: "unsure", UNKNOWN: "out-of-distribution?"}[verdict.kind]
    return f":{colour}-badge[{icon} {name}]"


def headline(verdict: Verdict, prediction: ImagePrediction) -> str:
    """The most probable class and the verdict; the verdict comes first where the image may show none of the classes."""
    best = best_class(prediction)
    return f"{badge(verdict)} :gray[closest: {best}]" if verdict.kind == UNKNOWN else f"**{best}** {badge(verdict)}"


def best_class(prediction: ImagePrediction) -> str:
    """The most probable class and its probability, as Markdown."""
    [best] = prediction.top(1)
    return f"{formatting.literal(best.name)} {probability(best.probability)}"


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
        network_input_url(view.run, batch, image.number), heatmap, key=key, opacity=view.opacity, alt=f"{image.name}, predicted as {best}",
        label=f"Evidence of {view.run.id} for {target}",
    )  # fmt: skip
    if heatmap and len(view.runs) > 1:
        st.caption(f"The heatmap is that of {formatting.literal(view.run.id)}, the run in the header.")


def prediction_bars(predictions: ImagePredictions, view: View, key: str) -> None:
    """Draw the probabilities of the most probable classes; with two runs, those of each and of their mean."""
    colours = class_colours(view.run.classes)
    if len(view.runs) > 1:
        for run in view.runs:
            st.caption(f"{run.id} {formatting.literal(run.metadata.name)}")
            bars = probability_bars(predictions.by_run[run.id].top(view.top), colours)
            st.plotly_chart(bars, config=CONFIG, key=f"{key}-{run.id}")
        st.caption("Mean of both")
    st.plotly_chart(probability_bars(predictions.mean.top(view.top), colours), config=CONFIG, key=key)
