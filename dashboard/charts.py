"""DataFrame in, plotly figure out: no Streamlit here.

The figures carry no text colour and no background, so that `st.plotly_chart(figure, theme="streamlit", config=CONFIG)`
gives both themes theirs; lines and bars keep to colours that show on either. Labels stand at the data instead of in a
legend. Nothing zooms or pans: a finger on a chart scrolls the page.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.figure import CONFIG, GRID, SMALL, class_axis, layout, plain, subtitles
from dashboard.matrix import confusion_matrix
from dashboard.palette import ACCENT, NEUTRAL

__all__ = [
    "CONFIG",
    "candidates",
    "confusion_matrix",
    "learning_curves",
    "probability_bars",
    "score_bars",
]

METRICS = {"precision": "precision", "recall": "recall", "f1": "F1"}


def score_bars(per_class: pd.DataFrame, colours: Mapping[str, str]) -> go.Figure:
    """Return precision, recall and F1 a class as labelled dots on one scale, with the support beside the name.

    per_class: columns class, precision, recall, f1 (0 to 1, or NaN where it is not defined), support (images).
    """
    labels = [f"{plain(row['class'])}  <span style='font-size:11px'>n={row.support:,}</span>" for _, row in per_class.iterrows()]
    lowest = np.nanmin(per_class[list(METRICS)].to_numpy(float), initial=1.0)
    floor = min(0.9, np.floor(10 * lowest - 0.1) / 10)
    figure = make_subplots(1, 3, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=list(METRICS.values()))
    tints = [colours.get(name, NEUTRAL) for name in per_class["class"]]
    for column, (metric, name) in enumerate(METRICS.items(), start=1):
        stems = go.Bar(
            x=per_class[metric] - floor, y=labels, base=floor, orientation="h", width=0.08,
            marker={"color": tints, "opacity": 0.45}, hoverinfo="skip",
        )  # fmt: skip
        dots = go.Scatter(
            x=per_class[metric],
            y=labels,
            mode="markers+text",
            marker={"size": 12, "color": tints, "opacity": 1},
            text=[f"{value:.3f}" if pd.notna(value) else "" for value in per_class[metric]],
            textposition="middle right",
            textfont={"size": SMALL},
            cliponaxis=False,
            customdata=[[plain(name), count] for name, count in zip(per_class["class"], per_class["support"], strict=True)],
            hovertemplate=f"%{{customdata[0]}}: {name} %{{x:.3f}}, %{{customdata[1]:,}} images<extra></extra>",
        )
        figure.add_traces([stems, dots], rows=1, cols=column)
        # The label of a perfect score still needs its place.
        figure.update_xaxes(range=[floor - 0.04 * (1 - floor), 1 + 0.9 * (1 - floor)], row=1, col=column)
    figure.update_xaxes(tickvals=[floor, 1], tickformat=".1f", gridcolor=GRID, zeroline=False)
    class_axis(figure, labels)
    subtitles(figure)
    return layout(figure, 34 * len(per_class) + 70, top=30, bottom=28)


def probability_bars(names: Sequence[str], values: Sequence[float], colours: Mapping[str, str]) -> go.Figure:
    """Return a compact bar for each class, the given order from the top, labelled in percent. values: 0 to 1."""
    texts = [f"{100 * value:.1f}%" for value in values]
    bars = _bars(names, values, texts, [colours.get(name, NEUTRAL) for name in names])
    bars.hovertemplate = "%{y}: %{text}<extra></extra>"
    figure = go.Figure(bars)
    # One scale whatever the answer: a bar's length says how sure.
    figure.update_xaxes(visible=False, range=[0, 1.22])
    class_axis(figure, [plain(name) for name in names])
    return layout(figure, 30 * len(names) + 8)


def learning_curves(epochs: pd.DataFrame, best_epoch: int | None = None) -> go.Figure:
    """Return two panels, loss and macro F1 by epoch, a line for train and one for validation, the best epoch marked.

    epochs: columns epoch (1, 2, ...) and any of train_loss, validation_loss, train_macro_f1, validation_macro_f1; NaN is
    a gap. A lone epoch shows as dots.
    """
    panels = {"loss": "loss", "macro_f1": "macro F1"}
    titles = [_panel_title(epochs, metric, name, best_epoch) for metric, name in panels.items()]
    figure = make_subplots(1, 2, horizontal_spacing=0.16, subplot_titles=titles)
    for column, metric in enumerate(panels, start=1):
        lines = {split: f"{split}_{metric}" for split in ("train", "validation")}
        lines = {split: name for split, name in lines.items() if name in epochs and epochs[name].notna().any()}
        for split, name in lines.items():
            figure.add_trace(_curve(epochs, name, split), row=1, col=column)
        if lines:
            _name_lines(figure, epochs, lines, column)
        if lines and best_epoch is not None:
            figure.add_vline(best_epoch, line={"color": ACCENT, "width": 1, "dash": "dot"}, row=1, col=column)
    last = max(2, int(epochs["epoch"].max())) if len(epochs) else 2
    figure.update_xaxes(range=[0.7, last + 0.3], tick0=1, dtick=max(1, round(last / 6)), tickformat="d", showgrid=False)
    figure.update_xaxes(title="epoch")
    figure.update_yaxes(gridcolor=GRID, zeroline=False, tickfont={"size": SMALL}, nticks=5)
    subtitles(figure)
    return layout(figure, 310, top=52, bottom=44)


def candidates(scores: pd.DataFrame) -> go.Figure:
    """Return validation loss by regularisation strength C, the lowest, which is the chosen one, marked with its scores.

    scores: columns C, validation_loss, validation_macro_f1; at least one row.
    """
    scores = scores.sort_values("C")
    picked = (scores["validation_loss"] == scores["validation_loss"].min()).to_numpy()
    points = go.Scatter(
        x=scores["C"],
        y=scores["validation_loss"],
        mode="lines+markers+text",
        line={"color": NEUTRAL, "width": 2},
        marker={"size": np.where(picked, 14, 8), "color": np.where(picked, ACCENT, NEUTRAL), "opacity": 1},
        text=[
            f"chosen: macro F1 {row.validation_macro_f1:.3f}" if pick else ""
            for row, pick in zip(scores.itertuples(), picked, strict=True)
        ],
        textposition="top center",
        textfont={"size": SMALL},
        cliponaxis=False,
        customdata=scores["validation_macro_f1"].tolist(),
        hovertemplate="C = %{x:g}: validation loss %{y:.4f}, macro F1 %{customdata:.4f}<extra></extra>",
    )
    figure = go.Figure(points)
    low, high = scores["validation_loss"].min(), scores["validation_loss"].max()
    pad = max(0.25 * (high - low), 0.002)
    ticks = [f"{strength:g}" for strength in scores["C"]]
    figure.update_xaxes(type="log", tickvals=scores["C"], ticktext=ticks, showgrid=False, title="C (smaller: more regularised)")
    figure.update_yaxes(range=[low - pad, high + 1.6 * pad], nticks=5, gridcolor=GRID, zeroline=False)
    figure.update_yaxes(title="validation loss, nats")
    return layout(figure, 280, bottom=44, left=60)


def _curve(epochs: pd.DataFrame, column: str, split: str) -> go.Scatter:
    """Return one split's line; dots show where a line cannot: a lone epoch, or one between two gaps."""
    return go.Scatter(
        x=epochs["epoch"],
        y=epochs[column],
        mode="lines+markers",
        line={"color": ACCENT if split == "validation" else NEUTRAL, "width": 2.5},
        marker={"size": 7 if len(epochs) <= 12 else 4},
        connectgaps=False,
        name=split,
        hovertemplate=f"epoch %{{x}}: {split} %{{y:.4f}}<extra></extra>",
    )


def _name_lines(figure: go.Figure, epochs: pd.DataFrame, lines: Mapping[str, str], column: int) -> None:
    """Name each line at its end: the upper one over all that is drawn there, the lower one under it."""
    finals = {split: epochs[name].dropna().iloc[-1] for split, name in lines.items()}
    first, last = epochs["epoch"].min(), epochs["epoch"].max()
    # A name covers some half of a panel on a phone.
    under_names = epochs.loc[epochs["epoch"] >= last - 0.55 * (last - first), list(lines.values())].to_numpy(float)
    low, high = np.nanmin(epochs[list(lines.values())]), np.nanmax(epochs[list(lines.values())])
    pad = max(0.18 * (high - low), 0.02)
    figure.update_yaxes(range=[low - pad, high + pad], row=1, col=column)
    for split in lines:
        upper = len(lines) == 1 or finals[split] == max(finals.values())
        side = {"y": np.nanmax(under_names), "yshift": 12} if upper else {"y": np.nanmin(under_names), "yshift": -12}
        place = {"x": last, "xanchor": "right"} if last > first else {"x": last, "xanchor": "left", "xshift": 8}
        figure.add_annotation(text=split, showarrow=False, font={"size": SMALL}, row=1, col=column, **side, **place)


def _panel_title(epochs: pd.DataFrame, metric: str, name: str, best_epoch: int | None) -> str:
    """Return a panel's title; under it what validation scored at the best epoch, or a blank line that keeps its place."""
    column = f"validation_{metric}"
    at = epochs.loc[epochs["epoch"] == best_epoch, column].dropna() if column in epochs else epochs["epoch"][:0]
    return f"{name}<br>" + (f"{at.iloc[0]:.3f} at epoch {best_epoch}" if len(at) else " ")


def _bars(names: Sequence[str], values: Sequence[float], texts: list[str], colours: list[str]) -> go.Bar:
    """Return horizontal bars with their label just outside."""
    return go.Bar(
        x=list(values),
        y=[plain(name) for name in names],
        orientation="h",
        text=texts,
        textposition="outside",
        textfont={"size": SMALL},
        cliponaxis=False,
        marker={"color": colours, "line": {"width": 0}, "cornerradius": 3},
        width=0.62,
    )
