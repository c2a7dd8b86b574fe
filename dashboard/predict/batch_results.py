"""Many images: predicted in the background, and browsed as a gallery or a table that grows."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import try_and_rerun
from dashboard.app.image_urls import batch_thumbnail_url
from dashboard.app.page_part import page_part
from dashboard.app.url_state import Parameter
from dashboard.charts.bars import score_bars
from dashboard.charts.figure import CONFIG
from dashboard.charts.palette import class_colours
from dashboard.components.gallery import SIZES, Tile, gallery
from dashboard.components.job_panel import failure, progress_row
from dashboard.predict.controls import METHOD, TARGET, TOP, View
from dashboard.predict.detail import detail_is_open, open_detail
from dashboard.predict.prediction import stored_predictions
from dashboard.predict.unused_files import report_unused
from dashboard.predict.uploads import PREDICTIONS_PAGE
from engine.core.address import Choice
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.core.jobs import JobStatus
from engine.core.number_text import count_text, probability
from engine.core.text_output import csv_text
from engine.evaluation import metrics
from engine.inference.batch import job, seen_in_training
from engine.inference.batch.store import Batch
from engine.inference.batch.table import build_table, flatten, labelled_outcomes
from engine.inference.verdict import SURE, UNKNOWN, UNSURE
from engine.runs import score_text

_POLL = 1.5  # seconds, so that the end is seen within two
_PAGE = 60
_PAIRS = 6
_HEIGHT = 600  # pixels of the table
_ROWS = 2000  # rows that the table shows at once
_CLICKED, _LAST = "batch-row-clicked", "batch-row-last"  # session: numbers of images
_VERDICTS = {
    SURE: "sure",
    UNSURE: "unsure",
    UNKNOWN: "out-of-distribution?",
    "wrong": "wrong",
    "differ": "the runs differ",
}
_ORDERS = {
    "number": "Upload order", "confidence": "Least confident first", "confidence-": "Most confident first", "novelty-": "Most unusual first",
    "name": "Name, A to Z",
}  # fmt: skip
_ORDER = Parameter("order_asked", Choice(tuple(_ORDERS)), next(iter(_ORDERS)))
_LAYOUT = Parameter("as", Choice(("gallery", "table")), "gallery")


def batch_results(batch: Batch, view: View) -> None:
    """Draw progress, scores where folders are classes, and the images; redrawn at intervals while predictions are made."""
    left = sum(len(batch.images) - len(cache.batch_predictions(batch, run)) for run in view.runs)
    work = job.job(batch).status()
    if left and work.state in ("none", "done"):  # done: for other runs
        try:
            job.start(batch, view.runs)
        except UserError as error:  # the predictions that are there are still shown
            st.error(formatting.literal(str(error)), icon=":material/error:")
        work = job.job(batch).status()
    busy = work.state == "working"

    @page_part(_LAYOUT, _ORDER, PREDICTIONS_PAGE, TOP, TARGET, METHOD, interval=_POLL if busy else None)
    def results() -> None:
        now = job.job(batch).status()
        if busy and now.state != "working" and not detail_is_open():  # a rerun would close it
            st.rerun()
        _progress(batch, view, now, left)
        predictions = _combine_runs(batch, view)
        if len(predictions):
            unreadable = predictions[predictions["error"] != ""]
            report_unused(batch, zip(unreadable["name"], unreadable["error"], strict=True))
            _scores(batch, predictions, view)
            _images(batch, predictions, view, busy)

    results()


def _progress(batch: Batch, view: View, now: JobStatus, left: int) -> None:
    if now.state == "working":
        progress_row(job.job(batch), now, "")
        return
    if now.state == "failed":
        failure(job.job(batch), now)
    if left:
        text, action = st.columns([6, 1], vertical_alignment="center")
        text.caption(f"{count_text(left, 'prediction is', 'predictions are')} still missing.")
        if action.button("Continue", icon=":material/play_arrow:", key="start-batch"):
            try_and_rerun(job.start, batch, view.runs)


def _combine_runs(batch: Batch, view: View) -> pd.DataFrame:
    """The table of the images that all runs of the view have predicted; with several runs their mean, and whether they differ."""
    by_run = [cache.batch_predictions(batch, run) for run in view.runs]
    try:
        first, *others = by_run
        result = build_table(batch.images, first.mean(*others), cache.judge(view.runs))
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
        return pd.DataFrame()
    for predictions in by_run:
        readable = predictions.readable
        best = np.array(predictions.classes, object)[readable.probabilities.argmax(axis=1)]
        result[predictions.source] = result["number"].map(dict(zip(readable.ids, best, strict=True))).fillna("")
    result["differ"] = result[[run.id for run in view.runs]].nunique(axis=1) > 1
    return result


def _scores(batch: Batch, predictions: pd.DataFrame, view: View) -> None:
    fair = seen_in_training.exclude_training_images(
        labelled_outcomes(predictions, view.run.classes), cache.images_seen_in_training(view.runs, batch)
    )
    if not len(fair.rows):
        return
    scores = metrics.score_predictions(fair.rows, view.run.classes)
    with st.container(horizontal=True, gap="large", key="batch-scores"):
        st.metric("Images in folders named like classes", f"{scores['n']:,}", width="content")
        st.metric("Accuracy", Estimate(**scores["accuracy"]).text("%"), width="content")
        st.metric("Macro F1", score_text.macro_f1(scores), width="content")
    if missing := score_text.unscored_classes(scores):
        st.caption(formatting.literal(missing))
    if note := fair.sentence(" and ".join(run.id for run in view.runs)):
        st.caption(f":material/balance: {formatting.literal(note)}")
    with st.expander("Most confused classes and per-class metrics"):
        pairs, bars = st.columns([2, 3], gap="large")
        confused = metrics.confused_pairs(np.array(scores["confusion"]), view.run.classes).head(_PAIRS)
        for pair in confused.to_dict("records"):
            a, b = formatting.literal(str(pair["a"])), formatting.literal(str(pair["b"]))
            pairs.markdown(f"**{a}** predicted as **{b}**: {pair['a_as_b']:,}; **{b}** as **{a}**: {pair['b_as_a']:,}")
        frame = pd.DataFrame(scores["per_class"]).astype(dict.fromkeys(("precision", "recall", "f1"), float))
        bars.plotly_chart(score_bars(frame, class_colours(view.run.classes)), config=CONFIG, key="batch-bars")


def _images(batch: Batch, predictions: pd.DataFrame, view: View, busy: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="batch-controls"):
        layout = url_state.choose(
            st.segmented_control, "As", _LAYOUT, label_visibility="collapsed",
            format_func={"gallery": ":material/grid_view: Gallery", "table": ":material/table_rows: Table"}.__getitem__,
        )  # fmt: skip
        classes = st.multiselect(
            "Classes", view.run.classes, key="batch-classes", placeholder="All classes", label_visibility="collapsed", width=240
        )
        kinds = st.multiselect(
            "Kinds", _kinds(predictions), format_func=_VERDICTS.__getitem__, key="batch-kinds", placeholder="Verdict",
            label_visibility="collapsed", width=240,
        )  # fmt: skip
        order = url_state.choose(
            st.selectbox, "Sort by", _ORDER, format_func=_ORDERS.__getitem__, width=180,
            label_visibility="collapsed",
        )  # fmt: skip
    readable = predictions[predictions["error"] == ""]
    matches = _sorted(_filtered(readable, classes, kinds), order)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        total = f", {count_text(len(batch.images), 'file')}" if busy else ""
        st.caption(f"{len(matches):,} of {count_text(len(readable), 'prediction')}{total}{_verdicts(matches)}", width="content")
        # The downloads list unreadable files as well, unless they are filtered.
        _downloads(matches if classes or kinds else _sorted(predictions, order), view)
    if layout == "table":
        _table(batch, matches, view)
    else:
        _gallery(batch, matches, view)


def _verdicts(predictions: pd.DataFrame) -> str:
    """How many predictions have which verdict, such as `: 12 sure, 1 unsure`; empty where there are none."""
    counts = predictions["verdict"].value_counts()
    listed = [f"{counts[kind]:,} {_VERDICTS[kind]}" for kind in (SURE, UNSURE, UNKNOWN) if kind in counts]
    return f": {', '.join(listed)}" if listed else ""


def _kinds(predictions: pd.DataFrame) -> list[str]:
    """The keys of `_VERDICTS` that occur."""
    predictions = predictions[predictions["error"] == ""]
    present = set(predictions["verdict"])
    if _is_wrong(predictions).any():
        present.add("wrong")
    if predictions["differ"].any():
        present.add("differ")
    return [kind for kind in _VERDICTS if kind in present]


def _is_wrong(predictions: pd.DataFrame) -> pd.Series:
    """Which rows lie in a class's folder and are predicted as another class."""
    return (predictions["true"] != "") & (predictions["predicted"] != predictions["true"])


def _filtered(predictions: pd.DataFrame, classes: list[str], kinds: list[str]) -> pd.DataFrame:
    if classes:
        predictions = predictions[predictions["predicted"].isin(classes)]
    if kinds:
        masks = {"wrong": _is_wrong(predictions), "differ": predictions["differ"]}
        predictions = predictions[np.any([masks.get(kind, predictions["verdict"] == kind) for kind in kinds], axis=0)]
    return predictions


def _sorted(predictions: pd.DataFrame, order: str) -> pd.DataFrame:
    return predictions.sort_values(order.removesuffix("-"), ascending=not order.endswith("-"), kind="stable")


def _downloads(predictions: pd.DataFrame, view: View) -> None:
    plain = flatten(predictions.drop(columns="differ"), view.run.classes)
    with st.container(horizontal=True, width="content", gap="small"):
        st.download_button(
            "CSV", lambda: csv_text(plain), "predictions.csv", "text/csv", icon=":material/download:", on_click="ignore"
        )
        st.download_button(
            "Parquet", lambda: plain.to_parquet(index=False), "predictions.parquet", icon=":material/download:", on_click="ignore"
        )


def _gallery(batch: Batch, predictions: pd.DataFrame, view: View) -> None:
    number = url_state.choose_page(-(-len(predictions) // _PAGE), f"{batch.id}-{len(predictions)}", PREDICTIONS_PAGE)
    colours = class_colours(view.run.classes)
    page = predictions.iloc[(number - 1) * _PAGE : number * _PAGE]
    tiles = [_tile(batch, row, colours) for row in page.to_dict("records")]
    click = gallery(
        tiles, key="asked", size=SIZES[1], scope=batch.id, empty="No matching predictions.",
        label=count_text(len(predictions), "prediction"),
    )  # fmt: skip
    if click.opened is not None and not batch.image(click.opened).reason:
        open_detail(batch, stored_predictions(batch, click.opened, view), view)


def _tile(batch: Batch, row: Mapping[Hashable, Any], colours: Mapping[str, str]) -> Tile:
    """`row`: of the table `engine.inference.batch.table.build_table`."""
    name, predicted, confidence = row["name"].rpartition("/")[2], row["predicted"], probability(row["confidence"])
    wrong = row["true"] and row["true"] != predicted
    caption, detail = f"{predicted} {confidence}", ""
    if row["verdict"] == UNKNOWN:
        caption, detail = _VERDICTS[UNKNOWN], f"closest: {caption}"
    elif row["verdict"] == UNSURE:
        detail = " or ".join(row["may_be"])
    return Tile(
        id=row["number"], src=batch_thumbnail_url(batch, row["number"]), caption=caption,
        notes=[note for note in (detail, f"filed under {row['true']}" if wrong else "", name) if note],
        facts={"file": row["name"], "prediction": predicted, "confidence": confidence},
        colour=colours.get(predicted), badge="wrong" if wrong else None, alt=f"{predicted}, {confidence}, {row['verdict']}, {name}",
    )  # fmt: skip


def _table(batch: Batch, predictions: pd.DataFrame, view: View) -> None:
    shown = predictions.head(_ROWS)
    frame = pd.DataFrame({"picture": [batch_thumbnail_url(batch, number) for number in shown["number"]]})
    frame = frame.join(shown.drop(columns=["number", "probabilities", "differ"]).reset_index(drop=True))
    frame["may_be"] = frame["may_be"].map(" or ".join)
    # Whole percents, as everywhere on the page; below 1 never rounded up to 100%.
    frame["confidence"] = [min(round(100 * share), 99 if share < 1 else 100) for share in frame["confidence"]]
    frame["verdict"] = frame["verdict"].map(lambda kind: _VERDICTS.get(kind, ""))
    frame = frame.loc[:, (frame.notna() & (frame != "")).any()]
    if len(view.runs) == 1:
        frame = frame.drop(columns=view.run.id, errors="ignore")
    key, numbers = f"batch-table-{batch.id}", shown["number"].astype(int).tolist()

    def request_detail() -> None:
        rows = st.session_state[key].selection.rows
        # A click on the selected row deselects it: the person wants to see the image again.
        number = numbers[rows[0]] if rows and rows[0] < len(numbers) else st.session_state.get(_LAST)
        st.session_state[_LAST] = st.session_state[_CLICKED] = number

    st.dataframe(
        frame, key=key, hide_index=True, row_height=56, height=_HEIGHT, on_select=request_detail, selection_mode="single-row",
        column_config={
            "picture": st.column_config.ImageColumn("Image", width="small"), "name": "File", "true": "Folder",
            "predicted": "Prediction", "verdict": "Verdict", "may_be": "Prediction set",
            "confidence": st.column_config.ProgressColumn("Confidence", format="%d%%", min_value=0, max_value=100),
            "novelty": st.column_config.NumberColumn("OOD score", format="%.2f", help="Above 1: more unusual than 95% of the validation images."),
        },
    )  # fmt: skip
    if len(predictions) > _ROWS:
        st.caption(f"The first {_ROWS:,} are shown; the downloads contain all of them.")
    # Only after a click: the row stays selected, while the order and the filters of the table change.
    number = st.session_state.pop(_CLICKED, None)
    if number is not None and not batch.image(number).reason:
        open_detail(batch, stored_predictions(batch, number, view), view)
