"""Charts of a training: frame in, plotly figure out; no Streamlit here.

Lines are labelled at their end, with their last value; labels that would overlap are moved apart. The best or chosen value stands in
the title, where no line can cross it on a phone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.figure import GRID, INK, SMALL, TEXT, escape_markup, layout
from dashboard.charts.frames import Values
from dashboard.charts.palette import ACCENT, NEUTRAL, SCENES
from engine.training.probes import PointDocument

SPLITS = {"train": NEUTRAL, "validation": ACCENT}
MAX_CLASSES, MAX_RUNS = 12, 6
_TOP, _BOTTOM, _RIGHT = 34, 38, 112  # margins in pixels; the right one holds the names of the lines
_LINE = 16  # pixels between two names


def epoch_curves(epochs: pd.DataFrame, metric: str, best_epoch: int | None = None, last: int | None = None) -> go.Figure:
    """Return loss or macro F1 by epoch, a line for train and one for validation, the best epoch marked.

    epochs: columns epoch (1, 2, ...) and any of train_<metric>, validation_<metric>; NaN is a gap. metric: loss or
    macro_f1. last: how many epochs are planned, which fixes the axis from the start.
    """
    title = metric.replace("_", " ").replace("f1", "F1")
    lines = {split: f"{split}_{metric}" for split in SPLITS if f"{split}_{metric}" in epochs}
    lines = {split: column for split, column in lines.items() if np.isfinite(epochs[column].to_numpy(float)).any()}
    figure = go.Figure([_line(epochs["epoch"], epochs[column], split, SPLITS[split]) for split, column in lines.items()])
    best = _value_at(epochs, best_epoch, f"validation_{metric}")
    if best_epoch is not None and best is not None:
        title += f", {best:,.3f} at the best epoch, {best_epoch}"
        _mark(figure, best_epoch, best)
    span = _span([epochs[column] for column in lines.values()])
    ends = {split: epochs[["epoch", column]].dropna().iloc[-1].tolist() for split, column in lines.items()}
    figure = _framed(figure, title, span, 250)
    _name_ends(figure, [(f"{split} {y:,.3f}", SPLITS[split], x, y) for split, (x, y) in ends.items()], span, 250)
    _epoch_axis(figure, max([last or 0, 2, *epochs["epoch"]]))
    return figure


def _value_at(epochs: pd.DataFrame, epoch: int | None, column: str) -> float | None:
    if column not in epochs:
        return None
    values = epochs[column][epochs["epoch"] == epoch].dropna()
    return float(values.iloc[0]) if len(values) else None


def step_curve(
    points: pd.DataFrame, title: str, limit: tuple[str, float] | None = None, from_zero: bool = False, height: int = 200
) -> go.Figure:
    """Return a quantity by optimizer step: the mean of each bucket as a line, its lowest to highest value as a band.

    points: columns step, mean, low, high, as `engine.runs.history.downsample` gives them. limit: the name and value of a
    line that the quantity should stay below.
    """
    band = go.Scatter(
        x=[*points["step"], *points["step"][::-1]], y=[*points["high"], *points["low"][::-1]],
        fill="toself", fillcolor=GRID, line={"width": 0}, hoverinfo="skip", mode="lines",
    )  # fmt: skip
    line = _line(points["step"], points["mean"], title, ACCENT)
    line.update(mode="lines" if len(points) > 1 else "markers", hovertemplate="step %{x:,}: %{y:.4g}<extra></extra>")
    figure = go.Figure([band, line])
    # Without the extremes: a few outliers at the start would flatten the rest of the curve.
    span = _span(
        [points["low"].clip(lower=points["low"].quantile(0.01)), points["high"].clip(upper=points["high"].quantile(0.98))]
    )
    if from_zero:
        span = (-0.04 * span[1], 1.04 * span[1])
    if limit:
        span = (-0.04 * limit[1], 1.1 * limit[1])
        figure.add_hline(limit[1], line={"color": NEUTRAL, "width": 1, "dash": "dot"})
    figure = _framed(figure, title, span, height)
    if limit:
        _name_ends(figure, [(limit[0], NEUTRAL, float(points["step"].max()), limit[1])], span, height)
    figure.update_xaxes(
        title="step",
        title_font={"size": SMALL},
        tickfont={"size": SMALL},
        tickformat=",d",
        range=[0, max(2.0, 1.01 * points["step"].max())],
        # Few steps get a tick each: plotly would place five ticks over two steps, and label them 0 1 1 2 2.
        **({"dtick": 1} if not points["step"].max() > 5 else {"nticks": 5}),
    )
    figure.update_yaxes(exponentformat="e")  # a learning rate is 5e-6, not 5 micro
    figure.update_layout(margin_r=_RIGHT if limit else 14)
    return figure


def class_recalls(recalls: pd.DataFrame, colours: Mapping[str, str], last: int | None = None) -> go.Figure:
    """Return validation recall by epoch, a panel per class; the weakest `MAX_CLASSES` where there are more.

    recalls: one row per epoch (the index) and one column per class, 0 to 1, NaN where a class has no validation images.
    """
    names = list(recalls.columns)
    if len(names) > MAX_CLASSES and not len(recalls):
        names = names[:MAX_CLASSES]
    elif len(names) > MAX_CLASSES:
        weakest = set(recalls.iloc[-1].sort_values().index[:MAX_CLASSES])
        names = [name for name in names if name in weakest]
    rows = max(1, -(-len(names) // 3))
    ends = {name: f" {recalls[name].iloc[-1]:.2f}" if len(recalls) else "" for name in names}
    titles = [f"{escape_markup(_shortened(name, 14))}{ends[name]}" for name in names]
    figure = make_subplots(
        rows, 3, shared_xaxes="all", shared_yaxes="all", subplot_titles=titles, horizontal_spacing=0.05,
        vertical_spacing=min(0.3, 0.36 / rows),
    )  # fmt: skip
    for place, name in enumerate(names):
        line = _line(recalls.index, recalls[name], escape_markup(name), colours.get(name, NEUTRAL))
        figure.add_trace(line, row=1 + place // 3, col=1 + place % 3)
    figure = layout(figure, 38 + 82 * rows, top=30, bottom=26, left=30)
    end = max([last or 0, 2, *recalls.index])
    figure.update_xaxes(range=[0.6, end + 0.4], tickvals=[1, end], showgrid=False, tickfont={"size": SMALL}, automargin=False)
    figure.update_yaxes(range=[-0.05, 1.08], tickvals=[0, 1], gridcolor=GRID, zeroline=False, tickfont={"size": SMALL})
    figure.update_annotations(font={"size": SMALL, "color": INK}, yshift=0)
    return figure


def regularisation_curve(scores: pd.DataFrame) -> go.Figure:
    """Return validation loss by regularisation strength C; the lowest, which is chosen, is marked and named in the title.

    scores: columns C, validation_loss, validation_macro_f1; without rows, an empty figure with a title.
    """
    if not len(scores):
        figure = _framed(go.Figure(), "validation loss by regularisation strength appears here", (0.0, 1.0), 250)
        return figure.update_xaxes(visible=False).update_yaxes(visible=False)
    scores = scores.sort_values("C", ignore_index=True)
    place = int(scores["validation_loss"].idxmin())
    chosen = scores.iloc[place]
    # Equal distances: the strengths are chosen, not measured, and their labels need the room.
    line = _line(scores.index, scores["validation_loss"], "validation loss", NEUTRAL)
    line.update(
        customdata=scores[["C", "validation_macro_f1"]].to_numpy().tolist(),
        hovertemplate="C = %{customdata[0]:g}: validation loss %{y:.4f}, macro F1 %{customdata[1]:.4f}<extra></extra>",
    )
    figure = go.Figure(line)
    _mark(figure, place, float(chosen["validation_loss"]))
    title = f"validation loss, nats; C = {chosen['C']:g} was chosen: macro F1 {chosen['validation_macro_f1']:.3f}"
    figure = _framed(figure, title, _span([scores["validation_loss"]]), 250)
    figure.update_xaxes(
        tickvals=list(scores.index), ticktext=[f"{strength:g}" for strength in scores["C"]], tickfont={"size": SMALL},
        range=[-0.4, max(1, len(scores) - 1) + 0.4], title="C (smaller: stronger regularisation)", title_font={"size": SMALL},
    )  # fmt: skip
    figure.update_layout(margin_r=14)
    return figure


def learning_rates(points: Sequence[PointDocument], suggestion: float | None, chosen: float) -> go.Figure:
    """Return the loss by learning rate of a range test, per batch (faint) and smoothed, with the suggested and the chosen rate.

    points: lr, loss, smoothed, from `engine.training.lr_finder`.
    """
    frame = pd.DataFrame(points)
    # Without the last points, which diverge, since that ends the test: they would set the scale.
    shown = frame[frame["smoothed"] <= 1.6 * frame["smoothed"].iloc[0] + 0.2]
    batches = go.Scatter(x=frame["lr"], y=frame["loss"], mode="lines", line={"color": GRID, "width": 1}, hoverinfo="skip")
    smooth = _line(frame["lr"], frame["smoothed"], "smoothed loss", ACCENT)
    smooth.update(mode="lines", hovertemplate="rate %{x:.2g}: loss %{y:.3f}<extra></extra>")
    figure = go.Figure([batches, smooth])
    hint = f"; {suggestion:.2g} is suggested" if suggestion else ""
    figure = _framed(figure, f"batch loss by learning rate{hint}", _span([shown["smoothed"]]), 250)
    if suggestion:
        _mark(figure, suggestion, float(np.interp(np.log(suggestion), np.log(frame["lr"]), frame["smoothed"])))
    figure.add_vline(chosen, line={"color": NEUTRAL, "width": 1})
    figure.add_annotation(
        text=f"peak_lr {chosen:g}", x=np.log10(chosen) if chosen > 0 else -6, y=0, yref="paper", yanchor="bottom", xanchor="left",
        xshift=3, showarrow=False, font={"size": SMALL, "color": INK},
    )  # fmt: skip
    figure.update_xaxes(
        type="log", range=[-6.1, 0.1], dtick=1, exponentformat="power", title="learning rate", tickfont={"size": SMALL},
        title_font={"size": SMALL},
    )  # fmt: skip
    return figure.update_layout(margin_r=14)


def run_curves(runs: Mapping[str, pd.DataFrame], linear: Mapping[str, float]) -> go.Figure:
    """Return validation macro F1 by epoch, a line per run; a run without epochs, which has one score, is a dotted level.

    runs: by name, frames with columns epoch, validation_macro_f1. linear: by name, a macro F1. At most `MAX_RUNS` together.
    """
    tints = dict(zip([*runs, *linear], list(SCENES.values())[:MAX_RUNS], strict=False))
    figure = go.Figure(
        [_line(f["epoch"], f["validation_macro_f1"], escape_markup(name), tints[name]) for name, f in runs.items()]
    )
    end = max([2, *(int(frame["epoch"].max()) for frame in runs.values())])
    for name, score in linear.items():
        level = go.Scatter(
            x=[0.6, end + 0.4], y=[score, score], mode="lines", line={"color": tints[name], "width": 2, "dash": "dot"}
        )
        level.hovertemplate = f"{escape_markup(name)}: %{{y:.3f}}<extra></extra>"
        figure.add_trace(level)
    span = _span([*(frame["validation_macro_f1"] for frame in runs.values()), pd.Series(list(linear.values()), dtype=float)])
    figure = _framed(figure, "validation macro F1", span, 320)
    finals = {name: float(frame["validation_macro_f1"].iloc[-1]) for name, frame in runs.items()} | dict(linear)
    ends = [(f"{escape_markup(_shortened(name, 14))} {y:.3f}", tints[name], 1.0, y) for name, y in finals.items()]
    _name_ends(figure, ends, span, 320, at_edge=True)
    _epoch_axis(figure, end)
    figure.update_layout(margin_r=150)
    return figure


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Return the places moved apart to at least `gap`, by as little as that takes, in their order."""
    order = np.argsort(places, kind="stable")
    # Blocks of labels that touch: each block is centred on the mean of its labels' own places.
    blocks: list[list[int]] = []
    for index in order:
        blocks.append([int(index)])
        while len(blocks) > 1 and _start(places, blocks[-1], gap) < _start(places, blocks[-2], gap) + gap * len(blocks[-2]):
            last = blocks.pop()
            blocks[-1] += last
    moved = [0.0] * len(places)
    for block in blocks:
        for offset, index in enumerate(block):
            moved[index] = _start(places, block, gap) + gap * offset
    return moved


def _start(places: Sequence[float], block: Sequence[int], gap: float) -> float:
    return float(np.mean([places[index] for index in block])) - gap * (len(block) - 1) / 2


def _line(x: Values, y: Values, name: str, colour: str) -> go.Scatter:
    """Return a line with dots, smaller ones where there are many; a gap where a value is missing."""
    values = np.asarray(y, float)
    return go.Scatter(
        x=list(x), y=[float(value) if np.isfinite(value) else None for value in values], name=name, mode="lines+markers",
        line={"color": colour, "width": 2}, marker={"size": 6 if len(values) <= 12 else 3}, connectgaps=False,
        hovertemplate=f"epoch %{{x}}: {name} %{{y:.4f}}<extra></extra>",
    )  # fmt: skip


def _mark(figure: go.Figure, x: float, y: float) -> None:
    """Ring the best point, with a dotted line down to the axis."""
    figure.add_vline(x, line={"color": ACCENT, "width": 1, "dash": "dot"})
    ring = {"size": 13, "color": "rgba(0, 0, 0, 0)", "line": {"color": ACCENT, "width": 2}}
    figure.add_trace(go.Scatter(x=[x], y=[y], mode="markers", marker=ring, hoverinfo="skip", cliponaxis=False))


def _framed(figure: go.Figure, title: str, span: tuple[float, float], height: int) -> go.Figure:
    figure = layout(figure, height, top=_TOP, bottom=_BOTTOM, left=44, right=_RIGHT)
    figure.add_annotation(
        text=title, xref="paper", yref="paper", x=0, y=1, xanchor="left", yanchor="bottom", yshift=8, xshift=-36, showarrow=False,
        align="left", font={"size": TEXT, "color": INK},
    )  # fmt: skip
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_yaxes(range=list(span), gridcolor=GRID, zeroline=False, nticks=5, tickfont={"size": SMALL}, automargin=False)
    # With a constant revision, what a person did with the chart survives the next poll, which draws it again.
    figure.update_layout(uirevision="kept")
    return figure


def _epoch_axis(figure: go.Figure, last: float) -> None:
    figure.update_xaxes(
        range=[0.6, last + 0.4],
        tick0=1,
        dtick=max(1, round(last / 6)),
        tickformat="d",
        title="epoch",
        tickfont={"size": SMALL},
        title_font={"size": SMALL},
    )


def _name_ends(
    figure: go.Figure,
    ends: Sequence[tuple[str, str, float, float]],
    span: tuple[float, float],
    height: int,
    at_edge: bool = False,
) -> None:
    """Label each line (text, colour, x, y) right of its end, moved apart where two would overlap; `at_edge`: x is a share of the plot."""
    scale = (height - _TOP - _BOTTOM) / (span[1] - span[0])
    own_places = [(y - span[0]) * scale for *_, y in ends]
    for (text, colour, x, y), own_place, place in zip(ends, own_places, spread(own_places, _LINE), strict=True):
        figure.add_annotation(
            text=f"<span style='color:{colour}'>●</span> {text}", x=x, xref="paper" if at_edge else "x", y=y, xanchor="left",
            yanchor="middle", xshift=8, yshift=place - own_place, showarrow=False, font={"size": SMALL, "color": INK},
        )  # fmt: skip


def _span(columns: Sequence[pd.Series]) -> tuple[float, float]:
    """Return axis limits around all finite values, with some room."""
    values = np.concatenate([np.asarray(column, float) for column in columns]) if columns else np.array([])
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    pad = max(0.12 * (high - low), 0.02 * abs(high), 1e-9)
    return float(low - pad), float(high + pad)


def _shortened(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
