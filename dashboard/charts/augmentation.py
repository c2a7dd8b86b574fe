"""The chart of the Augment page."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import CLEAR, GRID, INK, SMALL, escape_markup, layout, subtitles
from dashboard.charts.palette import ACCENT, BAD, NEUTRAL

_COLUMNS = 4
_HEIGHT = 190  # pixels per row of panels


def confidence_curves(labels: Sequence[str], frames: Sequence[pd.DataFrame]) -> go.Figure:
    """A panel per step: the mean probability of the true class against the step's strength, with the interval of its loss.

    `frames`: one frame per step with the rows of `engine.evaluation.robustness.augmentation_robustness.measure_steps`.
    The step's own strength is marked.
    """
    columns = min(_COLUMNS, len(labels))
    rows = -(-len(labels) // columns)
    figure = make_subplots(
        rows, columns, subplot_titles=list(labels), shared_yaxes="all", vertical_spacing=0.32 / rows, x_title="strength",
        y_title="confidence in the true class",
    )  # fmt: skip
    axis_titles = list(figure.select_annotations())[-2:]
    for place, frame in enumerate(frames):
        row, column = place // columns + 1, place % columns + 1
        for trace in _curve(frame):
            figure.add_trace(trace, row=row, col=column)
    layout(figure, _HEIGHT * rows + 56, top=32, bottom=52, left=34)
    subtitles(figure)
    for title in axis_titles:
        title.update(font={"size": SMALL, "color": INK})
    figure.update_xaxes(
        type="log", tickvals=[0.5, 1, 2, 4], ticktext=["½×", "yours", "2×", "4×"], range=[-0.4, 0.7], showgrid=False, tickfont={"size": SMALL}
    )  # fmt: skip
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", gridcolor=GRID, zeroline=False, nticks=4, tickfont={"size": SMALL})
    return figure


def _curve(frame: pd.DataFrame) -> list[go.Scatter]:
    plain = frame["plain"]
    at_own_strength = frame["factor"] == 1.0
    hover = "%{customdata[0]}<br>confidence %{y:.0%}, without the step %{customdata[1]:.0%}<extra></extra>"
    texts = frame["text"].map(escape_markup)
    return [
        go.Scatter(
            x=[0.4, 5], y=[plain.iloc[0]] * 2, mode="lines", line={"color": NEUTRAL, "dash": "dot", "width": 1}, hoverinfo="skip"
        ),
        go.Scatter(x=frame["factor"], y=plain - frame["low"], mode="lines", line={"color": CLEAR, "width": 0}, hoverinfo="skip"),
        go.Scatter(
            x=frame["factor"], y=plain - frame["high"], mode="lines", line={"color": CLEAR, "width": 0}, fill="tonexty",
            fillcolor="rgba(17, 138, 127, 0.18)", hoverinfo="skip",
        ),
        go.Scatter(
            x=frame["factor"], y=frame["confidence"], mode="lines+markers", line={"color": ACCENT, "width": 2},
            marker={"size": [11 if own else 6 for own in at_own_strength], "color": [BAD if hurts else ACCENT for hurts in frame["hurts"]]},
            customdata=[[text, float(p)] for text, p in zip(texts, plain, strict=True)], hovertemplate=hover,
        ),
    ]  # fmt: skip
