"""The line at the top of every page: its question, and the dataset and the run that the page is about."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.app import formatting, gone_link, url_state
from dashboard.app.error_page import end_page
from dashboard.app.parameters import DATASET, RUN
from dashboard.components.pending_datasets import wait_for_dataset
from engine.data.datasets import Dataset, list_datasets
from engine.runs.run import Run, list_runs


@dataclass(frozen=True)
class PageContext:
    """What the page is about; `runs` are those of the dataset, newest first. A run may outlive its dataset."""

    dataset: Dataset | None
    run: Run | None
    runs: list[Run]


def page_header(title: str | Callable[[PageContext], str], needs_model: bool = False, allow_gone: bool = False) -> PageContext:
    """The dataset and run that a person chooses in the header, which this draws.

    `needs_model`: only runs that have a model can be chosen; `allow_gone`: also runs whose dataset is gone.
    """
    question, data_column, run_column = st.columns([5, 2, 3], vertical_alignment="bottom")
    context = _context(data_column, run_column, needs_model, allow_gone)
    question.title(title if isinstance(title, str) else title(context), anchor=False)
    gone_link.draw_notices()
    return context


def _context(data_column: DeltaGenerator, run_column: DeltaGenerator, needs_model: bool, allow_gone: bool) -> PageContext:
    """The chosen dataset and run; draws a picker for each."""
    datasets = {data.name: data for data in list_datasets()}
    trained = [(run, run.config.dataset) for run in list_runs()] if datasets or allow_gone else []
    missing = dict.fromkeys(name for _, name in trained if name not in datasets) if allow_gone else {}
    if not datasets and not missing:
        return PageContext(None, None, [])
    latest = next((name for _, name in trained if name in datasets), None)
    options = [*datasets, *missing]
    gone_link.note_missing("dataset", options, latest)
    name = url_state.choose(
        data_column.selectbox, "Dataset", DATASET, options, latest,
        format_func=lambda name: name if name in datasets else f"{name} (gone)",
    )  # fmt: skip
    runs = [
        run for run, dataset in trained if dataset == name and (not needs_model or any((run.path / "checkpoints").glob("best-*")))
    ]
    if not runs:
        run_column.selectbox("Run", ["none yet"], disabled=True, key="no_run")
        return PageContext(datasets.get(name), None, [])
    labels = {run.id: formatting.run_label(run) for run in runs}
    gone_link.note_missing("run", list(labels))
    run_id = url_state.choose(run_column.selectbox, "Run", RUN, list(labels), format_func=lambda name: labels.get(name, name))
    return PageContext(datasets.get(name), next(run for run in runs if run.id == run_id), runs)


def require_dataset(context: PageContext) -> Dataset:
    """The dataset; without one, what to do and the end of the page."""
    if context.dataset is None:
        wait_for_dataset()
        end_page()
    return context.dataset


def require_run(context: PageContext) -> Run:
    """The run; without one, what to do and the end of the page."""
    if context.run is None:
        require_dataset(context)
        st.info("No model has been trained on this dataset yet.", icon=":material/model_training:")
        st.page_link(
            "../../pages/train.py", label="Train one: the preset fast takes a minute or two", icon=":material/model_training:"
        )
        end_page()
    return context.run
