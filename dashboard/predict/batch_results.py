"""Many pictures: answered in the background, and looked through as a gallery or a table that grows."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, url_state
from dashboard.app.error_page import try_and_rerun
from dashboard.app.image_urls import batch_thumbnail_url
from dashboard.app.page_part import page_part
from dashboard.charts.bars import score_bars
from dashboard.charts.figure import CONFIG
from dashboard.charts.palette import class_colours
from dashboard.components.gallery import SIZES, Tile, gallery
from dashboard.components.job_panel import work_bar
from dashboard.predict.controls import View
from dashboard.predict.detail import detail_is_open, open_detail
from dashboard.predict.prediction import stored_predictions
from dashboard.predict.unused import report_unused
from engine.core.errors import UserError
from engine.core.jobs import JobStatus
from engine.core.number_text import count_text, probability
from engine.core.text_output import csv_text
from engine.evaluation import metrics
from engine.inference.batch import job, seen_in_training
from engine.inference.batch.store import Batch
from engine.inference.batch.table import flat, labelled, table, together
from engine.inference.verdict import SURE, UNKNOWN, UNSURE
from engine.runs import score_text

_POLL = 1.5  # seconds: an end is seen within two
_PAGE = 60
_PAIRS = 6
_HEIGHT = 600  # pixels of the table
_ROWS = 2000  # rows that the table shows at once
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


def batch_results(batch: Batch, view: View) -> None:
    """Progress, scores where folders are classes, and the pictures: drawn anew every now and then while answers are made."""
    left = sum(len(batch.pictures) - len(cache.batch_predictions(batch, run)) for run in view.runs)
    work = job.job(batch).status()
    if left and work.state in ("none", "done"):  # done: by other runs
        try:
            job.start(batch, view.runs)
        except UserError as error:  # what was answered before is still shown
            st.error(formatting.literal(str(error)), icon=":material/error:")
        work = job.job(batch).status()
    busy = work.state == "working"

    @page_part("as", "order_asked", "answers_page", "top", "cam_class", "cam_method", every=_POLL if busy else None)
    def pictures() -> None:
        now = job.job(batch).status()
        if busy and now.state != "working" and not detail_is_open():  # drawing the page anew would close it
            st.rerun()
        _state(batch, view, now, left)
        result = _found(batch, view)
        if len(result):
            unreadable = result[result["error"] != ""]
            report_unused(batch, zip(unreadable["name"], unreadable["error"], strict=True))
            _scores(batch, result, view)
            _pictures(batch, result, view, busy)

    pictures()


def _state(batch: Batch, view: View, now: JobStatus, left: int) -> None:
    if now.state == "working":
        work_bar(now, "", "stop-batch", job.job(batch).stop)
        return
    if now.state == "failed":
        st.error(formatting.literal(f"{now.message} {now.hint}"), icon=":material/error:")
    if left:
        text, action = st.columns([6, 1], vertical_alignment="center")
        text.caption(f"{left:,} answers are missing still.")
        if action.button("Go on", icon=":material/play_arrow:", key="start-batch"):
            try_and_rerun(job.start, batch, view.runs)


def _found(batch: Batch, view: View) -> pd.DataFrame:
    """The table of what all runs of the view have answered; with several runs their mean, and whether they differ."""
    made = [cache.batch_predictions(batch, run) for run in view.runs]
    try:
        result = table(batch.pictures, together(made, view.runs) if len(made) > 1 else made[0], cache.judge(view.runs))
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
        return pd.DataFrame()
    for run, rows in zip(view.runs, made, strict=True):
        best = {
            n: "" if p is None else run.classes[int(np.argmax(p))]
            for n, p in zip(rows["number"], rows["probabilities"], strict=True)
        }
        result[run.id] = result["number"].map(best)
    result["differ"] = result[[run.id for run in view.runs]].nunique(axis=1) > 1
    return result


def _scores(batch: Batch, found: pd.DataFrame, view: View) -> None:
    fair = seen_in_training.fair(labelled(found, view.run.classes), cache.images_seen_in_training(view.runs, batch))
    if not len(fair.rows):
        return
    scores = metrics.score_predictions(fair.rows, view.run.classes)
    with st.container(horizontal=True, gap="large", key="batch-scores"):
        st.metric("Pictures in folders of its classes", f"{scores['n']:,}", width="content")
        st.metric("Accuracy", formatting.score_estimate(scores["accuracy"], percent=True), width="content")
        st.metric("Macro F1", score_text.macro_f1(scores), width="content")
    if missing := score_text.unscored_classes(scores):
        st.caption(formatting.literal(missing))
    if try_action := fair.said(" and ".join(run.id for run in view.runs)):
        st.caption(f":material/balance: {formatting.literal(try_action)}")
    with st.expander("Most confused classes and per-class metrics"):
        pairs, bars = st.columns([2, 3], gap="large")
        for row in metrics.confused_pairs(np.array(scores["confusion"]), view.run.classes).head(_PAIRS).itertuples():
            a, b = formatting.literal(row.a), formatting.literal(row.b)
            pairs.markdown(f"**{a}** and **{b}**: {row.a_as_b:,} and {row.b_as_a:,} taken for the other")
        frame = pd.DataFrame(scores["per_class"]).astype(dict.fromkeys(("precision", "recall", "f1"), float))
        bars.plotly_chart(score_bars(frame, class_colours(view.run.classes)), config=CONFIG, key="batch-bars")


def _pictures(batch: Batch, found: pd.DataFrame, view: View, busy: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="batch-controls"):
        way = url_state.choose(
            st.segmented_control, "As", ["gallery", "table"], "as", label_visibility="collapsed",
            format_func={"gallery": ":material/grid_view: Gallery", "table": ":material/table_rows: Table"}.__getitem__,
        )  # fmt: skip
        classes = st.multiselect(
            "Classes", view.run.classes, key="batch-classes", placeholder="All answers", label_visibility="collapsed", width=240
        )
        kinds = st.multiselect(
            "Kinds", _kinds(found), format_func=_VERDICTS.__getitem__, key="batch-kinds", placeholder="Verdict",
            label_visibility="collapsed", width=240,
        )  # fmt: skip
        order = url_state.choose(
            st.selectbox,
            "Sort by",
            list(_ORDERS),
            "order_asked",
            format_func=_ORDERS.__getitem__,
            width=180,
            label_visibility="collapsed",
        )
    answered = found[found["error"] == ""]
    left = _sorted(_filtered(answered, classes, kinds), order)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(
            f"{len(left):,} of {count_text(len(answered), 'answer')}" + (f", {count_text(len(batch.pictures), 'file')}" if busy else "")
            + _verdicts(left), width="content",
        )  # fmt: skip
        # The files name what could not be answered as well, unless a part of the answers was chosen.
        _downloads(left if classes or kinds else _sorted(found, order), view)
    if way == "table":
        _table(batch, left, view)
    else:
        _gallery(batch, left, view)


def _verdicts(found: pd.DataFrame) -> str:
    """`: 12 sure, 1 unsure`, as far as there are any."""
    counts = found["verdict"].value_counts()
    listed = [f"{counts[kind]:,} {_VERDICTS[kind]}" for kind in (SURE, UNSURE, UNKNOWN) if kind in counts]
    return f": {', '.join(listed)}" if listed else ""


def _kinds(found: pd.DataFrame) -> list[str]:
    """Those that occur."""
    found = found[found["error"] == ""]
    there = set(found["verdict"])
    wrong = (found["true"] != "") & (found["predicted"] != found["true"])
    return [k for k in _VERDICTS if k in there or (k == "wrong" and wrong.any()) or (k == "differ" and found["differ"].any())]


def _filtered(found: pd.DataFrame, classes: list[str], kinds: list[str]) -> pd.DataFrame:
    if classes:
        found = found[found["predicted"].isin(classes)]
    if kinds:
        wrong = (found["true"] != "") & (found["predicted"] != found["true"])
        masks = {"wrong": wrong, "differ": found["differ"]}
        found = found[np.any([masks.get(kind, found["verdict"] == kind) for kind in kinds], axis=0)]
    return found


def _sorted(found: pd.DataFrame, order: str) -> pd.DataFrame:
    return found.sort_values(order.removesuffix("-"), ascending=not order.endswith("-"), kind="stable")


def _downloads(found: pd.DataFrame, view: View) -> None:
    plain = flat(found.drop(columns="differ"), view.run.classes)
    with st.container(horizontal=True, width="content", gap="small"):
        st.download_button(
            "CSV", lambda: csv_text(plain), "answers.csv", "text/csv", icon=":material/download:", on_click="ignore"
        )
        st.download_button(
            "Parquet", lambda: plain.to_parquet(index=False), "answers.parquet", icon=":material/download:", on_click="ignore"
        )


def _gallery(batch: Batch, found: pd.DataFrame, view: View) -> None:
    number = url_state.choose_page(-(-len(found) // _PAGE), f"{batch.id}-{len(found)}", "answers_page")
    colours = class_colours(view.run.classes)
    page = found.iloc[(number - 1) * _PAGE : number * _PAGE]
    tiles = [_tile(batch, row, colours) for row in page.itertuples()]
    picked = gallery(
        tiles, key="asked", size=SIZES[1], of=batch.id, empty="No answers of this kind.", label=f"{len(found):,} answers"
    )
    if picked.opened is not None and not batch.picture(picked.opened).reason:
        open_detail(batch, stored_predictions(batch, picked.opened, view), view)


def _tile(batch: Batch, row: "pd.core.frame.Pandas", colours: dict[str, str]) -> Tile:
    name = row.name.rpartition("/")[2]
    wrong = row.true and row.true != row.predicted
    answer = f"{row.predicted} {probability(row.confidence)}"
    unknown = row.verdict == UNKNOWN
    said = f"closest: {answer}" if unknown else " or ".join(row.may_be) if row.verdict == UNSURE else ""
    return Tile(
        id=row.number, src=batch_thumbnail_url(batch, row.number), caption=_VERDICTS[UNKNOWN] if unknown else answer,
        notes=[note for note in (said, f"filed under {row.true}" if wrong else "", name) if note],
        facts={"file": row.name, "answer": row.predicted, "sure": probability(row.confidence)},
        colour=colours.get(row.predicted), badge="wrong" if wrong else None,
        alt=f"{row.predicted}, {probability(row.confidence)}, {row.verdict}, {name}",
    )  # fmt: skip


def _table(batch: Batch, found: pd.DataFrame, view: View) -> None:
    shown = found.head(_ROWS)
    frame = pd.DataFrame({"picture": [batch_thumbnail_url(batch, number) for number in shown["number"]]})
    frame = frame.join(shown.drop(columns=["number", "probabilities", "differ"]).reset_index(drop=True))
    frame["may_be"] = frame["may_be"].map(" or ".join)
    # Whole percents, as everywhere on the page; what is not wholly sure is not shown as if it were.
    frame["confidence"] = [min(round(100 * share), 99 if share < 1 else 100) for share in frame["confidence"]]
    frame["verdict"] = frame["verdict"].map(lambda kind: _VERDICTS.get(kind, ""))
    frame = frame.loc[:, (frame.notna() & (frame != "")).any()]
    if len(view.runs) == 1:
        frame = frame.drop(columns=view.run.id, errors="ignore")
    picked = st.dataframe(
        frame, key=f"asked-table-{batch.id}", hide_index=True, row_height=56, height=_HEIGHT, on_select="rerun", selection_mode="single-row",
        column_config={
            "picture": st.column_config.ImageColumn("Picture", width="small"), "name": "File", "true": "Folder",
            "predicted": "Answer", "verdict": "Verdict", "may_be": "May be",
            "confidence": st.column_config.ProgressColumn("Sure", format="%d%%", min_value=0, max_value=100),
            "novelty": st.column_config.NumberColumn("Strangeness", format="%.2f", help="Above 1: more unusual than 95% of the validation images."),
        },
    )  # fmt: skip
    if len(found) > _ROWS:
        st.caption(f"The first {_ROWS:,} are shown; the files hold all of them.")
    if picked.selection.rows and picked.selection.rows[0] < len(shown):
        number = int(shown["number"].iloc[picked.selection.rows[0]])
        if not batch.picture(number).reason and st.session_state.get("asked-opened") != number:
            st.session_state["asked-opened"] = number
            open_detail(batch, stored_predictions(batch, number, view), view)
