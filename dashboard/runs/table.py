"""The table of the Runs page, and what it offers for the selected runs."""

import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting, viewer_time
from dashboard.app.parameters import RUN, VIEW
from dashboard.app.polling import SECOND, poll
from dashboard.charts import training_curves
from dashboard.charts.figure import CONFIG
from dashboard.components.report_export import report_button
from dashboard.components.run_actions import delete, more_buttons, more_panels, state_row
from dashboard.components.run_configuration import configuration_frame
from engine.core.estimate import Estimate
from engine.core.files import read_json
from engine.evaluation import best_run
from engine.evaluation.best_run import Ranking
from engine.runs import score_text, trash
from engine.runs.config import fields
from engine.runs.inactive_fields import inactive_fields
from engine.runs.run import Run

_TABLE = "runs-table"


def table_of_runs(runs: Sequence[Run], ranking: Ranking) -> list[Run]:
    """The runs that are selected in the table, which has a row per run, the scores first. A clicked run becomes the page's run."""
    # A selection is row numbers: over other runs it begins anew, or "delete" would mean others than were ticked.
    key = f"{_TABLE}-{zlib.crc32(' '.join(run.id for run in runs).encode()):08x}"

    def choose() -> None:
        rows = st.session_state[key].selection.rows
        if len(rows) == 1 and rows[0] < len(runs):
            RUN.request(runs[rows[0]].id)

    if not runs:
        st.info("No run matches.", icon=":material/filter_alt_off:")
        return []
    # Between the filters and the table, whose own toolbar opens above it and would cover their buttons.
    st.caption(_table_caption(runs, ranking))
    rows = pd.DataFrame([_row(run, ranking) for run in runs])
    event = st.dataframe(
        rows.drop(columns=[name for name in ("name", "tags") if not rows[name].str.len().any()]),
        hide_index=True,
        width="stretch",
        # 35 px per row and for the header, 3 px of borders; a longer table scrolls in its place.
        height=min(35 * (len(runs) + 1) + 3, 423),
        on_select=choose,
        selection_mode="multi-row",
        key=key,
        placeholder="",
        column_config=_columns(),
    )
    return [runs[row] for row in event.selection.rows if row < len(runs)]


def _table_caption(runs: Sequence[Run], ranking: Ranking) -> str:
    count = (
        f"{len(runs):,} {'run' if len(runs) == 1 else 'runs'}. A click on a heading sorts; the boxes on the left select several."
    )
    return " ".join(filter(None, [count, formatting.literal(best_run.sentence(ranking))]))


def _columns() -> dict[str, Any]:
    zone = viewer_time.viewer_zone()
    return {
        "run": st.column_config.TextColumn(pinned=True, width=96),
        "best": st.column_config.TextColumn("★", width=34, help="★ the best by validation; ☆ not distinguishable from it by a paired test"),
        "test macro F1": st.column_config.NumberColumn("test F1", format="%.3f", width=66, help="macro F1, scored once per run"),
        "95% interval": st.column_config.TextColumn("95%", width=104, help="interval of the macro F1 on test"),
        "validation macro F1": st.column_config.NumberColumn(
            "valid. F1", format="%.3f", width=76, help="macro F1 on validation: runs are chosen by this"
        ),
        "test accuracy": st.column_config.NumberColumn("accuracy", format="%.3f", width=80, help="on test"),
        "test images": st.column_config.NumberColumn(format="localized"),
        "name": st.column_config.TextColumn(width=150),
        "tags": st.column_config.ListColumn(width=150),
        "started": st.column_config.DatetimeColumn(
            f"started ({viewer_time.zone_name(zone)})", format="D MMM YYYY, HH:mm", timezone=zone, width=190,
            help=f"In the time zone of your browser, {zone}",
        ),
    }  # fmt: skip


def compare_runs(selected: Sequence[Run]) -> None:
    """Draw the learning curves of several runs in one chart, and the differences of their configurations."""
    curve_runs = list(selected)[: training_curves.MAX_RUNS]
    if len(selected) > len(curve_runs):
        st.caption(f"The chart shows the first {len(curve_runs)}.")
    titles = Counter(run.title for run in curve_runs)
    histories = {run.title if titles[run.title] == 1 else run.id: cache.history(run) for run in curve_runs}
    curves = {name: history.epochs for name, history in histories.items() if len(history.epochs)}
    linear = {
        name: float(history.candidates["validation_macro_f1"].iloc[history.candidates["validation_loss"].argmin()])
        for name, history in histories.items()
        if len(history.candidates)
    }
    if curves:  # linear probes alone would be flat lines
        st.plotly_chart(training_curves.run_curves(curves, linear), config=CONFIG, key="overlay")
    st.markdown("What differs")
    table = differences(selected)
    if len(table):
        st.dataframe(table, hide_index=True, width="stretch")
    else:
        st.caption("Their configurations are the same.")
    if all(not run.status.active for run in selected) and st.button(
        f"Delete {len(selected)} runs", icon=":material/delete:", help=f"Into the trash, for {trash.DAYS:g} days."
    ):
        delete(list(selected))


def differences(selected: Sequence[Run]) -> pd.DataFrame:
    """One row per field in which the configurations differ, one column per run. Empty where they are the same.

    A field without effect in a run (see `engine.runs.inactive_fields`) is blank there.
    """
    configs = {run.id: run.config.to_dict() for run in selected}
    texts = {
        run_id: {name: "" if name in inactive_fields(values) else str(value) for name, value in values.items()}
        for run_id, values in configs.items()
    }
    rows = [
        {"field": name} | {run_id: values[name] for run_id, values in texts.items()}
        for name in fields()
        if len({values[name] for values in texts.values()}) > 1
    ]
    return pd.DataFrame(rows)


def run_actions(run: Run) -> None:
    _live_state(run)
    with st.container(horizontal=True):
        if "test" in run.results and st.button("Evaluate", icon=":material/target:", type="primary"):
            st.switch_page("../../pages/evaluate.py")
        if "test" in run.results and run.has_predictions("test"):
            report_button(run, "test", key=f"report-{run.id}")
        if st.button("Watch", icon=":material/model_training:"):
            VIEW.request("run")
            st.switch_page("../../pages/train.py")
        more_buttons(run)
    more_panels(run)


def _live_state(run: Run) -> None:
    """Draw the run's state, again every second while it is active, so that a request is seen to take effect."""
    drawn_status = run.status

    poll(lambda: state_row(run), lambda: run.status.state != drawn_status.state, SECOND if drawn_status.active else None)


def configuration_columns(run: Run) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"Configuration, from the preset **{formatting.literal(run.config.preset)}**")
        configuration_frame(run)
    right.markdown("Environment")
    right.json(read_json(run.path / "environment.json", {}), expanded=1)


def trash_panel() -> None:
    """Draw the deleted runs that can be restored; nothing where the trash is empty."""
    entries = trash.list_deleted()
    if not entries:
        return
    with st.expander(f"Trash: {len(entries)} {'run' if len(entries) == 1 else 'runs'}", icon=":material/delete:", key="trash"):
        st.caption(f"Deleted runs stay for {trash.DAYS:g} days, then the next deletion removes them for good.")
        left, right = st.columns([3, 2], vertical_alignment="bottom")
        run_ids = left.multiselect(
            "Restore", [entry.id for entry in entries], key="trash-restore", placeholder="choose runs",
            format_func=lambda run_id: f"{run_id}, deleted {viewer_time.time_ago(next(e.deleted_at for e in entries if e.id == run_id))}",
        )  # fmt: skip
        with right.container(horizontal=True):
            if st.button("Restore", icon=":material/undo:", disabled=not run_ids, key="restore"):
                for run_id in run_ids:
                    RUN.request(trash.restore(run_id).id)
                st.rerun()
            with st.popover("Empty the trash"):
                st.markdown(f"**{len(entries)}** {'run' if len(entries) == 1 else 'runs'} would be removed for good.")
                if st.button("Remove for good", type="primary", key="empty-trash"):
                    trash.empty()
                    st.rerun()


def _row(run: Run, ranking: Ranking) -> dict[str, object]:
    results, config, about, status = run.results, run.config, run.metadata, run.status
    test, validation = results.get("test"), results.get("validation")
    return {
        "run": run.id,
        "best": {"best": "★", "tied": "☆"}.get(ranking.mark(run), ""),
        "test macro F1": test["macro_f1"]["value"] if test else None,
        "95% interval": f"{Estimate(**test['macro_f1']).limits()}{score_text.scored_classes(test)}" if test else "",
        "validation macro F1": validation["macro_f1"]["value"] if validation else None,
        "test accuracy": test["accuracy"]["value"] if test else None,
        "test images": test["n"] if test else None,
        "state": status.word,
        "name": about.name,
        "model": config.model,
        "method": config.method,
        "preset": config.preset,
        "tags": list(about.tags),
        "started": pd.Timestamp(run.created, unit="s", tz="UTC"),
    }
