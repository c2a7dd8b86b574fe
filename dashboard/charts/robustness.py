"""The chart of robustness: accuracy against severity, a panel per corruption."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import CLEAR, GRID, INK, SMALL, escape_markup, layout, subtitles
from dashboard.charts.frames import named_rows
from dashboard.charts.palette import ACCENT
from engine.core.estimate import Estimate

_OTHER = "#d67a2f"
_FILLS = {ACCENT: "rgba(17, 138, 127, 0.18)", _OTHER: "rgba(214, 122, 47, 0.18)"}
_ROW = 185  # pixels


def severity_curves(
    runs: Sequence[tuple[str, pd.DataFrame]], labels: dict[str, str], chosen: str = "", columns: int = 3
) -> go.Figure:
    """Return accuracy with its 95% interval against severity, a panel per entry of `labels` (corruption -> title), in their order.

    `runs`: up to two names with `engine.evaluation.robustness.summary.by_severity`. A click's point has `customdata` [corruption].
    """
    rows = -(-len(labels) // columns)
    titles = [f"<b>{title}</b>" if name == chosen else title for name, title in labels.items()]
    figure = make_subplots(
        rows, columns, subplot_titles=titles, shared_yaxes="all", vertical_spacing=0.42 / rows, horizontal_spacing=0.04
    )
    for place, name in enumerate(labels):
        for (run, frame), tint in zip(runs, (ACCENT, _OTHER), strict=False):
            for trace in _curve(run, frame[frame["corruption"] == name], labels[name], tint, name):
                figure.add_trace(trace, row=place // columns + 1, col=place % columns + 1)
    layout(figure, _ROW * rows + 50, top=30, bottom=34)
    subtitles(figure)
    figure.update_xaxes(
        tickvals=[0, 1, 2, 3, 4, 5], range=[-0.3, 5.4], showgrid=False, zeroline=False, tickfont={"size": SMALL, "color": INK}
    )
    figure.update_yaxes(
        range=[0, 1.04], tickformat=".0%", nticks=4, gridcolor=GRID, zeroline=False, tickfont={"size": SMALL, "color": INK}
    )
    return figure


def _curve(run: str, frame: pd.DataFrame, label: str, tint: str, name: str) -> list[go.Scatter]:
    severity = frame["severity"]
    texts = [
        f"{escape_markup(run)}, {label}, {'as it is' if row.severity == 0 else f'severity {row.severity}'}: "
        f"{Estimate(row.accuracy, row.low, row.high).text('%')}, n = {row.n:,}"
        for row in named_rows(frame)
    ]
    edge = {"color": CLEAR, "width": 0}
    return [
        go.Scatter(x=severity, y=frame["low"], mode="lines", line=edge, hoverinfo="skip"),
        go.Scatter(x=severity, y=frame["high"], mode="lines", line=edge, fill="tonexty", fillcolor=_FILLS[tint], hoverinfo="skip"),
        go.Scatter(
            x=severity, y=frame["accuracy"], mode="lines+markers", line={"color": tint, "width": 2}, marker={"size": 9, "color": tint},
            customdata=[[name]] * len(frame), text=texts, hovertemplate="%{text}<extra></extra>", cliponaxis=False,
        ),
    ]  # fmt: skip
