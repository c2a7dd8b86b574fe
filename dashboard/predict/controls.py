"""How answers are shown: by which runs, how many classes, where the network looked."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.app import formatting, url_state
from engine.inference.explain.methods import DEFAULT, METHODS
from engine.runs.run import Run

_OWN, _NONE = "", "none"
_TOPS = ("3", "5", "all")
_OPACITY = 70  # percent


@dataclass(frozen=True)
class View:
    """`runs`: one, or two that are compared. `top`: how many classes a picture shows. `opacity` 0: no map of where the run looked;
    `target` "": each picture's own answer; `method`: a name of `engine.inference.explain.methods`. `in_grid`: the pictures are shown small, without
    maps and bars; what is said of these is chosen where one picture is opened."""

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
    """Draw the line of controls. `others`: the runs that may stand beside `run`."""
    others = [other for other in others if other.id != run.id and set(other.classes) == set(run.classes)]
    labels = {other.id: formatting.run_label(other) for other in others}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="predict-controls"):
        beside = url_state.choose(
            st.selectbox, "Compare with", [_NONE, *labels], "with", _NONE, width=260,
            format_func=lambda name: labels.get(name, "no other run"), disabled=not labels,
            help="Predictions of another run on the same classes, and the mean of both.",
        )  # fmt: skip
        runs = (run, *(other for other in others if other.id == beside))
        if in_grid:
            return View(runs, len(run.classes), _OPACITY / 100, _OWN, DEFAULT, in_grid=True)
        return _choose_map(runs)


def map_controls(view: View) -> View:
    """The controls of classes and maps for one picture of a grid that is opened; the view with what they say."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="predict-map-controls"):
        return _choose_map(view.runs)


def _choose_map(runs: tuple[Run, ...]) -> View:
    run = runs[0]
    top = url_state.choose(
        st.selectbox, "Classes", _TOPS, "top", width=90, format_func=lambda n: n if n == "all" else f"top {n}"
    )  # fmt: skip
    target = url_state.choose(
        st.selectbox, "Heatmap for" if len(runs) == 1 else f"Where {run.id} looked, for", [_OWN, *run.classes], "cam_class",
        width=200, format_func=lambda name: name or "the predicted class",
    )  # fmt: skip
    method = url_state.choose(
        st.selectbox, "By", list(METHODS), "cam_method", width=150, format_func=lambda name: METHODS[name].label,
        help=METHODS[url_state.recall("cam_method") or DEFAULT].scale if (url_state.recall("cam_method") or DEFAULT) in METHODS else None,
    )  # fmt: skip
    opacity = st.slider("Heatmap opacity", 0, 100, _OPACITY, 5, format="%d%%", key="opacity", width=220)
    return View(runs, len(run.classes) if top == "all" else min(int(top), len(run.classes)), opacity / 100, target, method)
