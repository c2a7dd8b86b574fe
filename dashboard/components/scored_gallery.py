"""The pictures of some rows of the prediction table: sorted, in pages, each opened under the lens by a click."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from dashboard.app import open_image, url_state
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.app.paging import page_count, page_slice
from dashboard.components.gallery import Tile, gallery
from dashboard.components.image_dialog import image_dialog
from dashboard.components.scored_run import ScoredRun
from engine.core.text_output import csv_text

PAGE = 60
SORTS = {"loss": ("loss", False), "confidence": ("confidence", False), "margin": ("margin", True)}
_SORTED = {"loss": "highest loss first", "confidence": "most confident first", "margin": "smallest margin first"}

PredictionRow = "pd.core.frame.Pandas"  # what `itertuples` gives of the prediction table


def choose_order(key: str = "sort") -> str:
    """By what the pictures are sorted, kept in the URL as `key`: for galleries that share one order."""
    return url_state.choose(
        st.selectbox, "Sort by", list(SORTS), key, label_visibility="collapsed", format_func=_SORTED.__getitem__
    )


def sort_rows(rows: pd.DataFrame, order: str) -> pd.DataFrame:
    column, ascending = SORTS[order]
    return rows.sort_values(column, ascending=ascending, kind="stable")


def scored_gallery(
    scored: ScoredRun,
    rows: pd.DataFrame,
    key: str,
    *,
    scope: str = "",
    page: str = "cell_page",
    size: str = "M",
    most: int = PAGE,
    empty: str = "No image is here.",
    notes: Callable[[PredictionRow], Sequence[str]] | None = None,
    source: Callable[[PredictionRow], str] | None = None,
) -> None:
    """Draw `rows` of the prediction table in their order, `most` of them a page; a click opens one under the lens.

    `scope` names what the rows are (a cell, a slice): another begins at its first page, which the URL keeps as `page`. `notes`
    gives a row's lines under its caption; without it, how sure the answer was and its loss. `source` gives the address of
    another picture than the image itself, which stays in the hover card.
    """
    what = f"{scored.run.id}-{scored.split}-{scope}"
    number = url_state.choose_page(page_count(len(rows), most), what, page)
    shown = rows.iloc[page_slice(number, len(rows), most)]
    tiles = [scored_tile(scored, row, notes or default_notes, source) for row in shown.itertuples()]
    picked = gallery(tiles, key=key, size=size, select="many" if tiles else None, scope=what, empty=empty)
    if tiles:
        _export(scored, rows, picked.selected, key)
    if picked.opened is not None:
        content = rows["content"].iloc[rows["image_id"].tolist().index(picked.opened)]
        open_image.write_open_image(key, picked.opened, content)
    if (place := _open_place(rows, key)) is not None:
        image_dialog(scored.run, rows.reset_index(drop=True), place)


def _open_place(rows: pd.DataFrame, key: str) -> int | None:
    """Which of the rows the address says is open; one that is not among them any more is taken out of it."""
    held = open_image.read_open_image(key)
    if held is None:
        return None
    for place, (image, content) in enumerate(zip(rows["image_id"], rows["content"], strict=True)):
        if image == held[0] and open_image.is_content(content, held[1]):
            return place
    open_image.close_image()
    return None


def _export(scored: ScoredRun, rows: pd.DataFrame, selected: Sequence[int], key: str) -> None:
    """The rows, or those of them that are selected, as a table to take away; it is made when it is asked for."""
    if selected:
        rows = rows[rows["image_id"].isin(selected)]
    st.download_button(
        f"Table of the {len(rows):,} selected as CSV" if selected else f"Table of {len(rows):,} as CSV",
        lambda: predictions_csv(rows, scored.classes), f"{scored.run.id}-{scored.split}.csv", "text/csv", key=f"{key}-csv",
        type="tertiary", icon=":material/table:", on_click="ignore",
    )  # fmt: skip


def predictions_csv(rows: pd.DataFrame, classes: Sequence[str]) -> str:
    """Rows of a prediction table as CSV: path, true, predicted, confidence, margin, loss, content."""
    named = {name: [classes[place] for place in rows[name]] for name in ("true", "predicted")}
    columns = ["path", *named, "confidence", "margin", "loss", "content"]
    return csv_text(rows.assign(**named)[columns], float_format="%.6g")


def default_notes(row: PredictionRow) -> list[str]:
    """How sure the answer was, and its loss."""
    return [f"{row.confidence:.0%} sure, loss {row.loss:.2f}"]


def scored_tile(
    scored: ScoredRun,
    row: PredictionRow,
    notes: Callable[[PredictionRow], Sequence[str]],
    source: Callable[[PredictionRow], str] | None = None,
) -> Tile:
    """The image of a row of the prediction table in a grid; arguments as those of `pictures`."""
    true, predicted = scored.classes[row.true], scored.classes[row.predicted]
    dataset, wrong = scored.run.config.dataset, row.true != row.predicted
    return Tile(
        id=row.image_id,
        src=source(row) if source else thumbnail_url(dataset, row.image_id, row.content),
        caption=true,
        notes=notes(row),
        colour=scored.colours[true],
        badge=predicted if wrong else None,
        badge_colour=scored.colours[predicted],
        alt=f"{true}, {'taken for ' + predicted if wrong else 'recognised'}, {row.path}",
        preview=preview_url(dataset, row.image_id, row.content),
        facts={
            "Answer": f"{predicted}, {row.confidence:.1%}",
            "Margin to the second class": f"{row.margin:.1%}",
            "Loss": f"{row.loss:.3f}",
            "File": row.path,
        },
    )
