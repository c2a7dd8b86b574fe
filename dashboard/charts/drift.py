"""Charts of how two splits differ, property by property. DataFrame in, figure out; no Streamlit here.

The measure is Cliff's delta: how much more often an image of one split has the higher value than the lower one. Unlike the
significance of a test, it does not grow with the number of images.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import GRID, INK, SMALL, escape_markup, layout, row_axis
from dashboard.charts.frames import named_rows
from dashboard.charts.palette import ACCENT, BAD, NEUTRAL
from engine.core.number_text import signed
from engine.data.properties import PROPERTIES, Property

# Cliff's delta: Romano et al. 2006, as `engine.data.drift` words it.
_NEGLIGIBLE = 0.147
_BANDS = (0.0, _NEGLIGIBLE, 0.33, 0.474, 1.0)  # negligible, small, medium, large
_LEAST_REACH = 0.474  # the axis shows at least all bands below "large"
_RIGHT = 118  # pixels for two medians
_ROW = 34


def drift_dots(drift: pd.DataFrame, a: str, b: str) -> go.Figure:
    """Return a dot per property over bands that name the size of the effect: left of the middle lower in `b`, right of it higher.

    drift: rows of `engine.data.drift.compute_drift` for all classes together. A click's point has `customdata` [property].
    """
    names = [PROPERTIES[name].label for name in drift["property"]]
    places = list(range(len(drift)))
    reach = max(_LEAST_REACH, 1.15 * drift["delta"].abs().max()) if len(drift) else _LEAST_REACH
    tints = np.where(drift["effect"] == "negligible", NEUTRAL, BAD)
    figure = go.Figure()
    _bands(figure, reach)
    for place, delta, tint in zip(places, drift["delta"], tints, strict=True):
        figure.add_scatter(x=[0, delta], y=[place, place], mode="lines", line={"color": tint, "width": 2}, hoverinfo="skip")
    # A selection must not fade the other dots.
    unfaded = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}
    figure.add_scatter(
        x=drift["delta"], y=places, mode="markers", marker={"size": 12, "color": tints, "opacity": 1},
        customdata=[[name] for name in drift["property"]], hovertext=[_hover_text(row, a, b) for row in named_rows(drift)],
        hovertemplate="%{hovertext}<extra></extra>", **unfaded,
    )  # fmt: skip
    for place, row in enumerate(named_rows(drift)):
        prop = PROPERTIES[row.property]
        figure.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=8, y=place, yref="y", showarrow=False, font={"size": SMALL},
            text=f"{prop.format(row.median_a)} → {prop.format(row.median_b)}",
        )  # fmt: skip
    figure.add_annotation(
        x=1, xref="paper", xanchor="left", xshift=8, y=1, yref="paper", yanchor="bottom", yshift=6, showarrow=False, align="left",
        text=f"median<br>{a} → {b}", font={"size": SMALL},
    )  # fmt: skip
    row_axis(figure, names)
    ticks = [-reach * 0.98, reach * 0.98]
    figure.update_xaxes(
        range=[-reach, reach], tickvals=ticks, ticktext=[f"← lower in {b}", f"higher in {b} →"], showgrid=False, zeroline=True,
        zerolinecolor=GRID, ticks="",
    )  # fmt: skip
    figure.update_layout(clickmode="event+select", hoverdistance=60)
    return layout(figure, _ROW * len(drift) + 92, top=50, bottom=34, right=_RIGHT)


def drift_grid(drift: pd.DataFrame, b: str) -> go.Figure:
    """Return a grid of classes by properties: each cell is the difference within that class, in a stronger colour for a larger effect.

    drift: rows of `engine.data.drift.compute_drift` by class. A click's point has `customdata` [class, property].
    """
    table = drift.pivot_table(index="class", columns="property", values="delta", sort=False)
    order = table.abs().max(axis=1).sort_values(ascending=False, kind="stable").index
    table = table.reindex(index=order, columns=[name for name in PROPERTIES if name in table.columns])
    cells = go.Heatmap(
        z=table.to_numpy(), x=list(range(table.shape[1])), y=list(range(table.shape[0])), zmin=-0.6, zmax=0.6, xgap=2, ygap=2,
        colorscale=[[0, "#5260f2"], [0.5 - _NEGLIGIBLE / 1.2, GRID], [0.5 + _NEGLIGIBLE / 1.2, GRID], [1, BAD]], showscale=False, hoverinfo="skip",
        text=[[_cell(value) for value in row] for row in table.to_numpy()], texttemplate="%{text}",
        textfont={"size": SMALL, "color": INK},
    )  # fmt: skip
    sentences = {(row["class"], row["property"]): row["sentence"] for _, row in drift.iterrows()}
    rows, columns = (axis.ravel() for axis in np.indices(table.shape))
    classes, properties = table.index.tolist(), table.columns.tolist()
    keys = [[classes[row], properties[column]] for row, column in zip(rows, columns, strict=True)]
    # A heatmap reports no clicks: invisible dots over its cells do.
    unseen = {"marker": {"opacity": 0}}
    targets = go.Scatter(
        x=columns, y=rows, mode="markers", marker={"size": 8, "symbol": "square", "opacity": 0}, selected=unseen, unselected=unseen,
        customdata=keys, hovertemplate="%{hovertext}<extra></extra>",
        hovertext=[
            f"{escape_markup(name)}, {PROPERTIES[prop].label}: {sentences.get((name, prop), 'too few images to compare.')}" for name, prop in keys
        ],
    )  # fmt: skip
    figure = go.Figure([cells, targets])
    row_axis(figure, list(table.index))
    figure.update_xaxes(
        tickvals=list(range(table.shape[1])), ticktext=[PROPERTIES[name].label for name in table.columns], side="top",
        tickangle=-40, showgrid=False, zeroline=False, tickfont={"size": SMALL},
    )  # fmt: skip
    layout(figure, 26 * len(table) + 100, top=86, right=46)
    figure.update_layout(clickmode="event+select", hoverdistance=-1)
    return figure


def split_histograms(bins: pd.DataFrame, prop: Property, tints: Mapping[str, str]) -> go.Figure:
    """Return two splits' histograms of a property over each other, as shares of their split.

    bins: `View.histogram` by split, columns group, low, high, n.
    """
    figure, names = go.Figure(), bins["group"].unique().tolist()
    for name in names:
        rows = bins[bins["group"] == name]
        share = rows["n"].to_numpy(float) / max(rows["n"].sum(), 1)
        x = np.repeat(np.concatenate([rows["low"], rows["high"].iloc[-1:]]), 2)
        y = np.concatenate([[0], np.repeat(share, 2), [0]])
        figure.add_scatter(
            x=x, y=100 * y, mode="lines", line={"color": tints.get(name, NEUTRAL), "width": 2}, name=name, hoverinfo="skip"
        )
    log = prop.skewed and len(bins) > 2 and bins["low"].min() > 0 and bins["high"].max() > 10 * bins["low"].min()
    figure.update_xaxes(
        title=f"{prop.label}, {prop.unit}" if prop.unit else prop.label, type="log" if log else "linear", gridcolor=GRID
    )
    figure.update_yaxes(title="% of its split", gridcolor=GRID, zeroline=False, rangemode="tozero", nticks=4)
    for place, name in enumerate(names):
        figure.add_annotation(
            text=f"<b>{name}</b>", x=1, xref="paper", xanchor="right", y=1, yref="paper", yanchor="top", yshift=-18 * place,
            showarrow=False, font={"color": tints.get(name, NEUTRAL)},
        )  # fmt: skip
    return layout(figure, 230, bottom=44, left=56)


def _bands(figure: go.Figure, reach: float) -> None:
    """Shade the bands of effect sizes, and label the middle one."""
    for strength, (low, high) in enumerate(pairwise(_BANDS)):
        if low >= reach:
            continue
        for side in (-1, 1):
            ends = sorted([side * low, side * min(high, reach)])
            figure.add_vrect(
                *ends, fillcolor=BAD if strength else ACCENT, opacity=0.05 + 0.05 * strength, line_width=0, layer="below"
            )
    # On a phone the other bands are too narrow for a label: the text below the chart explains them.
    figure.add_annotation(
        text="no difference<br>that matters", x=0, y=1, yref="paper", yanchor="bottom", yshift=6, showarrow=False,
        font={"size": SMALL},
    )  # fmt: skip


def _cell(value: float) -> str:
    return "" if np.isnan(value) or abs(value) < _NEGLIGIBLE else signed(value, 2)


def _hover_text(row: Any, a: str, b: str) -> str:
    prop = PROPERTIES[row.property]
    more = "more" if row.delta > 0 else "less"
    chance = 0.5 + abs(row.delta) / 2
    return (
        f"{prop.label.capitalize()}: {row.effect} difference<br>an image of {b} has {more} than one of {a} in {chance:.0%} of pairs"
        f"<br>n = {row.n_a:,} {a}, {row.n_b:,} {b}; p = {row.p_holm:.2g}"
    )
