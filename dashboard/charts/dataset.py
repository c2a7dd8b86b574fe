"""Charts of a dataset's classes by split and of its image sizes. DataFrame in, plotly figure out; no Streamlit here.

An invisible target with `customdata` covers each row, so that a click selects the class however short its bar is. The images that
match the filter are a solid bar over a faint bar of all images.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import CLEAR, GRID, SMALL, escape_markup, layout, row_axis, shorten, subtitles
from dashboard.charts.frames import named_rows
from dashboard.charts.palette import ACCENT, NEUTRAL
from engine.core.number_text import percent
from engine.data.layouts import SPLITS

NAMED_SIZES = 3
_FAINT = 0.28


def class_bars(counts: pd.DataFrame, splits: pd.DataFrame, colours: Mapping[str, str], share: bool = False) -> go.Figure:
    """Return labelled bars of images per class, one column per split; the classes in the order of `counts`.

    counts: columns class, split, n, matching (how many of the n match the filter). splits: columns split, n, matching, which exceed
    the sums of `counts` where not all classes are drawn. Counts have their own scale in each column (the label shows the number);
    with `share` a bar is the class's proportion of its split, on one scale, so that columns can be compared. A click's point has
    `customdata` [class, split].
    """
    names = list(dict.fromkeys(counts["class"]))
    totals = {row.split: row for row in named_rows(splits)}
    shown = [split for split in SPLITS if split in totals]
    total, matching = (_table(counts, column, names, shown) for column in ("n", "matching"))
    titles = [f"{split}<br>{_matching_text(totals[split].matching, totals[split].n)}" for split in shown]
    figure = make_subplots(1, max(1, len(shown)), shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=titles or None)
    shares = [
        table / pd.Series({split: max(getattr(totals[split], column), 1) for split in shown}, dtype=float)
        for column, table in (("n", total), ("matching", matching))
    ]
    top = max((table.to_numpy().max(initial=0) for table in shares), default=0)
    for column, split in enumerate(shown, start=1):
        values = [table[split] for table in (shares if share else (total, matching))]
        texts = _share_texts(shares[1][split]) if share else _count_texts(matching[split], total[split])
        # Wider than the longest bar, whose label stands outside of it.
        reach = (1.3 + 0.05 * max(map(len, texts), default=5)) * max(top if share else total[split].max(), 1e-9)
        traces = _row_bars(names, split, values, texts, [colours.get(name, NEUTRAL) for name in names], reach)
        sentences = [
            _sentence(name, split, matches, n, totals[split].n)
            for name, matches, n in zip(names, matching[split], total[split], strict=True)
        ]
        traces[-1].update(hovertext=sentences, hovertemplate="%{hovertext}<extra></extra>")
        figure.add_traces(traces, rows=1, cols=column)
        figure.update_xaxes(visible=False, range=[0, reach], row=1, col=column)
    row_axis(figure, names)
    subtitles(figure)
    layout(figure, row_height(len(names)) * len(names) + 58, top=50)
    figure.update_layout(barmode="overlay", clickmode="event+select")
    return figure


def row_height(rows: int) -> int:
    """Return the height of a row, in pixels, in a chart with so many rows."""
    return 30 if rows <= 10 else 24 if rows <= 24 else 19


def class_pie(totals: pd.DataFrame, colours: Mapping[str, str]) -> go.Figure:
    """Return the classes' shares of the matching images as a pie.

    totals: columns class, matching, others (how many classes the row stands for, where it is that of the rest).
    """
    names = [f"{n:,} others" if n else name for name, n in zip(totals["class"], totals["others"], strict=True)]
    tints = [NEUTRAL if n else colours.get(name, NEUTRAL) for name, n in zip(totals["class"], totals["others"], strict=True)]
    pie = go.Pie(
        labels=list(range(len(names))),
        text=[escape_markup(shorten(name, 18)) for name in names],
        values=totals["matching"].tolist(),
        marker={"colors": tints},
        sort=False,
        direction="clockwise",
        texttemplate="%{text}<br>%{value:,} (%{percent:.1%})",
        textposition="outside",
        textfont={"size": SMALL},
        hovertemplate="%{text}: %{value:,} images (%{percent:.1%})<extra></extra>",
    )
    return layout(go.Figure(pie), 340, top=40, bottom=40, left=40, right=40)


def size_scatter(sizes: pd.DataFrame) -> go.Figure:
    """Return image sizes as dots whose area is the number of images, the most common three labelled.

    sizes: columns width, height (pixels), n (images), one row per size. A click's point has `customdata` [width, height].
    """
    sizes = sizes.sort_values("n", ascending=False)
    names = [f"{row.width:,} × {row.height:,}" for row in named_rows(sizes)]
    texts = [f"{name}  {image_count(n)}" for name, n in zip(names, sizes["n"], strict=True)]
    dots = go.Scatter(
        x=sizes["width"],
        y=sizes["height"],
        mode="markers+text",
        marker={
            "size": sizes["n"],
            "sizemode": "area",
            "sizeref": 2 * sizes["n"].max() / 44**2,
            "sizemin": 5,
            "color": ACCENT,
            "opacity": 0.55,
        },
        text=[text if place < NAMED_SIZES else "" for place, text in enumerate(texts)],
        textposition=_label_positions(sizes),
        textfont={"size": SMALL},
        cliponaxis=False,
        customdata=sizes[["width", "height"]].to_numpy().tolist(),
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure = go.Figure(dots)
    figure.update_xaxes(title="width, px", **_pixels(sizes["width"]))
    figure.update_yaxes(title="height, px", **_pixels(sizes["height"]))
    figure.update_layout(clickmode="event+select")
    return layout(figure, 320, bottom=44, left=60, right=16)


def image_count(n: int) -> str:
    """Return a number of images in words: "1 image", "8,741 images"."""
    return "1 image" if n == 1 else f"{n:,} images"


def _table(counts: pd.DataFrame, column: str, names: Sequence[str], splits: Sequence[str]) -> pd.DataFrame:
    """Return a column of counts as a table with one row per class and one column per split."""
    table = counts.pivot_table(index="class", columns="split", values=column, aggfunc="sum", fill_value=0)
    return table.reindex(index=list(names), columns=list(splits), fill_value=0)


def _row_bars(
    names: Sequence[str], split: str, values: Sequence[pd.Series], texts: list[str], tints: list[str], reach: float
) -> list[go.Bar]:
    """Return the faint bars of all images, their labels, the solid bars of the matching ones, and the invisible targets of clicks."""
    places, (total, matching) = list(range(len(names))), values
    common = {"y": places, "orientation": "h", "width": 0.62}
    faint = go.Bar(**common, x=list(total), marker={"color": tints, "opacity": _FAINT, "cornerradius": 3}, hoverinfo="skip")
    # At the end of the longer bar: as a share of the matching images, the solid bar may be longer than the faint one.
    labels = go.Bar(
        **common, x=[max(pair) for pair in zip(total, matching, strict=True)], marker={"color": CLEAR, "line": {"width": 0}}, text=texts,
        textposition="outside", textfont={"size": SMALL}, cliponaxis=False, hoverinfo="skip",
    )  # fmt: skip
    solid = go.Bar(**common, x=list(matching), marker={"color": tints, "cornerradius": 3}, hoverinfo="skip")
    target = go.Bar(
        **(common | {"width": 1.0}), x=[reach] * len(names), marker={"color": CLEAR, "line": {"width": 0}},
        # A list: a numpy array is sent to the browser as packed bytes, and every click would then report the first row.
        customdata=[[name, split] for name in names],
        # A selection must not fade the other rows: the solid bars show what is chosen.
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip
    return [faint, labels, solid, target]


def _count_texts(matching: pd.Series, total: pd.Series) -> list[str]:
    """Return how many match; "0 of n" where none do, since a bare 0 beside the faint bar would be read as its length."""
    return [f"{matches:,}" if matches or not n else f"0 of {n:,}" for matches, n in zip(matching, total, strict=True)]


def _share_texts(shares: pd.Series) -> list[str]:
    return [percent(share) for share in shares]


def _sentence(name: str, split: str, matches: int, n: int, total: int) -> str:
    """Return a row's hover text: "sea, train: 12 of 1,404 images match (16.0% of train)"."""
    matching = image_count(n) if matches == n else f"{matches:,} of {image_count(n)} match"
    return f"{escape_markup(name)}, {split}: {matching} ({percent(n / max(total, 1))} of {split})"


def _matching_text(matches: int, n: int) -> str:
    return image_count(n) if matches == n else f"{matches:,} of {n:,}"


def _pixels(values: pd.Series) -> dict:
    """Return axis settings for a size in pixels: logarithmic once sizes differ widely."""
    low, high = values.min(), values.max()
    base = {"gridcolor": GRID, "zeroline": False}
    if high > 8 * low:
        ticks = [step * 10**power for power in range(6) for step in (1, 2, 5) if low / 1.6 <= step * 10**power <= high * 1.6]
        span = [np.log10(low / 1.6), np.log10(high * 1.6)]
        return base | {"type": "log", "range": span, "tickvals": ticks, "ticktext": [f"{tick:,}" for tick in ticks]}
    pad = max(0.2 * (high - low), 0.15 * high)
    return base | {"range": [max(0, low - pad), high + pad], "tickformat": ",d", "nticks": 6}


def _label_positions(sizes: pd.DataFrame) -> list[str]:
    """Return where each dot's label has room: on the inner side, and clear of the label of the most common size."""
    middle = (sizes["width"].min() + sizes["width"].max()) / 2
    most_common = sizes["height"].iloc[0] if len(sizes) else 0
    heights = ["top" if height >= most_common else "bottom" for height in sizes["height"]]
    sides = ["left" if width > middle else "right" for width in sizes["width"]]
    return [f"{height} {side}" for height, side in zip(["middle", *heights[1:]], sides, strict=False)]
