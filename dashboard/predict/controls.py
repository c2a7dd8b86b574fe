"""How predictions are shown: of which runs, how many classes, which heatmap."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.app import formatting, url_state
from dashboard.app.url_state import Parameter
from engine.core.address import Choice, Text
from engine.inference.explain.methods import DEFAULT, METHODS
from engine.runs.run import Run

_OWN, _NONE = "", "none"
_COMPARED, TARGET = Parameter("with", Text(), _NONE), Parameter("cam_class", Text(), _OWN)
TOP = Parameter("top", Choice(("3", "5", "all")), "3")
METHOD = Parameter("cam_method", Choice(tuple(METHODS)), DEFAULT)
_OPACITY = 70  # percent


@dataclass(frozen=True)
class View:
    """`runs`: one, or two that are compared. `top`: how many classes are shown per image. `opacity`: of the heatmap, 0 for none;
    `target`: the class that the heatmap explains, "" for the predicted one; `method`: a name of `engine.inference.explain.methods`.
    `in_grid`: images are thumbnails without heatmaps and bars, whose controls stand in the dialog of an opened image."""

    runs: tuple[Run, ...]
    top: int
    opacity: float
    target: str
    method: str
    in_grid: bool = False

    @property
    def run(self) -> Run:
        return self.runs[0]


def controls(run: Run, others: Sequence[Run], in_grid: bool) -> View:
    """Draw the row of controls. `others`: the runs that `run` may be compared with."""
    others = [other for other in others if other.id != run.id and set(other.classes) == set(run.classes)]
    labels = {other.id: formatting.run_label(other) for other in others}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="predict-controls"):
        compared = url_state.choose(
            st.selectbox, "Compare with", _COMPARED, [_NONE, *labels], width=260,
            format_func=lambda name: labels.get(name, "no other run"), disabled=not labels,
            help="Shows the predictions of another run with the same classes, and the mean of both.",
        )  # fmt: skip
        runs = (run, *(other for other in others if other.id == compared))
        if in_grid:
            return View(runs, top=len(run.classes), opacity=_OPACITY / 100, target=_OWN, method=DEFAULT, in_grid=True)
        return _choose_heatmap(runs)


def heatmap_controls(view: View) -> View:
    """Draw the controls of classes and heatmap for an image of a grid that is opened; the view as they set it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="predict-map-controls"):
        return _choose_heatmap(view.runs)


def _choose_heatmap(runs: tuple[Run, ...]) -> View:
    run = runs[0]
    top = url_state.choose(
        st.selectbox, "Classes", TOP, width=90, format_func=lambda n: n if n == "all" else f"top {n}"
    )  # fmt: skip
    target = url_state.choose(
        st.selectbox, "Heatmap for" if len(runs) == 1 else f"Heatmap of {run.id} for", TARGET, [_OWN, *run.classes],
        width=200, format_func=lambda name: name or "the predicted class",
    )  # fmt: skip
    shown_method = METHODS[METHOD.read()]
    method = url_state.choose(
        st.selectbox, "Method", METHOD, width=150, format_func=lambda name: METHODS[name].label,
        help=shown_method.scale,
    )  # fmt: skip
    opacity = st.slider("Heatmap opacity", 0, 100, _OPACITY, 5, format="%d%%", key="opacity", width=220)
    count = len(run.classes) if top == "all" else min(int(top), len(run.classes))
    return View(runs, top=count, opacity=opacity / 100, target=target, method=method)
