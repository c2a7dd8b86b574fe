"""The pieces of the Runs page."""

import pandas as pd
import streamlit as st

from dashboard import url, words
from dashboard.failure import attempt
from dashboard.header import Context
from engine import launcher, trash
from engine.config import Config, fields
from engine.files import read_json
from engine.runs import Run


def table_of_runs(context: Context) -> None:
    """The dataset's runs, a row each; a click on a row chooses it."""

    def choose() -> None:
        rows = st.session_state["runs-table"].selection.rows
        if rows:
            url.set_choice("run", context.runs[rows[0]].id)

    st.dataframe(
        pd.DataFrame([_row(run) for run in context.runs]),
        hide_index=True,
        width="stretch",
        on_select=choose,
        selection_mode="single-row",
        key="runs-table",
        column_config={
            "started": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
            "test macro F1": st.column_config.NumberColumn(format="%.3f"),
            "test accuracy": st.column_config.NumberColumn(format="%.3f"),
        },
    )


def run_actions(run: Run) -> None:
    status = run.status
    st.markdown(
        f"{words.badge(status)} {words.literal(status.detail)} {words.literal(status.error)} {words.literal(status.hint)}"
    )
    with st.container(horizontal=True):
        if "test" in run.results and st.button("Evaluate", icon=":material/target:", type="primary"):
            st.switch_page("../pages/evaluate.py")
        if st.button("Watch", icon=":material/model_training:"):
            st.switch_page("../pages/train.py")
        if status.active and st.button("Stop", icon=":material/stop:"):
            attempt(launcher.stop, run)
        if status.state in ("stopped", "failed", "interrupted") and st.button("Resume", icon=":material/play_arrow:"):
            attempt(launcher.resume, run)
        if not status.active and st.button("Delete", icon=":material/delete:"):
            _confirm_deletion(run)


def configuration_of(run: Run) -> None:
    config, default = run.config, Config()
    rows = [{"field": name, "value": str(getattr(config, name)), "default": str(getattr(default, name))} for name in fields()]
    left, right = st.columns(2, gap="large")
    left.markdown("Configuration")
    left.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", height=320)
    right.markdown("Environment")
    right.json(read_json(run.path / "environment.json", {}), expanded=1)


@st.dialog("Delete this run?")
def _confirm_deletion(run: Run) -> None:
    st.markdown(f"**{run.id}**, with its model and its predictions, is removed from the disk.")
    if st.button("Delete", type="primary", icon=":material/delete:"):
        url.forget("run")
        attempt(trash.delete, run)


def _row(run: Run) -> dict:
    test = run.results.get("test")
    return {
        "run": run.id,
        "state": run.status.state,
        "model": run.config.model,
        "method": run.config.method,
        "test macro F1": test["macro_f1"]["value"] if test else None,
        "95% interval": f"{test['macro_f1']['low']:.3f} to {test['macro_f1']['high']:.3f}" if test else "",
        "test accuracy": test["accuracy"]["value"] if test else None,
        "test images": test["n"] if test else None,
        "started": pd.Timestamp(run.created, unit="s", tz="UTC").tz_convert(None),
    }
