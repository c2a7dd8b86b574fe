"""Charts of two confused classes: DataFrame in, figure out; no Streamlit here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import GRID, SMALL, escape_markup, layout, row_axis, shorten
from dashboard.charts.frames import named_rows
from dashboard.charts.palette import BAD, NEUTRAL
from engine.core.estimate import Estimate
from engine.data.drift import ALPHA
from engine.data.properties import PROPERTIES

_ROW = 30  # pixels
_SMALL, _MEDIUM, _LARGE = 0.147, 0.33, 0.474  # of Cliff's delta: Romano et al. 2006


def confusion_rates(ranked: pd.DataFrame, classes: Sequence[str], colours: Mapping[str, str], chosen: int) -> go.Figure:
    """Return one row per pair: the confusion rate of either direction as a bar to its side, with its interval and count.

    ranked: rows of `engine.evaluation.class_pairs.rank_pairs`. `chosen`: the highlighted row. A click's point has `customdata` [row].
    """
    figure, places = go.Figure(), list(range(len(ranked)))
    for name, sign in (("a", -1), ("b", 1)):
        rate, low, high = (100 * ranked[f"{name}_{kind}"].fillna(0) for kind in ("rate", "low", "high"))
        other = "b" if name == "a" else "a"
        count, images = ranked[f"{name}_as_{other}"], ranked[f"{name}_images"]
        hover_texts = [
            f"{escape_markup(classes[t])} taken for {escape_markup(classes[p])}: {c:,} of {n:,}<br>{Estimate(r, lo, hi).text('%', named=True)}"
            for t, p, c, n, r, lo, hi in zip(
                ranked[name], ranked[other], count, images, rate / 100, low / 100, high / 100, strict=True
            )
        ]
        opacities = [0.95 if place == chosen else 0.5 for place in places]
        figure.add_bar(
            x=sign * rate, y=places, orientation="h", width=0.6, customdata=[[place] for place in places],
            marker={"color": [colours.get(classes[place], NEUTRAL) for place in ranked[name]], "opacity": opacities, "cornerradius": 3},
            error_x={"type": "data", "symmetric": False, "array": high - rate if sign > 0 else rate - low,
                     "arrayminus": rate - low if sign > 0 else high - rate, "thickness": 1, "width": 3, "color": "#808490"},
            hovertext=hover_texts, hovertemplate="%{hovertext}<extra></extra>",
            selected={"marker": {"opacity": 0.95}}, unselected={"marker": {"opacity": 0.5}},
        )  # fmt: skip
        for place in places:
            end = float(high.iloc[place])
            figure.add_annotation(
                x=sign * end, y=place, xanchor="right" if sign < 0 else "left", xshift=4 * sign, showarrow=False, font={"size": SMALL},
                text=f"{escape_markup(shorten(classes[int(ranked[name].iloc[place])], 14))} {count.iloc[place]:,}",
            )  # fmt: skip
    # Almost twice the longest bar: the names stand outside of the bars' ends.
    reach = 1.9 * max((float(100 * ranked[f"{name}_high"].max()) for name in "ab"), default=1.0) + 1
    row_axis(figure, [""] * len(places))
    ticks = [tick for tick in _steps(reach / 1.9) if tick]
    figure.update_xaxes(
        range=[-reach, reach], zeroline=True, zerolinecolor=GRID, gridcolor=GRID, tickvals=[*(-tick for tick in ticks), 0, *ticks],
        ticktext=[*(f"{tick:g}%" for tick in ticks), "0", *(f"{tick:g}%" for tick in ticks)],
    )  # fmt: skip
    figure.update_layout(barmode="overlay", clickmode="event+select")
    return layout(figure, _ROW * len(ranked) + 40, bottom=28)


def effect_sizes(differences: pd.DataFrame) -> go.Figure:
    """Return Cliff's delta per property with its interval: one comparison of `engine.evaluation.class_pairs.differences`."""
    names = [name for name in PROPERTIES if (differences["property"] == name).any()]
    figure = go.Figure(
        go.Scatter(
            x=differences["delta"], y=[names.index(name) for name in differences["property"]], mode="markers",
            error_x={"type": "data", "symmetric": False, "array": differences["high"] - differences["delta"],
                     "arrayminus": differences["delta"] - differences["low"], "thickness": 1.6, "width": 0, "color": "#808490"},
            marker={"size": 10, "color": [BAD if significant else NEUTRAL for significant in differences["p_holm"] < ALPHA], "opacity": 1},
            hovertext=[_hover_text(row) for row in named_rows(differences)], hovertemplate="%{hovertext}<extra></extra>",
        )
    )  # fmt: skip
    for edge in (-_LARGE, -_MEDIUM, -_SMALL, _SMALL, _MEDIUM, _LARGE):
        figure.add_vline(x=edge, line={"color": GRID, "width": 1, "dash": "dot"})
    row_axis(figure, [PROPERTIES[name].label for name in names])
    ticks = {"tickvals": [-1, 0, 1], "ticktext": ["lower", "same", "higher"]}
    figure.update_xaxes(range=[-1.05, 1.05], zeroline=True, zerolinecolor=GRID, **ticks)
    return layout(figure, _ROW * len(names) + 40, bottom=28, right=24)


def positions_between_centres(
    along: Mapping[str, np.ndarray], names: Mapping[str, str], colours: Mapping[str, str], ends: tuple[str, str]
) -> go.Figure:
    """Return where the images of each group lie between the two classes' centres: a dot per image, the median as a line.

    along: group -> (n,) positions, 0 is the first centre and 1 the second. names, colours: of the groups. ends: the classes.
    """
    groups = [group for group in along if len(along[group])]
    figure, rng = go.Figure(), np.random.default_rng(0)
    for place, group in enumerate(groups):
        values = along[group][:400]
        figure.add_scatter(
            x=values, y=place + rng.uniform(-0.28, 0.28, len(values)), mode="markers", hoverinfo="skip",
            marker={"size": 5, "color": colours[group], "opacity": 0.55},
        )  # fmt: skip
        middle = float(np.median(along[group]))
        figure.add_scatter(
            x=[middle, middle], y=[place - 0.4, place + 0.4], mode="lines", line={"width": 3, "color": colours[group]},
            hovertemplate=f"{escape_markup(names[group])}: median {middle:.2f}, {len(along[group]):,} images<extra></extra>",
        )  # fmt: skip
    row_axis(figure, [f"{names[group]}, n={len(along[group]):,}" for group in groups], longest=44)
    low, high = (float(limit(np.concatenate([along[group] for group in groups]))) for limit in (np.min, np.max))
    figure.update_xaxes(
        range=[min(low, 0) - 0.05, max(high, 1) + 0.05], tickvals=[0, 0.5, 1], gridcolor=GRID, zeroline=False,
        ticktext=[f"centre of {escape_markup(shorten(ends[0]))}", "half way", f"centre of {escape_markup(shorten(ends[1]))}"],
    )  # fmt: skip
    return layout(figure, 52 * len(groups) + 40, bottom=28)


def _hover_text(row: Any) -> str:
    prop, delta = PROPERTIES[row.property], Estimate(row.delta, row.low, row.high)
    return (
        f"{prop.label}: median {prop.format(row.median_first)} (n={row.n_first:,}) against {prop.format(row.median_second)} (n={row.n_second:,})"
        f"<br>Cliff's delta {delta.text(digits=2, signed=True, named=True)}, "
        f"{row.effect}<br>p = {row.p_holm:.2g} (Holm)"
    )


def _steps(limit: float) -> list[float]:
    """Return two or three round values up to `limit`."""
    step = next(step for step in (1, 2, 5, 10, 20, 50) if limit / step <= 3.5) if limit <= 175 else 50
    return list(np.arange(0, limit, step))
