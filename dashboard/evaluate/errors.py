"""What does it confuse? The matrix, the most confused pairs, and the pictures behind what is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dashboard import cached, charts, url, words
from dashboard.evaluate.pictures import choose_order, ordered, pictures
from dashboard.evaluate.scored import Scored
from engine.metrics import confused_pairs

_PAIRS = 6
_NUMBERS = {"count": "count", "% of true": "true", "% of predicted": "predicted"}


@dataclass(frozen=True)
class Cell:
    """What of the matrix is looked at: class indices, None for any; `both` adds the opposite direction."""

    true: int | None
    predicted: int | None
    both: bool = False

    @property
    def pinned(self) -> tuple[int, int] | None:
        return (self.true, self.predicted) if self.true is not None and self.predicted is not None else None


def what_does_it_confuse(scored: Scored) -> None:
    _pair_pills(scored)
    left, right = st.columns([5, 7], gap="large")
    with left:
        cell = _choose_cell(scored.classes)
        _matrix(scored, cell)
    with right:
        _gallery(scored, cell)
    st.subheader("Class by class", anchor=False)
    bars = charts.score_bars(cached.per_class(scored.run, scored.split), scored.colours)
    st.plotly_chart(bars, config=charts.CONFIG, key="class-scores")


def _pair_pills(scored: Scored) -> None:
    """The most confused pairs, a click each: both directions."""
    classes = scored.classes
    pairs = confused_pairs(scored.confusion, classes).head(_PAIRS)
    labels = {f"{classes.index(p.a)}-{classes.index(p.b)}": f"{p.a} ⇄ {p.b}: {p.errors}" for p in pairs.itertuples()}
    if not labels:
        return

    def pick() -> None:
        places = (st.session_state["pair"] or "").split("-")
        a, b = (classes[int(place)] for place in places) if len(places) == 2 else ("", "")
        _set_cell(a, b, both=bool(a))

    true, predicted = url.recall("true") or "", url.recall("predicted") or ""
    shown = f"{classes.index(true)}-{classes.index(predicted)}" if true in classes and predicted in classes else None
    st.session_state["pair"] = shown if shown in labels and url.recall("both") == "1" else None
    st.pills("Most confused", list(labels), format_func=lambda pair: words.literal(labels[pair]), key="pair", on_change=pick)


def _choose_cell(classes: Sequence[str]) -> Cell:
    """The cell by two lists, which the matrix and the pairs set as well."""
    left, right = st.columns(2)
    options = ["", *classes]
    true = url.choose(left.selectbox, "True class", options, "true", format_func=lambda c: c or "any", on_change=_one_direction)
    predicted = url.choose(
        right.selectbox, "Predicted class", options, "predicted", format_func=lambda c: c or "any", on_change=_one_direction
    )
    both = url.remember("both", url.recall("both") or "0") == "1"
    places = [list(classes).index(name) if name else None for name in (true, predicted)]
    return Cell(places[0], places[1], both and None not in places)


def _matrix(scored: Scored, cell: Cell) -> None:
    classes = scored.classes
    unit = url.choose(st.segmented_control, "Numbers", list(_NUMBERS), "numbers", label_visibility="collapsed")

    def picked() -> None:
        points = st.session_state["matrix"].selection.points
        if points:
            true, predicted = (int(place) for place in points[0]["customdata"])
            _set_cell(classes[true], classes[predicted], both=False)

    figure = charts.confusion_matrix(
        scored.confusion,
        classes,
        normalise=_NUMBERS[unit],
        selected=cell.pinned,
        dark=st.context.theme.type == "dark",
    )
    st.plotly_chart(figure, key="matrix", on_select=picked, selection_mode="points", config=charts.CONFIG)
    st.button(
        "Show all errors",
        on_click=_set_cell,
        args=("", "", False),
        disabled=cell == Cell(None, None),
        icon=":material/select_all:",
    )


def _gallery(scored: Scored, cell: Cell) -> None:
    """The pictures behind the cell; two directions side by side leave room for smaller ones."""
    order = choose_order()
    directions = [cell, Cell(cell.predicted, cell.true)] if cell.both else [cell]
    for place, (direction, panel) in enumerate(zip(directions, st.columns(len(directions), gap="medium"), strict=True)):
        found = ordered(_behind(scored.predictions, direction), order)
        with panel:
            st.markdown(_title(len(found), direction, scored.classes))
            pictures(
                scored, found, f"cell-{place}", of=f"{direction}-{order}",
                page="page" if place == 0 else "page_back",  # the second direction turns its own pages
                size="S" if cell.both else "M", empty="No image is in this cell.",
            )  # fmt: skip


def _behind(predictions: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """The rows of a cell; with a class left open, its errors."""
    rows = pd.Series(True, index=predictions.index)
    if cell.true is not None:
        rows &= predictions["true"] == cell.true
    if cell.predicted is not None:
        rows &= predictions["predicted"] == cell.predicted
    if cell.pinned is None:
        rows &= predictions["true"] != predictions["predicted"]
    return predictions[rows]


def _title(n: int, cell: Cell, classes: Sequence[str]) -> str:
    images = f"**{n:,}** image{'' if n == 1 else 's'}"
    true, predicted = (words.literal(classes[i]) if i is not None else None for i in (cell.true, cell.predicted))
    if cell.pinned and cell.true == cell.predicted:
        return f"{images} of **{true}** recognised"
    said = " of **" + true + "**" if true else ""
    return f"{images}{said} taken for **{predicted}**" if predicted else f"{images}{said} with a wrong answer"


def _set_cell(true: str, predicted: str, both: bool) -> None:
    url.set_choice("true", true)
    url.set_choice("predicted", predicted)
    url.set_choice("both", "1" if both else "0")


def _one_direction() -> None:
    url.set_choice("both", "0")
