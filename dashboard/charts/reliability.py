"""Charts of calibration, selective prediction, conformal sets, and ROC and precision-recall curves. DataFrame in, figure out; no
Streamlit here.
"""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import GRID, SMALL, escape_markup, layout
from dashboard.charts.palette import ACCENT, NEUTRAL

FEW = 10  # images in a bin; with fewer, Wilson's interval of the accuracy is about 50 points wide, so the dot is small and not joined


def reliability_diagram(after: pd.DataFrame, before: pd.DataFrame) -> go.Figure:
    """Return accuracy against confidence per bin, with Wilson's intervals, and below it the number of images per bin.

    after, before: `engine.evaluation.calibration.reliability` with and without the temperature; the latter is drawn as grey rings.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.76, 0.24], vertical_spacing=0.04)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": NEUTRAL, "width": 1, "dash": "dot"}, hoverinfo="skip", row=1, col=1
    )
    figure.add_scatter(
        x=before["confidence"], y=before["accuracy"], mode="markers", name="before",
        marker={"size": 9, "color": "rgba(0,0,0,0)", "line": {"color": NEUTRAL, "width": 2}}, customdata=before[["n"]].values.tolist(),
        hovertemplate="before temperature scaling: confidence %{x:.1%}, accuracy %{y:.1%}, %{customdata[0]:,} images<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=after["confidence"], y=after["accuracy"], mode="markers", marker={"size": [10 if n >= FEW else 6 for n in after["n"]], "color": ACCENT},
        error_y=_error_bars(after), customdata=_limits(after),
        hovertemplate="confidence %{x:.1%}, accuracy %{y:.1%} (%{customdata[1]:.1%} to %{customdata[2]:.1%}), "
        "%{customdata[0]:,} images<extra></extra>", row=1, col=1,
    )  # fmt: skip
    # No line through bins of a few images: the 0% or 100% of a single image would look like a curve.
    joined = after["accuracy"].where(after["n"] >= FEW)
    figure.add_scatter(
        x=after["confidence"],
        y=joined,
        mode="lines",
        line={"color": ACCENT, "width": 1},
        connectgaps=False,
        hoverinfo="skip",
        row=1,
        col=1,
    )
    figure.add_bar(
        x=(after["low"] + after["high"]) / 2, y=after["n"], width=(after["high"] - after["low"]) * 0.92, marker={"color": ACCENT, "opacity": 0.6},
        text=[f"{n:,}" for n in after["n"]], textposition="outside", textfont={"size": SMALL}, textangle=0, cliponaxis=False,
        hoverinfo="skip", row=2, col=1,
    )  # fmt: skip
    start = max(0.0, min(float(after["low"].min()), float(before["low"].min())) - 0.02)
    figure.update_xaxes(range=[start, 1.02], tickformat=".0%", gridcolor=GRID, zeroline=False)
    figure.update_xaxes(title_text="confidence", row=2, col=1)
    figure.update_yaxes(range=[0, 1.04], tickformat=".0%", gridcolor=GRID, zeroline=False, title_text="accuracy", row=1, col=1)
    figure.update_yaxes(visible=False, range=[0, 1.35 * max(after["n"].max(), 1)], row=2, col=1)
    _annotate(figure, 0.98, 0.92, "perfect", "y")
    return layout(figure, 420, bottom=44, left=12)


def accuracy_by_coverage(curves: dict[str, pd.DataFrame], chosen: tuple[float, float] | None, target: float) -> go.Figure:
    """Return the accuracy on answered images against the share of images that is answered.

    curves: `engine.evaluation.selective.risk_coverage` by split, the most important first; chosen: coverage and accuracy of the threshold.
    """
    figure, tints = go.Figure(), [ACCENT, NEUTRAL]
    lowest = target
    ends: dict[str, float] = {}
    for (split, curve), tint in reversed(list(zip(curves.items(), tints, strict=False))):
        shown = curve.iloc[np.unique(np.linspace(0, len(curve) - 1, 400).astype(int))]
        lowest = min(lowest, float(curve.loc[curve["coverage"] > 0.02, "accuracy"].min()))
        figure.add_scatter(
            x=shown["coverage"], y=shown["accuracy"], mode="lines", line={"color": tint, "width": 2 if tint == ACCENT else 1.5},
            customdata=shown[["threshold", "kept", "errors"]].values.tolist(),
            hovertemplate=f"{split}: accuracy %{{y:.1%}} on %{{x:.1%}} of the images<br>confidence of at least %{{customdata[0]:.1%}}: "
            "%{customdata[1]:,} images, %{customdata[2]:,} errors<extra></extra>",
        )  # fmt: skip
        ends[split] = float(curve["accuracy"].iloc[-1])
    # Two curves end close together: the upper one is labelled above its end, the lower one below.
    for place, split in enumerate(sorted(ends, key=lambda name: ends[name])):
        figure.add_annotation(
            x=1, y=ends[split], text=escape_markup(split), showarrow=False, xanchor="left", xshift=6, yshift=(8 if place else -8) * (len(ends) > 1),
            font={"size": SMALL, "color": tints[list(curves).index(split)]},
        )  # fmt: skip
    figure.add_hline(y=target, line={"color": NEUTRAL, "width": 1, "dash": "dot"})
    _annotate(figure, 0.0, target, f"target: {target:.1%}", "y", xanchor="left", yanchor="bottom")
    if chosen:
        figure.add_scatter(x=[chosen[0]], y=[chosen[1]], mode="markers", marker={"size": 13, "color": ACCENT}, hoverinfo="skip")
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%", gridcolor=GRID, zeroline=False, title_text="share of images answered")
    figure.update_yaxes(
        range=[lowest - 0.01, 1.005], tickformat=".1%", gridcolor=GRID, zeroline=False, title_text="accuracy on answered images"
    )
    return layout(figure, 320, bottom=44, left=12, right=76)


def set_sizes(sizes: pd.DataFrame) -> go.Figure:
    """Return how many images have prediction sets of each size, and how often these contain the true class. sizes: `ConformalSets.sizes`."""
    names = [f"{size:,} {'class' if size == 1 else 'classes'}" for size in sizes["size"]]
    texts = [f"{share:.1%} of images ({n:,}), {coverage:.1%} with the true class" for share, n, coverage in
             zip(sizes["share"], sizes["n"], sizes["held"], strict=True)]  # fmt: skip
    figure = go.Figure(
        go.Bar(x=sizes["share"], y=names, orientation="h", marker={"color": ACCENT, "cornerradius": 3}, text=texts, textposition="outside",
               textfont={"size": SMALL}, cliponaxis=False, hoverinfo="skip", width=0.6)
    )  # fmt: skip
    figure.update_xaxes(visible=False, range=[0, 2.1 * float(sizes["share"].max())])
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=names[::-1], showgrid=False, ticks="", ticklabelstandoff=6
    )
    return layout(figure, 32 * len(sizes) + 12)


def roc_and_precision_recall(points: pd.DataFrame, name: str, base: float, colour: str) -> go.Figure:
    """Return a class's ROC and precision-recall curves side by side, with the lines of chance. points: `engine.evaluation.roc.roc_curve`."""
    figure = make_subplots(1, 2, horizontal_spacing=0.14, subplot_titles=[f"ROC: {escape_markup(name)}", "precision and recall"])
    chance = {"color": NEUTRAL, "width": 1, "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=chance, hoverinfo="skip", row=1, col=1)
    figure.add_scatter(x=[0, 1], y=[base, base], mode="lines", line=chance, hoverinfo="skip", row=1, col=2)
    shared = {"mode": "lines", "line": {"color": colour, "width": 2}, "customdata": points[["threshold"]].values.tolist()}
    figure.add_scatter(
        x=points["false_positive_rate"], y=points["recall"], row=1, col=1, **shared,
        hovertemplate="threshold %{customdata[0]:.3f}: true positive rate %{y:.1%},<br>false positive rate %{x:.1%}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=points["recall"], y=points["precision"], row=1, col=2, **shared,
        hovertemplate="threshold %{customdata[0]:.3f}: recall %{x:.1%},<br>precision %{y:.1%}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%", nticks=5, gridcolor=GRID, zeroline=False)
    figure.update_yaxes(range=[-0.01, 1.03], tickformat=".0%", nticks=5, gridcolor=GRID, zeroline=False)
    for column, (x_title, y_title) in enumerate(
        [("false positive rate", "true positive rate"), ("recall (true positive rate)", "precision")], start=1
    ):
        figure.update_xaxes(title_text=x_title, row=1, col=column)
        figure.update_yaxes(title_text=y_title, row=1, col=column)
    return layout(figure, 330, top=34, bottom=44, left=12)


def _error_bars(bins: pd.DataFrame) -> dict[str, Any]:
    up, down = bins["accuracy_high"] - bins["accuracy"], bins["accuracy"] - bins["accuracy_low"]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.5, "width": 0, "color": ACCENT}


def _limits(bins: pd.DataFrame) -> list[list[float]]:
    return bins[["n", "accuracy_low", "accuracy_high"]].values.tolist()


def _annotate(figure: go.Figure, x: float, y: float, text: str, yref: str, xanchor: str = "right", yanchor: str = "top") -> None:
    figure.add_annotation(
        x=x,
        y=y,
        xref="x",
        yref=yref,
        text=text,
        showarrow=False,
        xanchor=xanchor,
        yanchor=yanchor,
        font={"size": SMALL, "color": NEUTRAL},
    )
