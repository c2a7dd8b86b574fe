"""A run's robustness to the pipeline's steps: measured on validation images on request, with a warning where a step hurts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import cache
from dashboard.app import formatting
from dashboard.app.waiting_clicks import let_clicks_through
from dashboard.charts.augmentation import confidence_curves
from dashboard.charts.figure import CONFIG
from engine.core.errors import UserError
from engine.core.estimate import Estimate
from engine.core.number_text import signed
from engine.core.progress import Progress
from engine.data.datasets import Dataset
from engine.runs.pipelines import Pipeline, PipelineStep, parse_pipeline
from engine.runs.run import Run

_REQUEST, _RESULT = "withstand-request", "withstand-result"


@dataclass(frozen=True)
class Target:
    """What is measured: a run, on a dataset, with the steps of a pipeline."""

    run: str
    dataset: str
    recipe: str

    @property
    def steps(self) -> list[PipelineStep]:
        return [step for step in parse_pipeline(self.recipe).steps if step.probability]


@dataclass(frozen=True)
class Measurement:
    """The rows of `engine.evaluation.robustness.augmentation_robustness.measure_steps`, a frame per step."""

    target: Target
    frames: Sequence[pd.DataFrame]


def robustness_panel(run: Run | None, data: Dataset, pipeline: Pipeline) -> None:
    """Draw how the run's confidence in the true class falls under each step, once the person has asked for it."""
    st.subheader("Is the augmentation too strong?", anchor=False)
    if run is None:
        st.caption("Train a model first: it can then show which of these steps destroy the evidence it relies on.")
        return
    target = Target(run.id, data.name, pipeline.recipe)
    if not target.steps:
        st.caption("The pipeline has no step to measure.")
        return
    st.caption(
        f"The confidence of **{formatting.literal(run.id)}** in the true class of validation images when one step is applied to them, at half, "
        "once, twice and four times its strength. Where the model loses confidence, the image may no longer show its class."
    )
    request: Target | None = st.session_state.get(_REQUEST)
    result: Measurement | None = st.session_state.get(_RESULT)
    if result and (result.target.run, result.target.dataset) != (run.id, data.name):
        result = None
    button = st.empty()  # one place for both: Cancel while it measures, Measure otherwise
    if request and (request.run, request.dataset) == (run.id, data.name):
        button.button("Cancel", icon=":material/close:", key="cancel-withstand", on_click=_clear_request)
        result = _measure(run, data, request) or result
    button.button(
        "Measure again" if result else "Measure", icon=":material/shield:", type="primary", key="measure-withstand",
        on_click=_request, args=(target,),
    )  # fmt: skip
    if result:
        if result.target.recipe != target.recipe:
            st.markdown(
                ":orange-badge[:material/history: outdated] The pipeline has changed since this was measured: measure again."
            )
        _draw_verdicts(run, result)


def _request(target: Target) -> None:
    st.session_state[_REQUEST] = target


def _clear_request() -> None:
    st.session_state.pop(_REQUEST, None)


def _measure(run: Run, data: Dataset, request: Target) -> Measurement | None:
    """Measure the requested pipeline. A click elsewhere restarts this function, which finds the finished steps in the cache."""
    place, steps = st.empty(), request.steps

    def show(number: int, rows: Progress) -> None:
        let_clicks_through()
        place.progress(
            (number + rows.share) / len(steps), text=f"Measuring {steps[number].kind.label.lower()}, {number + 1} of {len(steps)}"
        )

    frames: list[pd.DataFrame] = []
    try:
        for number, step in enumerate(steps):
            show(number, Progress("measuring"))
            recipe = Pipeline((PipelineStep(step.transform, 1.0, step.values),)).recipe
            frames.append(cache.augmentation_robustness(run, data, recipe, partial(show, number)))
    except UserError as error:
        st.toast(formatting.literal(str(error)), icon=":material/error:")
    # Not in a `finally`: when a click ends this run of the script, the request must stay.
    _clear_request()
    place.empty()
    if len(frames) < len(steps):
        return None
    measurement = Measurement(request, frames)
    st.session_state[_RESULT] = measurement
    return measurement


def _draw_verdicts(run: Run, result: Measurement) -> None:
    """Draw a warning with figures for each step that hurts, one line for each group of the others, and the curves."""
    with cache.IMPORT_LOCK:
        from engine.evaluation.robustness.augmentation_robustness import verdict
    steps, frames = result.target.steps, result.frames
    verdicts = [verdict(rows) for rows in frames]
    for step, rows, outcome in zip(steps, frames, verdicts, strict=True):
        if outcome == "hurts":
            st.warning(_warning(run, step, rows), icon=":material/warning:")
    for text in _lines(steps, verdicts):
        st.success(text, icon=":material/check:")
    st.plotly_chart(confidence_curves([step.kind.label for step in steps], frames), config=CONFIG, key="withstand")
    limits = _limits(steps, frames)
    st.caption(
        "The dotted line is the confidence without the step; the band is a 95% interval." + (f" {limits}" if limits else "")
    )


def _lines(steps: Sequence[PipelineStep], verdicts: Sequence[str]) -> list[str]:
    """A sentence for each degree of harmlessness. Steps without a strength, such as a flip, cannot be made stronger."""
    outcomes = list(zip(steps, verdicts, strict=True))
    groups = {
        "No loss of confidence even at four times the strength; these could be stronger": [
            step for step, outcome in outcomes if outcome == "withstood" and step.values
        ],
        "No loss of confidence": [step for step, outcome in outcomes if outcome == "withstood" and not step.values],
        "No significant loss at its own strength": [step for step, outcome in outcomes if outcome == ""],
    }
    return [f"{text}: {', '.join(step.kind.label for step in group)}." for text, group in groups.items() if group]


def _limits(steps: Sequence[PipelineStep], frames: Sequence[pd.DataFrame]) -> str:
    """Which strengths were not measured because they are beyond the step's limit."""
    with cache.IMPORT_LOCK:
        from engine.evaluation.robustness.augmentation_robustness import FACTORS
    texts = []
    for step, rows in zip(steps, frames, strict=True):
        missing = [f"{factor:g}×" for factor in FACTORS if factor not in set(rows["factor"])]
        if step.values and missing:
            texts.append(f"{step.kind.label} was not measured at {' and '.join(missing)}, which is beyond its limit.")
        elif not step.values:
            texts.append(f"{step.kind.label} has no strength to vary.")
    return " ".join(texts)


def _warning(run: Run, step: PipelineStep, rows: pd.DataFrame) -> str:
    own = rows[rows["factor"] == 1.0].iloc[0]
    strengths = ", ".join(f"{step.kind.strengths[name].label} {value:g}" for name, value in step.values.items())
    worst = formatting.literal(run.classes[int(own["worst"])])
    milder = rows[(rows["factor"] < 1.0) & ~rows["hurts"]]
    advice = " At half the strength it does not." if len(milder) else ""
    loss = Estimate(own["drop"], own["low"], own["high"])
    return (
        f"**{step.kind.label}**{f' ({strengths})' if strengths else ''} destroys the evidence that the model relies on: its confidence "
        f"in the true class falls from {own['plain']:.2f} to {own['confidence']:.2f} by "
        f"{loss.text(digits=2, named=True)} on {int(own['n']):,} images, most for {worst} ({signed(-own['worst_drop'], 2)}).{advice}"
    )
