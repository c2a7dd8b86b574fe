"""The workspace of the Augment page: the pipeline is edited on the right, and each change redraws the images on the left."""

import random

import streamlit as st

from dashboard.app.page_part import page_part
from dashboard.app.url_state import Parameter
from dashboard.augment.editor import COMPARED, PIPELINE, comparison_pipeline, pipeline_editor
from dashboard.augment.mixtures import MIXING, mixtures
from dashboard.augment.robustness import robustness_panel
from dashboard.augment.sheets import (
    CLASS,
    GRID,
    IMAGE,
    KIND,
    SIZE,
    SourceImages,
    choose_images,
    draw_samples,
    draw_single_steps,
    normalisation_note,
)
from engine.core.address import Integer
from engine.data.datasets import Dataset
from engine.runs.pipelines import Pipeline
from engine.runs.run import Run

_SEED = Parameter("seed", Integer(), 0)


@page_part(PIPELINE, COMPARED, _SEED, IMAGE, CLASS, SIZE, KIND, GRID, MIXING)
def workspace(data: Dataset, run: Run | None) -> None:
    """Draw editor, images and robustness. A fragment: a change redraws nothing else."""
    sheet, controls = st.columns([7, 3], gap="large")
    with controls:
        pipeline = pipeline_editor()
        other = comparison_pipeline()
    with sheet:
        images = choose_images(data)
        seed, normalised = _choose_view()
        if images is None:
            return
        single_steps = st.container()
        # The grid comes first, although it stands below: it is what the person watches while changing the pipeline.
        _grids(images, pipeline, other, seed, normalised)
        with single_steps:
            draw_single_steps(images, pipeline, seed, normalised)
        mixtures(data, images, pipeline, seed)
    robustness_panel(run, data, pipeline)


def _choose_view() -> tuple[int, bool]:
    """Draw the buttons; the seed of the samples, and whether they are shown normalised, as the network gets them."""
    again, shuffle, view = st.columns([2, 2, 3], vertical_alignment="center")
    seed = _SEED.read()
    if again.button("New samples", icon=":material/casino:", type="primary", width="stretch", help="Uses a new random seed."):
        seed = random.randrange(10_000)
    _SEED.write(seed)
    if shuffle.button("Another image", icon=":material/shuffle:", width="stretch"):
        IMAGE.write(random.randrange(10_000))
        st.rerun(scope="fragment")
    normalised = view.toggle("Show normalised input", key="normalised")
    if normalised:
        st.caption(normalisation_note())
    return seed, normalised


def _grids(images: SourceImages, pipeline: Pipeline, other: Pipeline | None, seed: int, normalised: bool) -> None:
    title = f"{len(images.rows)} samples, seed {seed}"
    if other is None:
        draw_samples(images, pipeline, seed, normalised, f"{title}: the same seed gives the same samples, here and in training")
        return
    left, right = st.columns(2)
    with left:
        draw_samples(images, pipeline, seed, normalised, f"{pipeline.name or 'This pipeline'}, {title}")
    with right:
        draw_samples(images, other, seed, normalised, f"{other.name or 'The other pipeline'}, {title}")
