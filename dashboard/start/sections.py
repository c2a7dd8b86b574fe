"""The sections of the Start page: the next step, the datasets, the form that adds one, and the latest runs."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import cache
from dashboard.app import formatting, viewer_time
from dashboard.app.image_urls import thumbnail_url
from dashboard.app.parameters import DATASET, RUN
from dashboard.charts.palette import class_colours
from dashboard.components.gallery import Tile, gallery
from dashboard.components.page_header import PageContext
from dashboard.components.pending_datasets import await_dataset
from engine.core.errors import UserError
from engine.data import add_job
from engine.data.datasets import INTEL, Dataset, list_damaged, list_datasets
from engine.data.filters import Filter
from engine.runs import score_text
from engine.runs.config import configure
from engine.runs.run import list_runs
from engine.training.launcher import start as start_run

_STRIP = 8  # example images on a dataset's card
_RECENT = 5  # runs that are listed


def next_step(context: PageContext) -> None:
    """Draw one sentence that says what there is, and one button for what to do next."""
    if context.dataset is None:
        st.markdown(
            "Explore your images, train a classifier on this computer, and see what it confuses and why. Nothing leaves the machine."
        )
        return
    name = formatting.literal(context.dataset.name)
    if not context.dataset.has_images:
        st.markdown(
            f"**{name}** is a catalog without image files, made for benchmarks: it can be explored, but no model can be trained on it."
        )
        return
    if context.run is None:
        st.markdown(f"**{name}** has no model yet. The preset *fast* trains one on this computer in a minute or two.")
        if st.button("Train a first model", type="primary", icon=":material/play_arrow:"):
            _train_first(context.dataset)
    elif context.run.status.active:
        st.markdown(f"{formatting.run_badge(context.run)} **{context.run.id}** is training on **{name}**.")
        st.page_link("../../pages/train.py", label="Watch the training", icon=":material/model_training:")
    elif "test" in context.run.results:
        score = context.run.results["test"]
        st.markdown(
            f"**{context.run.id}** scores macro F1 **{score_text.macro_f1(score)}** on {score['n']:,} test images of **{name}**."
        )
        st.page_link("../../pages/evaluate.py", label="See where it goes wrong", icon=":material/target:")
    else:
        st.markdown(f"{formatting.status_badge(context.run.status)} **{context.run.id}** has not been scored.")
        st.page_link("../../pages/train.py", label="Show the run", icon=":material/model_training:")


def _train_first(data: Dataset) -> None:
    try:
        run = start_run(configure(data.name))
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
        return
    RUN.request(run.id)
    st.switch_page("../../pages/train.py")


def dataset_cards() -> None:
    for name, error in list_damaged().items():
        st.error(f"**{formatting.literal(name)}** cannot be shown. {formatting.literal(str(error))}", icon=":material/error:")
    for data in list_datasets():
        with st.container(border=True):
            _card(data)


def _card(data: Dataset) -> None:
    counts = data.catalog.counts()
    classes = data.classes
    text, action = st.columns([6, 1], vertical_alignment="center")
    synthetic = f" :gray-badge[{data.origin}]" if data.synthetic else ""
    splits = ", ".join(f"{n:,} {split}" for split, n in counts.groupby("split")["n"].sum().sort_values(ascending=False).items())
    text.markdown(
        f"**{formatting.literal(data.name)}**{synthetic}  \n{int(counts['n'].sum()):,} images, {len(classes):,} classes: {splits}"
    )
    _unused_files(text, data)
    if action.button("Explore", key=f"explore-{data.name}", width="stretch"):
        DATASET.request(data.name)
        st.switch_page("../../pages/explore.py")
    colours = class_colours(classes)
    if not data.has_images:
        return
    tiles = [
        Tile(
            id=row.id, src=thumbnail_url(data.name, row.id, row.hash), caption=name, colour=colours[name],
            alt=f"{name}, an example from {data.name}",
        )
        for name in classes[:_STRIP]
        for row in data.catalog.page(Filter(splits=("train",), classes=(name,)), size=max(1, _STRIP // len(classes)))
    ]  # fmt: skip
    if gallery(tiles, key=f"strip-{data.name}", size="S", label=f"Examples of {data.name}").opened is not None:
        DATASET.request(data.name)
        st.switch_page("../../pages/explore.py")


def _unused_files(place: DeltaGenerator, data: Dataset) -> None:
    """Draw how the folders were interpreted, and how many files are not used for which reason."""
    report = cache.unused_files(data)
    lines = [formatting.literal(note) for note in report.notes]
    if report.files:
        colour = "orange" if report.loud else "gray"
        lines.append(f":{colour}[{report.headline}]: {formatting.literal(report.summary)}.")
    if lines:
        place.caption("  \n".join(lines))


def add_form() -> None:
    # In the keys, so that the expander is a new one, and closed, after a dataset was added.
    added = st.session_state.setdefault("datasets-added", 0)
    with st.expander("Add a dataset", icon=":material/add:", key=f"add-{added}"), st.form(f"add-form-{added}", border=False):
        source = st.text_input(
            "Folder on this computer",
            placeholder="/home/you/photos",
            help="A folder with one subfolder per class, or with train, val and test folders that contain the class folders, or Kaggle's "
            f"seg_train and seg_test. Also {INTEL} or demo.",
        )
        name = st.text_input("Name (optional)", placeholder="taken from the folder")
        st.caption("Images are read where they are; nothing is copied or changed.")
        if st.form_submit_button("Add", type="primary"):
            _add(source.strip(), name.strip())


def _add(source: str, name: str) -> None:
    if not source:
        st.error("Enter a folder with one subfolder per class.", icon=":material/error:")
        return
    try:
        await_dataset(add_job.start(source, name or None))
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
    else:
        st.session_state["datasets-added"] += 1
        st.rerun()


def recent_runs() -> None:
    runs = list_runs()[:_RECENT]
    if not runs:
        st.caption("None yet.")
        return
    for run in runs:
        text, action = st.columns([6, 1], vertical_alignment="center")
        status, results = run.status, run.results
        outcome = f"macro F1 {score_text.macro_f1(results['test'])}" if "test" in results else formatting.state_detail(status)
        text.markdown(
            f"{formatting.run_badge(run)} **{run.id}** {formatting.literal(run.config.model)} on {formatting.literal(run.config.dataset)}: {outcome} "
            f":gray[{viewer_time.time_ago(run.created)}]"
        )
        if action.button("Open", key=f"open-{run.id}", width="stretch"):
            DATASET.request(run.config.dataset)
            RUN.request(run.id)
            st.switch_page("../../pages/evaluate.py" if "test" in results else "../../pages/train.py")
