"""Charts of a property's distribution per class. DataFrame in, figure out; no Streamlit here.

Up to 12 classes are drawn as ridges, whose shapes can be compared; more as intervals, whose positions can be compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.dataset import image_count, row_height
from dashboard.charts.figure import GRID, SMALL, escape_markup, layout, row_axis
from dashboard.charts.frames import Values, named_rows
from dashboard.charts.palette import NEUTRAL
from engine.data.properties import Property

MAX_RIDGES = 12
_RIDGE = 46  # pixels from one ridge's base to the next
_HIGHEST = 1.35  # height of the highest ridge in rows: it reaches into the row above
_BASE = 0.3  # a ridge's base, below the middle of its row
_RIGHT = 96  # pixels for a median and a number of images
_SMOOTH = (0.06, 0.24, 0.4, 0.24, 0.06)  # weights of five neighbouring bins; their sum is 1
_UNSEEN = {"selected": {"marker": {"opacity": 0}}, "unselected": {"marker": {"opacity": 0}}}
_SEEN = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}


def ridges(bins: pd.DataFrame, points: pd.DataFrame, colours: Mapping[str, str], prop: Property) -> go.Figure:
    """Return the shape of a property's distribution per class, all of the same area, the lowest median on top.

    bins: `View.histogram` by class, columns group, low, high, n. points: `View.quantiles`, columns group, n, q5 to q95. A
    click's point has `customdata` [class].
    """
    points = _by_median(points)
    rows = {name: bins[(bins["group"] == name) & (bins["high"] > bins["low"])] for name in points["group"]}
    log = _logarithmic(bins, prop)
    shapes = {name: _density(class_bins, log) for name, class_bins in rows.items()}
    tallest = max((height.max() for _, height in shapes.values()), default=0) or 1
    figure = go.Figure()
    for place, (name, median) in enumerate(zip(points["group"], points["q50"], strict=True)):
        x, height = shapes[name]
        base = place + _BASE
        y = base - _HIGHEST * height / tallest
        figure.add_traces(_ridge(x, y, base, median, colours.get(name, NEUTRAL)))
        figure.add_trace(_targets(x, (y + base) / 2, name, _bin_texts(name, rows[name], prop)))
    _finish(figure, points, prop, log, (bins["low"].min(), bins["high"].max()) if len(bins) else (0, 1))
    figure.update_yaxes(range=[len(points) - 0.5, -_HIGHEST])
    return layout(figure, round(_RIDGE * (len(points) + 0.9)) + 52, bottom=44, right=_RIGHT)


def intervals(points: pd.DataFrame, colours: Mapping[str, str], prop: Property) -> go.Figure:
    """Return per class the median as a dot, the middle half as a bar and the middle nine tenths as a line.

    points: `View.quantiles`, columns group, n, q5 to q95. A click's point has `customdata` [class].
    """
    points = _by_median(points)
    places, tints = list(range(len(points))), [colours.get(name, NEUTRAL) for name in points["group"]]
    figure = go.Figure()
    for low, high, width in (("q5", "q95", 0.08), ("q25", "q75", 0.44)):
        figure.add_bar(
            base=points[low], x=points[high] - points[low], y=places, orientation="h", width=width,
            marker={"color": tints, "opacity": 0.55, "line": {"width": 0}}, hoverinfo="skip",
        )  # fmt: skip
    hover_texts = [_hover_text(row, prop) for row in named_rows(points)]
    figure.add_scatter(
        x=points["q50"], y=places, mode="markers", marker={"color": tints, "size": 9, "opacity": 1}, hoverinfo="skip", **_SEEN
    )
    for level in ("q5", "q50", "q95"):
        figure.add_trace(_targets(points[level], places, points["group"], hover_texts))
    log = prop.skewed and len(points) > 0 and points["q5"].min() > 0 and points["q95"].max() > 10 * points["q5"].min()
    _finish(figure, points, prop, log, (points["q5"].min(), points["q95"].max()) if len(points) else (0, 1))
    figure.update_layout(barmode="overlay")
    return layout(figure, row_height(len(points)) * len(points) + 60, bottom=44, right=_RIGHT)


def _by_median(points: pd.DataFrame) -> pd.DataFrame:
    return points[points["n"] > 0].sort_values("q50", kind="stable", ignore_index=True)


def _ridge(x: np.ndarray, y: np.ndarray, base: float, median: float, tint: str) -> list[go.Scatter]:
    """Return a filled shape over its base, and the line of its median."""
    return [
        go.Scatter(
            x=[x[0], *x, x[-1]], y=[base, *y, base], fill="toself", fillcolor=_clear(tint), mode="lines",
            line={"color": tint, "width": 1.6}, hoverinfo="skip",
        ),
        go.Scatter(
            x=[median] * 2, y=[base, float(np.interp(median, x, y))], mode="lines", line={"color": tint, "width": 3}, hoverinfo="skip"
        ),
    ]  # fmt: skip


def _targets(x: Values, y: Values, names: str | Sequence[str] | pd.Series, texts: list[str]) -> go.Scatter:
    """Return invisible points that receive clicks and show the hover texts."""
    names = [names] * len(texts) if isinstance(names, str) else list(names)
    return go.Scatter(
        x=x, y=y, mode="markers", marker={"size": 12, "opacity": 0}, customdata=[[name] for name in names], hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>", **_UNSEEN,
    )  # fmt: skip


def _finish(figure: go.Figure, points: pd.DataFrame, prop: Property, log: bool, limits: tuple[float, float]) -> None:
    """Label the rows and the axis, and write each class's median and number of images at the right."""
    row_axis(figure, list(points["group"]))
    low, high = (float(np.log10(limit)) if log else float(limit) for limit in limits)
    pad = 0.01 * (high - low)
    ticks = _ticks(*limits, log)
    figure.update_xaxes(
        title=f"{prop.label}, {prop.unit}" if prop.unit else prop.label, gridcolor=GRID, zeroline=False, type="log" if log else "linear",
        range=[low - pad, high + pad], tickvals=ticks, ticktext=[prop.format(tick) for tick in ticks],
    )  # fmt: skip
    figure.update_layout(clickmode="event+select", hoverdistance=40)
    for place, row in enumerate(named_rows(points)):
        figure.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=6, y=place, yref="y", showarrow=False, align="left", font={"size": SMALL},
            text=f"<b>{prop.format(row.q50)}</b>  n={row.n:,}",
        )  # fmt: skip


def _ticks(low: float, high: float, log: bool) -> list[float]:
    """Return at most six round values from `low` to `high`."""
    if log:
        candidates = [step * 10.0**power for power in range(-4, 12) for step in (1, 2, 5)]
        ticks = [tick for tick in candidates if low <= tick <= high]
        return ticks if len(ticks) <= 6 else ticks[:: -(-len(ticks) // 6)]
    if high <= low:
        return [low]
    step = 10.0 ** np.floor(np.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    return [round(float(tick), 10) for tick in np.arange(np.ceil(low / step), high / step + 1e-9) * step]


def _logarithmic(bins: pd.DataFrame, prop: Property) -> bool:
    """Return whether the bins grow, as `View.histogram` chooses for a skewed property that spans orders of magnitude."""
    if not prop.skewed or len(bins) < 3 or bins["low"].min() <= 0:
        return False
    widths = (bins["high"] - bins["low"]).to_numpy()
    return bool(widths.max() > 1.5 * np.median(widths))


def _density(rows: pd.DataFrame, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle of each bin and the share of the class per unit of the axis, smoothed over neighbouring bins."""
    low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
    middle = np.sqrt(low * high) if log else (low + high) / 2
    width = np.log(high / low) if log else high - low
    density = rows["n"].to_numpy(float) / max(rows["n"].sum(), 1) / width
    return middle, np.convolve(np.pad(density, 2, mode="edge"), _SMOOTH, mode="valid")


def _bin_texts(name: str, rows: pd.DataFrame, prop: Property) -> list[str]:
    total = max(int(rows["n"].sum()), 1)
    return [
        f"{escape_markup(name)}: {image_count(int(row.n))} ({100 * row.n / total:.1f}%) from {prop.format(row.low)} to {prop.format(row.high)}"
        for row in named_rows(rows)
    ]


def _hover_text(row: Any, prop: Property) -> str:
    return (
        f"{escape_markup(row.group)}: median {prop.format(row.q50)}<br>half of the images from {prop.format(row.q25)} to {prop.format(row.q75)}<br>"
        f"9 in 10 from {prop.format(row.q5)} to {prop.format(row.q95)}<br>{image_count(row.n)}"
    )


def _clear(colour: str) -> str:
    """Return a hex colour at 30% of its strength."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.3)"
