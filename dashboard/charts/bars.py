"""Bars of scores and probabilities per class. DataFrame in, plotly figure out; no Streamlit here."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import GRID, SMALL, class_axis, escape_markup, layout, subtitles
from dashboard.charts.palette import NEUTRAL
from engine.core.number_text import probability
from engine.data.predictions import ClassProbability

METRICS = {"precision": "precision", "recall": "recall", "f1": "F1"}


def score_bars(per_class: pd.DataFrame, colours: Mapping[str, str]) -> go.Figure:
    """Return precision, recall and F1 per class as labelled dots on one scale, with the support beside the name.

    per_class: columns class, precision, recall, f1 (0 to 1, or NaN where it is not defined), support (images).
    """
    labels = [
        f"{escape_markup(row['class'])}  <span style='font-size:11px'>n={row.support:,}</span>" for _, row in per_class.iterrows()
    ]
    lowest = np.nanmin(per_class[list(METRICS)].to_numpy(float), initial=1.0)
    floor = min(0.9, np.floor(10 * lowest - 0.1) / 10)
    figure = make_subplots(1, 3, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=list(METRICS.values()))
    tints = [colours.get(name, NEUTRAL) for name in per_class["class"]]
    for column, (metric, name) in enumerate(METRICS.items(), start=1):
        stems = go.Bar(
            x=per_class[metric] - floor, y=labels, base=floor, orientation="h", width=0.08,
            marker={"color": tints, "opacity": 0.45}, hoverinfo="skip",
        )  # fmt: skip
        dots = go.Scatter(
            x=per_class[metric],
            y=labels,
            mode="markers+text",
            marker={"size": 12, "color": tints, "opacity": 1},
            text=[f"{value:.3f}" if pd.notna(value) else "" for value in per_class[metric]],
            textposition="middle right",
            textfont={"size": SMALL},
            cliponaxis=False,
            customdata=[
                [escape_markup(name), count] for name, count in zip(per_class["class"], per_class["support"], strict=True)
            ],
            hovertemplate=f"%{{customdata[0]}}: {name} %{{x:.3f}}, %{{customdata[1]:,}} images<extra></extra>",
        )
        figure.add_traces([stems, dots], rows=1, cols=column)
        # Beyond 1: the label of a perfect score needs room too.
        figure.update_xaxes(range=[floor - 0.04 * (1 - floor), 1 + 0.9 * (1 - floor)], row=1, col=column)
    figure.update_xaxes(tickvals=[floor, 1], tickformat=".1f", gridcolor=GRID, zeroline=False)
    class_axis(figure, labels)
    subtitles(figure)
    return layout(figure, 34 * len(per_class) + 70, top=30, bottom=28)


def probability_bars(top: Sequence[ClassProbability], colours: Mapping[str, str]) -> go.Figure:
    """Return a compact bar per class, the first on top, labelled in percent."""
    names, values = [one.name for one in top], [one.probability for one in top]
    texts = [probability(value) for value in values]
    bars = _bars(names, values, texts, [colours.get(name, NEUTRAL) for name in names])
    bars.hovertemplate = "%{y}: %{text}<extra></extra>"
    figure = go.Figure(bars)
    # The same scale for every image: the length of a bar is the confidence.
    figure.update_xaxes(visible=False, range=[0, 1.22])
    class_axis(figure, [escape_markup(name) for name in names])
    return layout(figure, 30 * len(names) + 8)


def _bars(names: Sequence[str], values: Sequence[float], texts: list[str], colours: list[str]) -> go.Bar:
    """Return horizontal bars with their label just outside."""
    return go.Bar(
        x=list(values),
        y=[escape_markup(name) for name in names],
        orientation="h",
        text=texts,
        textposition="outside",
        textfont={"size": SMALL},
        cliponaxis=False,
        marker={"color": colours, "line": {"width": 0}, "cornerradius": 3},
        width=0.62,
    )
