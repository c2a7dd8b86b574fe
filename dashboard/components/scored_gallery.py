"""Images of rows of a prediction table: sorted, in pages, each opened in the image dialog by a click."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast

import pandas as pd
import streamlit as st

from dashboard.app import open_image, url_state
from dashboard.app.image_urls import preview_url, thumbnail_url
from dashboard.app.paging import page_count, page_slice
from dashboard.app.url_state import Parameter, page_parameter
from dashboard.components.gallery import Tile, gallery
from dashboard.components.image_dialog import image_dialog
from dashboard.components.scored_run import ScoredRun
from engine.core.address import Choice
from engine.core.text_output import csv_text

PAGE = 60
CELL_PAGE = page_parameter("cell_page")
PAGE_BACK = page_parameter("page_back")  # of the second direction of a class pair
SORTS = {"loss": ("loss", False), "confidence": ("confidence", False), "margin": ("margin", True)}
SORT = Parameter("sort", Choice(tuple(SORTS)), "loss")
_SORT_LABELS = {"loss": "highest loss first", "confidence": "most confident first", "margin": "smallest margin first"}


class PredictionRow(Protocol):
    """A row of the prediction table by attributes; panels merge in columns of their own."""

    Index: int
    image_id: int
    content: str
    path: str
    true: int
    predicted: int
    confidence: float
    margin: float
    loss: float

    def __getattr__(self, column: str) -> Any: ...


def iterate_rows(predictions: pd.DataFrame) -> Iterator[PredictionRow]:
    """The rows of a prediction table. The table's reader has checked the columns, which pandas' own types do not know."""
    return cast(Iterator[PredictionRow], predictions.itertuples())


def choose_order() -> str:
    """The sort order that a person chooses, kept in the URL: the galleries of Evaluate share one order."""
    return url_state.choose(st.selectbox, "Sort by", SORT, label_visibility="collapsed", format_func=_SORT_LABELS.__getitem__)


def sort_rows(rows: pd.DataFrame, order: str) -> pd.DataFrame:
    column, ascending = SORTS[order]
    return rows.sort_values(column, ascending=ascending, kind="stable")


def scored_gallery(
    scored: ScoredRun,
    rows: pd.DataFrame,
    key: str,
    *,
    scope: str = "",
    page: Parameter[int] = CELL_PAGE,
    size: str = "M",
    most: int = PAGE,
    empty: str = "No image is here.",
    notes: Callable[[PredictionRow], Sequence[str]] | None = None,
    source: Callable[[PredictionRow], str] | None = None,
) -> None:
    """Draw `rows` of the prediction table in their order, `most` per page; a click opens the image dialog.

    `scope` names what the rows are (a cell, a slice): another scope begins at its first page, which the URL keeps as `page`.
    `notes` gives a row's lines under its caption; by default its confidence and loss. `source` gives the URL of an image to show
    instead of the thumbnail; the hover card shows the image itself.
    """
    view = f"{scored.run.id}-{scored.split}-{scope}"
    number = url_state.choose_page(page_count(len(rows), most), view, page)
    shown = rows.iloc[page_slice(number, len(rows), most)]
    tiles = [scored_tile(scored, row, notes or default_notes, source) for row in iterate_rows(shown)]
    click = gallery(tiles, key=key, size=size, select="many" if tiles else None, scope=view, empty=empty)
    if tiles:
        _export(scored, rows, click.selected, key)
    if click.opened is not None:
        content = rows["content"].iloc[rows["image_id"].tolist().index(click.opened)]
        open_image.write_open_image(key, click.opened, content)
    # The address opens the dialog, not the click itself: then Back closes it, and a link opens it.
    if (place := _open_place(rows, key)) is not None:
        image_dialog(scored.run, rows.reset_index(drop=True), place)


def _open_place(rows: pd.DataFrame, key: str) -> int | None:
    """The place of the row that the address says is open; one that is no longer among the rows is removed from the address."""
    opened = open_image.read_open_image(key)
    if opened is None:
        return None
    for place, (image, content) in enumerate(zip(rows["image_id"], rows["content"], strict=True)):
        if image == opened[0] and open_image.is_content(content, opened[1]):
            return place
    open_image.close_image()
    return None


def _export(scored: ScoredRun, rows: pd.DataFrame, selected: Sequence[int], key: str) -> None:
    """Draw a button that downloads the rows, or the selected ones, as CSV; the text is made on click."""
    if selected:
        rows = rows[rows["image_id"].isin(selected)]
    st.download_button(
        f"Table of the {len(rows):,} selected as CSV" if selected else f"Table of {len(rows):,} as CSV",
        lambda: predictions_csv(rows, scored.classes), f"{scored.run.id}-{scored.split}.csv", "text/csv", key=f"{key}-csv",
        type="tertiary", icon=":material/table:", on_click="ignore",
    )  # fmt: skip


def predictions_csv(rows: pd.DataFrame, classes: Sequence[str]) -> str:
    """Rows of a prediction table as CSV: path, true, predicted, confidence, margin, loss, content."""
    names = {column: [classes[index] for index in rows[column]] for column in ("true", "predicted")}
    columns = ["path", *names, "confidence", "margin", "loss", "content"]
    return csv_text(rows.assign(**names)[columns], float_format="%.6g")


def default_notes(row: PredictionRow) -> list[str]:
    """The prediction's confidence and loss."""
    return [f"{row.confidence:.0%} sure, loss {row.loss:.2f}"]


def scored_tile(
    scored: ScoredRun,
    row: PredictionRow,
    notes: Callable[[PredictionRow], Sequence[str]],
    source: Callable[[PredictionRow], str] | None = None,
) -> Tile:
    """The tile of a row of the prediction table; arguments as in `scored_gallery`."""
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
            "Prediction": f"{predicted}, {row.confidence:.1%}",
            "Margin to the second class": f"{row.margin:.1%}",
            "Loss": f"{row.loss:.3f}",
            "File": row.path,
        },
    )
