"""The charts of training dynamics: DataFrame in, figure out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.figure import CLEAR, GRID, INK, SMALL, escape_markup, layout
from dashboard.charts.frames import named_rows
from dashboard.charts.palette import ACCENT, BAD, GOOD, NEUTRAL

BINS = 10
MAX_VARIABILITY = 0.5  # the largest possible standard deviation of values between 0 and 1
STATE_TINTS: Mapping[str, str] = {"early": GOOD, "late": "#219cd3", "forgotten": "#d67a2f", "never": "#d32865"}
_NO_EPOCH = ("forgotten", "never")
_MAX_LABELLED = 22  # bars that have room for their number
_LARGEST = 24  # pixels of the mark of the fullest cell


def probability_curve(story: pd.DataFrame) -> go.Figure:
    """Return the probability of the true class per epoch; a full mark where the image was recognised, a ring where it was not.

    `story`: columns epoch, probability, right, taken_for.
    """
    tints = [GOOD if right else BAD for right in story["right"]]
    figure = go.Figure(
        go.Scatter(
            x=story["epoch"], y=story["probability"], mode="lines+markers", line={"color": NEUTRAL, "width": 1.5},
            marker={"size": 11, "color": tints, "symbol": ["circle" if right else "circle-open" for right in story["right"]],
                    "line": {"width": 2, "color": tints}},
            customdata=[[escape_markup(name)] for name in story["taken_for"]],
            hovertemplate="after epoch %{x}: %{y:.1%} for the true class, taken for %{customdata[0]}<extra></extra>", cliponaxis=False,
        )
    )  # fmt: skip
    layout(figure, 190, top=28, bottom=36)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", nticks=4, gridcolor=GRID, zeroline=False)
    figure.update_xaxes(title_text="epoch", dtick=max(1, len(story) // 8), showgrid=False, zeroline=False)
    return _with_title(figure, "True class by epoch (ring: misclassified)")


def settled_bars(summary: pd.DataFrame, epochs: int, chosen: str = "") -> go.Figure:
    """Return how many images were recognised for good from each epoch on, and how many were forgotten or never learned.

    `summary`: `engine.evaluation.dynamics.summary`. A click's point has `customdata` [key]: epoch-N, forgotten or never; the bar of the
    key `chosen` has a border.
    """
    keys = [*(f"epoch-{epoch}" for epoch in range(1, epochs + 1)), "forgotten", "never"]
    names = [*(str(epoch) for epoch in range(1, epochs + 1)), "forgotten", "never"]
    settled = summary["settled"].value_counts()
    state = summary["state"].value_counts()
    counts = [
        *(settled.get(epoch, 0) for epoch in range(1, epochs + 1)),
        state.get("forgotten", 0),
        state.get("never", 0),
    ]
    half = -(-epochs // 2)
    kinds = [*("early" if epoch <= half else "late" for epoch in range(1, epochs + 1)), "forgotten", "never"]
    highest = max(counts, default=1)
    texts = [
        f"{name if kind in _NO_EPOCH else f'epoch {name}'}: {n:,} images"
        for name, kind, n in zip(names, kinds, counts, strict=True)
    ]
    figure = go.Figure(
        [
            go.Bar(
                x=names, y=counts, text=[f"{n:,}" if len(names) <= _MAX_LABELLED else "" for n in counts], textposition="outside",
                textfont={"size": SMALL}, cliponaxis=False, hoverinfo="skip",
                marker={"color": [STATE_TINTS[kind] for kind in kinds], "cornerradius": 3,
                        "line": {"width": [3 if key == chosen else 0 for key in keys], "color": INK}},
            ),
            # The target of clicks: a bar of a few images would be too low to hit.
            go.Bar(
                x=names, y=[highest] * len(names), customdata=[[key] for key in keys], text=texts, textposition="none",
                hovertemplate="%{text}<extra></extra>", marker={"color": NEUTRAL, "opacity": 0.001},
            ),
        ]
    )  # fmt: skip
    figure.update_layout(barmode="overlay")
    layout(figure, 250, top=34, bottom=40)
    figure.update_xaxes(type="category", title_text="recognised for good from this epoch on", showgrid=False)
    figure.update_yaxes(visible=False, range=[0, 1.15 * highest])
    return _with_title(figure, "When the images were learned")


def map_cells(summary: pd.DataFrame) -> pd.DataFrame:
    """Return each image's cell on the map: columns column (variability) and row (confidence), 0 to BINS - 1."""
    column = np.clip((summary["variability"] / MAX_VARIABILITY * BINS).astype(int), 0, BINS - 1)
    row = np.clip((summary["confidence"] * BINS).astype(int), 0, BINS - 1)
    return pd.DataFrame({"column": column, "row": row})


def learning_map(summary: pd.DataFrame, chosen: str = "") -> go.Figure:
    """Return the data map (Swayamdipta et al. 2020): the mean and the spread, over the epochs, of the true class's probability.

    One mark per cell. Its size grows with the number of images, less than in proportion, since one cell may hold nearly all; its colour
    is the share of epochs that recognised them. A click's point has `customdata` [cell-C-R].
    """
    images = pd.concat([map_cells(summary), summary[["correctness", "content"]]], axis=1)
    grouped = images.groupby(["column", "row"]).agg(n=("content", "size"), correctness=("correctness", "mean")).reset_index()
    keys = [f"cell-{row.column}-{row.row}" for row in named_rows(grouped)]
    figure = go.Figure(
        go.Scatter(
            x=(grouped["column"] + 0.5) / BINS * MAX_VARIABILITY, y=(grouped["row"] + 0.5) / BINS, mode="markers",
            marker={"size": _LARGEST * (grouped["n"] / grouped["n"].max()) ** 0.22, "symbol": "square",
                    "color": grouped["correctness"], "cmin": 0, "cmax": 1, "colorscale": [[0, BAD], [0.5, "#b9a13f"], [1, ACCENT]],
                    "opacity": 1, "line": {"width": [3 if key == chosen else 0 for key in keys], "color": INK}},
            customdata=[[key] for key in keys], cliponaxis=False,
            text=[f"{row.n:,} images, recognised in {row.correctness:.0%} of the epochs" for row in named_rows(grouped)],
            hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    layout(figure, 330, top=34, bottom=44, right=12)
    figure.update_xaxes(
        range=[-0.1, MAX_VARIABILITY + 0.02],
        tickvals=[0, 0.1, 0.2, 0.3, 0.4, 0.5],
        title_text="variability (standard deviation)",
        gridcolor=GRID,
        zeroline=False,
    )
    figure.update_yaxes(
        range=[-0.04, 1.06], tickformat=".0%", title_text="mean probability of the true class", gridcolor=GRID, zeroline=False
    )
    for x, y, text, side in ((-0.09, 0.95, "easy", "left"), (0.5, 0.5, "ambiguous", "right"), (-0.09, 0.05, "hard", "left")):
        figure.add_annotation(
            x=x, y=y, text=text, showarrow=False, xanchor=side, font={"size": SMALL, "color": INK}, bgcolor=CLEAR
        )
    return _with_title(figure, "Confidence and variability")


def _with_title(figure: go.Figure, text: str) -> go.Figure:
    figure.add_annotation(x=0, y=1, xref="paper", yref="paper", yanchor="bottom", yshift=10, xanchor="left", text=text, showarrow=False,
                          font={"size": SMALL, "color": INK})  # fmt: skip
    return figure
