"""One rate with its interval per row: slices, classes, differences between runs. DataFrame in, figure out; no Streamlit here."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import CLEAR, GRID, INK, SMALL, escape_markup, layout, row_axis, shorten, subtitles
from dashboard.charts.frames import named_rows
from dashboard.charts.palette import ACCENT, BAD, NEUTRAL
from engine.core import number_text
from engine.core.estimate import Estimate
from engine.core.number_text import signed_percent

ROW, _TALL_ROW = 34, 48
_UNFADED = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}


def interval_dots(
    rows: pd.DataFrame, *, line: float | None = None, longest: int = 34, clickable: bool = False, chosen: int | None = None,
    difference: bool = False, right: int = 132, names_above: bool = False, percent: bool = True,
) -> go.Figure:  # fmt: skip
    """Return one row per rate, the first on top: a dot with a bar over its 95% interval.

    rows: columns name, value, low, high (shares; NaN where undefined), text (at the right), and optionally tick (a second value, drawn
    as a stroke), colour, and more (added to the hover text). line: a value marked through all rows. With `difference` the scale is
    centred on 0, and dots without a colour are coloured by their sign where the interval excludes 0. A click's point has `customdata`
    [row]; the row `chosen` has a bar behind it. With `names_above`, names and texts stand above their bars, so that long ones fit on a phone.
    Without `percent` the values are scores such as an area, 0.997, and not shares.
    """
    figure, places = go.Figure(), list(range(len(rows)))
    _intervals(figure, rows, difference, percent)
    if "tick" in rows:
        figure.add_scatter(
            x=rows["tick"], y=places, mode="markers", hoverinfo="skip",
            marker={"symbol": "line-ns", "size": 11, "line": {"width": 2, "color": NEUTRAL}},
        )  # fmt: skip
    limits = _axis_limits(rows, line, difference)
    if clickable:
        # An invisible target over each row. It carries the hover text, since plotly reports no clicks on traces without one.
        figure.update_traces(hoverinfo="skip", hovertemplate=None, hovertext=None)
        figure.add_bar(
            x=[limits[1] - limits[0]] * len(rows), base=limits[0], y=places, orientation="h", width=1.0, marker={"color": CLEAR},
            customdata=[[place] for place in places], hovertext=[_hover_text(row, difference, percent) for row in named_rows(rows)],
            hovertemplate="%{hovertext}<extra></extra>", **_UNFADED,
        )  # fmt: skip
    if chosen is not None:
        figure.add_hrect(y0=chosen - 0.48, y1=chosen + 0.48, fillcolor=GRID, line_width=0, layer="below")
    if line is not None:
        figure.add_vline(x=line, line={"color": NEUTRAL, "width": 1, "dash": "dot"})
    if names_above:
        for place, name in enumerate(rows["name"]):
            lines = _lines(name, longest)
            figure.add_annotation(
                y=place, xref="paper", yref="y", text="<br>".join(map(escape_markup, lines)), showarrow=False, font={"size": SMALL}, x=0,
                xanchor="left", align="left", yshift=15 if len(lines) == 1 else 22,
            )  # fmt: skip
        _annotate_rows(figure, rows["text"], x=1, xanchor="right", yshift=15)
        figure.update_yaxes(range=[len(rows) - 0.5, -0.5], visible=False)
    else:
        _annotate_rows(figure, rows["text"], x=1, xanchor="left", xshift=8)
        row_axis(figure, list(rows["name"]), longest)
    ticks = _difference_ticks(limits[1]) if difference else {"tickformat": ".0%" if percent else ".2~f", "nticks": 5}
    figure.update_xaxes(range=limits, gridcolor=GRID, zeroline=difference, zerolinecolor=NEUTRAL, ticks="", **ticks)
    layout(figure, (_TALL_ROW if names_above else ROW) * len(rows) + 44, bottom=28, right=8 if names_above else right)
    if clickable:
        figure.update_layout(clickmode="event+select")
    return figure


def _lines(name: str, longest: int) -> list[str]:
    """Return a name in one or two lines, broken between its conditions; only a condition that is itself too long is cut."""
    if len(name) <= longest:
        return [name]
    head, _, tail = name.rpartition(", ")
    return [shorten(f"{head},", longest), shorten(tail, longest)] if head else [shorten(name, longest)]


def _annotate_rows(figure: go.Figure, texts: Iterable[str], **place: object) -> None:
    """Write a small text into each row."""
    for row, text in enumerate(texts):
        figure.add_annotation(
            y=row, xref="paper", yref="y", text=escape_markup(text), showarrow=False, font={"size": SMALL}, **place
        )


def _intervals(figure: go.Figure, rows: pd.DataFrame, difference: bool, percent: bool) -> None:
    tints = rows["colour"].tolist() if "colour" in rows else [ACCENT] * len(rows)
    if difference and "colour" not in rows:
        tints = [ACCENT if low > 0 else BAD if high < 0 else NEUTRAL for low, high in zip(rows["low"], rows["high"], strict=True)]
    for place, (low, high, tint) in enumerate(zip(rows["low"], rows["high"], tints, strict=True)):
        figure.add_scatter(
            x=[low, high], y=[place, place], mode="lines", line={"color": tint, "width": 4}, opacity=0.45, hoverinfo="skip"
        )
    figure.add_scatter(
        x=rows["value"], y=list(range(len(rows))), mode="markers", marker={"size": 11, "color": tints, "opacity": 1},
        hovertext=[_hover_text(row, difference, percent) for row in named_rows(rows)], hovertemplate="%{hovertext}<extra></extra>",
        customdata=[[place] for place in range(len(rows))], **_UNFADED,
    )  # fmt: skip


def _hover_text(row: Any, difference: bool, percent: bool) -> str:
    estimate = Estimate(row.value, row.low, row.high)
    figures = estimate.text("points", signed=True) if difference else estimate.text("%" if percent else "")
    tick = f"<br>expected from its class mix: {number_text.percent(row.tick)}" if hasattr(row, "tick") else ""
    more = f"<br>{escape_markup(row.more)}" if hasattr(row, "more") else ""
    return f"{escape_markup(row.name)}<br>{figures}<br>{escape_markup(row.text)}{tick}{more}"


def _difference_ticks(reach: float) -> dict[str, list]:
    """Return ticks on either side of 0, which has no sign. `reach`: the end of the axis, in shares."""
    steps = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    step = next((step for step in steps if reach / step < 3), 0.5)
    ticks = [place * step for place in range(-2, 3) if abs(place * step) <= reach]
    return {"tickvals": ticks, "ticktext": [signed_percent(tick, 0 if step >= 0.01 else 1) for tick in ticks]}


def _axis_limits(rows: pd.DataFrame, line: float | None, difference: bool) -> list[float]:
    values = rows[["value", "low", "high"]].to_numpy(float).ravel()
    values = np.append(values, [] if line is None else line)
    low, high = (np.nanmin(values, initial=1.0), np.nanmax(values, initial=-1.0)) if np.isfinite(values).any() else (0.0, 1.0)
    if difference:
        reach = max(abs(low), abs(high), 0.01) * 1.06
        return [-reach, reach]
    room = max(0.04 * (high - low), 0.004)
    return [max(low - room, -0.01), min(high + room, 1.01)]


def score_intervals(scores: pd.DataFrame, colours: Sequence[str]) -> go.Figure:
    """Return precision, recall and F1 per class with their 95% intervals, on one scale; the counts beside the name.

    scores: `engine.evaluation.metrics.per_class_intervals`; colours: one per row.
    """
    names = {"precision": "precision", "recall": "recall", "f1": "F1"}
    labels = [
        f"{escape_markup(row['class'])}  <span style='font-size:11px'>n={row.support:,}</span>" for _, row in scores.iterrows()
    ]
    rows = scores.to_dict("records")
    figure = make_subplots(1, 3, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=list(names.values()))
    lowest = np.nanmin(scores[[f"{name}_low" for name in names]].to_numpy(float), initial=1.0)
    for column, (name, title) in enumerate(names.items(), start=1):
        values, low, high = (scores[key].astype(float) for key in (name, f"{name}_low", f"{name}_high"))
        dots = go.Scatter(
            x=values, y=labels, mode="markers+text", marker={"size": 10, "color": list(colours)}, textposition="top center",
            text=["" if pd.isna(value) else f"{value:.3f}" for value in values], textfont={"size": SMALL}, cliponaxis=False,
            error_x={"type": "data", "symmetric": False, "array": high - values, "arrayminus": values - low, "thickness": 2, "width": 0,
                     "color": NEUTRAL},
            hovertext=[f"{title} {Estimate.from_row(row, name)}" for row in rows], hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
        figure.add_trace(dots, row=1, col=column)
        figure.update_xaxes(range=[max(0.0, lowest - 0.02), 1.01], tickformat=".2f", nticks=3, gridcolor=GRID, row=1, col=column)
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=labels, tickvals=labels, range=[len(labels) - 0.5, -0.7],
        showgrid=False, zeroline=False, ticks="", ticklabelstandoff=6,
    )  # fmt: skip
    subtitles(figure)
    figure.update_layout(font_color=INK)
    return layout(figure, 46 * len(scores) + 66, top=32, bottom=28)
