"""The confusion matrix one can click.

A plotly heatmap reports no clicks, so every cell also carries an unseen square marker with `customdata=[true, predicted]`.
With `hoverdistance=-1` the nearest marker answers, which on a grid is the cell under the pointer, whatever the cell's size:
the markers stay small, since overlapping ones would answer for their neighbours.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from dashboard.figure import CLEAR, INK, layout, plain, short

Normalise = Literal["count", "true", "predicted"]

# From "one error" to "the worst cell". The theme's text reads at 4.5:1 or better on every shade.
ERRORS = {False: ["#fdeee3", "#f9cfae", "#f2a774", "#ea8144"], True: ["#2a1d16", "#4c2a17", "#783a15", "#a34a10"]}
CORRECT = {False: ["#edf3f3", "#cfe2e1"], True: ["#171f22", "#1f3a3a"]}
LINE = {False: "#191c20", True: "#ffffff"}

GROUND = "rgba(128, 134, 144, 0.09)"

NUMBERS_UP_TO = 15
NAMES_UP_TO = 40


def confusion_matrix(
    matrix: np.ndarray,
    classes: Sequence[str],
    *,
    normalise: Normalise = "count",
    selected: tuple[int, int] | None = None,
    dark: bool = False,
) -> go.Figure:
    """Return the matrix as a square of cells: quiet correct ones, errors that glow, on a log scale so that rare ones show.

    matrix: (n, n) counts, rows true, columns predicted. `normalise` divides by the row ("true") or the column
    ("predicted"). `selected` is the outlined cell (true, predicted). Numbers stand in the cells up to 15 classes, names on
    the axes up to 40; show more classes than that in parts. A click's point has `customdata` [true, predicted].
    """
    counts = np.asarray(matrix, dtype=float)
    values = _normalised(counts, normalise)
    texts = _texts(counts, values, normalise)
    diagonal = np.eye(len(classes), dtype=bool)
    figure = go.Figure(
        [
            _cells(np.where(diagonal & (counts > 0), values, np.nan), texts, CORRECT[dark]),
            _cells(np.where(~diagonal & (counts > 0), _log(values, ~diagonal), np.nan), texts, ERRORS[dark]),
            _targets(counts, classes),
        ]
    )
    _axes(figure, classes)
    if selected is not None:
        _outline(figure, *selected, LINE[dark])
    layout(figure, _height(len(classes)), top=4, bottom=4, left=4, right=26)
    # Any distance: the nearest cell answers. The last label leans over the right margin. `dragmode` stays Streamlit's to set.
    figure.update_layout(hoverdistance=-1, dragmode=None, clickmode="event+select", plot_bgcolor=GROUND, margin_pad=0)
    return figure


def _normalised(counts: np.ndarray, normalise: Normalise) -> np.ndarray:
    """Return counts, or their share of the row or column (0 where that is empty)."""
    if normalise == "count":
        return counts
    totals = counts.sum(axis=1 if normalise == "true" else 0, keepdims=True)
    return np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)


def _texts(counts: np.ndarray, values: np.ndarray, normalise: Normalise) -> np.ndarray:
    """Return what stands in each cell: nothing where there is nothing, or where there is no room."""
    if len(counts) > NUMBERS_UP_TO:
        return np.full(counts.shape, "")
    shown = [f"{value:,.0f}" if normalise == "count" else f"{100 * value:.1f}" for value in values.ravel()]
    return np.where(counts > 0, np.array(shown).reshape(counts.shape), "")


def _log(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return the values on a scale from 0 (the smallest that occurs) to 1 (the largest), by logarithm."""
    occurring = values[where & (values > 0)]
    if occurring.size == 0 or occurring.min() == occurring.max():
        return np.where(values > 0, 1.0, 0.0)
    low, high = np.log(occurring.min()), np.log(occurring.max())
    return (np.log(np.where(values > 0, values, occurring.min())) - low) / (high - low)


def _cells(values: np.ndarray, texts: np.ndarray, colours: list[str]) -> go.Heatmap:
    """Return one layer of cells; NaN is a cell of another layer."""
    return go.Heatmap(
        z=values,
        zmin=0,
        zmax=max(float(np.nanmax(values, initial=0)), 1e-9),
        colorscale=colours,
        showscale=False,
        hoverinfo="skip",
        xgap=2,
        ygap=2,
        text=np.where(np.isnan(values), "", texts),
        texttemplate="%{text}",
        textfont={"size": 13 if len(values) <= 8 else 11 if len(values) <= 12 else 9, "color": INK},
        hoverongaps=False,
    )


def _targets(counts: np.ndarray, classes: Sequence[str]) -> go.Scatter:
    """Return the unseen markers that hear clicks and speak on hover, one a cell."""
    true, predicted = (axis.ravel() for axis in np.indices(counts.shape))
    shown = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=predicted,
        y=true,
        mode="markers",
        marker={"symbol": "square", "size": 8, "opacity": 0, "color": "#808080"},
        selected=shown,
        unselected=shown,
        # A list: as a numpy array it crosses as packed bytes, and every click then reports the first cell.
        customdata=np.stack([true, predicted], axis=1).tolist(),
        hovertext=[_sentence(counts, classes, t, p) for t, p in zip(true, predicted, strict=True)],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _sentence(counts: np.ndarray, classes: Sequence[str], true: int, predicted: int) -> str:
    """Return what a cell says: "mountain taken for glacier: 23 of 195 (11.8%)"."""
    count, total = int(counts[true, predicted]), int(counts[true].sum())
    verdict = "recognised" if true == predicted else f"taken for {plain(classes[predicted])}"
    share = f" ({100 * count / total:.1f}%)" if total else ""
    return f"{plain(classes[true])} {verdict}: {count:,} of {total:,}{share}"


def _axes(figure: go.Figure, classes: Sequence[str]) -> None:
    """Name rows and columns; cells stay square, against the top left corner."""
    n = len(classes)
    step = -(-n // NAMES_UP_TO)
    places = list(range(0, n, step))
    common = {
        "tickvals": places,
        "ticktext": [plain(short(classes[place])) for place in places],
        "tickfont": {"size": 12 if n <= 15 else 10},
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
        "constrain": "domain",
    }
    figure.update_xaxes(
        common, range=[-0.5, n - 0.5], side="top", tickangle=-45, constraintoward="left", title=_title("predicted →")
    )
    figure.update_yaxes(common, range=[n - 0.5, -0.5], scaleanchor="x", constraintoward="top", title=_title("← true"))
    figure.update_xaxes(title=_title("predicted →"))
    figure.update_yaxes(ticklabelstandoff=4)


def _title(text: str) -> dict:
    return {"text": text, "font": {"size": 12}, "standoff": 6}


def _outline(figure: go.Figure, true: int, predicted: int, colour: str) -> None:
    """Frame one cell."""
    figure.add_shape(
        type="rect", x0=predicted - 0.5, x1=predicted + 0.5, y0=true - 0.5, y1=true + 0.5,
        line={"color": colour, "width": 2.5}, fillcolor=CLEAR, layer="above",
    )  # fmt: skip


def _height(n: int) -> int:
    """Return the figure's height in pixels: cells shrink as classes come, down to 17 px."""
    return 100 + round(n * max(17, min(54, 420 / max(n, 1))))
