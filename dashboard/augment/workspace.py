"""The Augment page's working place: what is edited on the right is drawn on the left, at each change."""

import random

import streamlit as st

from dashboard.app import url_state
from dashboard.app.page_part import page_part
from dashboard.augment.editor import comparison_pipeline, pipeline_editor
from dashboard.augment.mixtures import mixtures
from dashboard.augment.robustness import robustness_panel
from dashboard.augment.sheets import SourceImages, choose_images, draw_samples, draw_single_steps, normalisation_note
from engine.data.datasets import Dataset
from engine.runs.pipelines import Pipeline
from engine.runs.run import Run


@page_part(
    "pipeline", "compare", "seed", "image", "class_drawn", "px", "draws_of", "grid", "mixing",
)  # fmt: skip
def workspace(data: Dataset, run: Run | None) -> None:
    """A fragment: a change draws nothing else anew, and the grid, which is what the person watches, first."""
    sheet, controls = st.columns([7, 3], gap="large")
    with controls:
        pipeline = pipeline_editor()
        other = comparison_pipeline()
    with sheet:
        chosen = choose_images(data)
        seed, normalised = _view()
        if chosen is None:
            return
        row = st.container()
        _grids(chosen, pipeline, other, seed, normalised)
        with row:
            draw_single_steps(chosen, pipeline, seed, normalised)
        mixtures(data, chosen, pipeline, seed)
    robustness_panel(run, data, pipeline)


def _view() -> tuple[int, bool]:
    """The seed of the draws, and whether they are shown as the numbers that the network gets."""
    again, shuffle, view = st.columns([2, 2, 3], vertical_alignment="center")
    seed = url_state.recall_integer("seed") or 0
    if again.button("New samples", icon=":material/casino:", type="primary", width="stretch", help="Uses a new random seed."):
        seed = random.randrange(10_000)
    url_state.remember("seed", str(seed))
    if shuffle.button("Another image", icon=":material/shuffle:", width="stretch"):
        url_state.remember("image", str(random.randrange(10_000)))
        st.rerun(scope="fragment")
    normalised = view.toggle("Show normalised input", key="normalised")
    if normalised:
        st.caption(normalisation_note())
    return seed, normalised


def _grids(chosen: SourceImages, pipeline: Pipeline, other: Pipeline | None, seed: int, normalised: bool) -> None:
    said = f"{len(chosen.rows)} draws, seed {seed}"
    if other is None:
        draw_samples(chosen, pipeline, seed, normalised, f"{said}: the same seed gives the same draws, here and in training")
        return
    left, right = st.columns(2)
    with left:
        draw_samples(chosen, pipeline, seed, normalised, f"{pipeline.name or 'this pipeline'}, {said}")
    with right:
        draw_samples(chosen, other, seed, normalised, f"{other.name or 'the other'}, {said}")
