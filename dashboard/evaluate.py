"""The pieces of the Evaluate page: the verdict, the matrix, the pictures behind a cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cached, charts, url, words
from dashboard.gallery import Tile, gallery
from dashboard.lens import lens
from dashboard.server import preview_url, thumbnail_url
from engine.errors import UserError
from engine.metrics import confused_pairs
from engine.runs import Run

PAGE = 60
_PAIRS = 6
_SPLITS = ("test", "validation")
_SORTS = {"loss": ("loss", False), "confidence": ("confidence", False), "margin": ("margin", True)}
_NUMBERS = {"count": "count", "% of true": "true", "% of predicted": "predicted"}
_SORT_HELP = "loss: the worst mistakes first; confidence: the surest answers first; margin: the closest calls first"


@dataclass(frozen=True)
class Cell:
    """What of the matrix is looked at: class indices, None for any; `both` adds the opposite direction."""

    true: int | None
    predicted: int | None
    both: bool = False

    @property
    def pinned(self) -> tuple[int, int] | None:
        return (self.true, self.predicted) if self.true is not None and self.predicted is not None else None


def choose_split(run: Run) -> str:
    usable = [split for split in _SPLITS if run.has_predictions(split)]
    if not usable:
        st.info(f"The run {run.id} has not been scored: it is {run.status.state}.", icon=":material/hourglass_empty:")
        st.page_link("../pages/train.py", label="Look at it", icon=":material/model_training:")
        st.stop()
    return (
        usable[0]
        if len(usable) == 1
        else url.choose(st.segmented_control, "Split", usable, "split", label_visibility="collapsed")
    )


def scores_of(run: Run, split: str) -> dict:
    """The scores, or what is wrong with the table and the end of the page."""
    try:
        return cached.scores(run, split)
    except UserError as error:
        st.error(words.literal(str(error)), icon=":material/error:")
        st.stop()


def verdict(document: dict, split: str) -> None:
    """The first thing that the page answers."""
    wrong = document["n"] - int(np.trace(np.array(document["confusion"])))
    st.markdown(
        f"**{wrong:,} of {document['n']:,} {split} images** are wrong. "
        f"Accuracy **{words.estimate(document['accuracy'], percent=True)}**, macro F1 **{words.estimate(document['macro_f1'])}**, "
        "with 95% intervals."
    )
    if document["small"]:
        st.caption("Few images: the intervals are wide, and differences between runs may be chance.")
    if split == "validation":
        st.caption("Choices were made on these images, so the scores are a little too good. The test split tells.")


def pair_pills(document: dict) -> None:
    """The most confused pairs, a click each: both directions."""
    classes = document["classes"]
    pairs = confused_pairs(np.array(document["confusion"]), classes).head(_PAIRS)
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


def choose_cell(classes: Sequence[str]) -> Cell:
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


def matrix_panel(document: dict, cell: Cell) -> None:
    classes = document["classes"]
    unit = url.choose(st.segmented_control, "Numbers", list(_NUMBERS), "numbers", label_visibility="collapsed")

    def picked() -> None:
        points = st.session_state["matrix"].selection.points
        if points:
            true, predicted = (int(place) for place in points[0]["customdata"])
            _set_cell(classes[true], classes[predicted], both=False)

    figure = charts.confusion_matrix(
        np.array(document["confusion"]),
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


def errors_gallery(run: Run, predictions: pd.DataFrame, cell: Cell, colours: Mapping[str, str]) -> None:
    """The pictures behind the cell, worst first; a click opens one under the lens."""
    sort = url.choose(st.segmented_control, "Sort by", list(_SORTS), "sort", help=_SORT_HELP)
    column, ascending = _SORTS[sort]
    directions = [cell, Cell(cell.predicted, cell.true)] if cell.both else [cell]
    # Two directions side by side leave room for smaller pictures.
    panels = st.columns(len(directions), gap="medium")
    for place, (direction, panel) in enumerate(zip(directions, panels, strict=True)):
        found = _behind(predictions, direction).sort_values(column, ascending=ascending, kind="stable")
        with panel:
            st.markdown(_title(len(found), direction, run.classes))
            # Another cell has other pages; the second direction turns its own.
            of, page = f"{run.id}-{direction}-{sort}", "page" if place == 0 else "page_back"
            number = url.turn(max(1, -(-len(found) // PAGE)), of, page)
            _grid(run, found, number, colours, key=f"cell-{place}", size="S" if cell.both else "M")


def _grid(run: Run, found: pd.DataFrame, number: int, colours: Mapping[str, str], key: str, size: str) -> None:
    shown = found.iloc[(number - 1) * PAGE : number * PAGE]
    tiles = [_tile(run, row, colours) for row in shown.itertuples()]
    opened = gallery(tiles, key=key, size=size, empty="No image is in this cell.").opened
    if opened is not None:
        lens(run, found.reset_index(drop=True), found["image_id"].tolist().index(opened))


def _tile(run: Run, row: "pd.core.frame.Pandas", colours: Mapping[str, str]) -> Tile:
    true, predicted = run.classes[row.true], run.classes[row.predicted]
    wrong = row.true != row.predicted
    return Tile(
        id=row.image_id,
        src=thumbnail_url(run.config.dataset, row.image_id, row.content),
        caption=true,
        notes=[f"{row.confidence:.0%} sure, loss {row.loss:.2f}"],
        colour=colours[true],
        badge=predicted if wrong else None,
        badge_colour=colours[predicted],
        alt=f"{true}, {'taken for ' + predicted if wrong else 'recognised'}, {row.path}",
        preview=preview_url(run.config.dataset, row.image_id, row.content),
        facts={
            "Answer": f"{predicted}, {row.confidence:.1%}",
            "Margin to the second class": f"{row.margin:.1%}",
            "Loss": f"{row.loss:.3f}",
            "File": row.path,
        },
    )


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
