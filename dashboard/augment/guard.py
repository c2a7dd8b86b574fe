"""What a run withstands of the pipeline: measured on validation images, said where it hurts."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import cached, words
from dashboard.augment.charts import confidence_curves
from dashboard.failure import told
from dashboard.figure import CONFIG
from engine.data.datasets import Dataset
from engine.pipelines import Pipeline, Step
from engine.runs import Run


def guard_rails(run: Run | None, data: Dataset, pipeline: Pipeline) -> None:
    """How the run's confidence in the true class falls under each step, once the person has asked for it."""
    st.subheader("What does a model withstand?", anchor=False)
    steps = [step for step in pipeline.steps if step.probability]
    if run is None:
        st.caption("Train a model first: it then says which of these steps take away what it knows a picture by.")
        return
    if not steps:
        st.caption("There is no step to measure.")
        return
    st.caption(
        f"How sure **{words.literal(run.id)}** is of the true class of validation images when a step is done to them, at half, once, "
        "twice and four times its strength. Where even the model loses sight of the class, the label's evidence may be gone."
    )
    if st.button("Measure", icon=":material/shield:", type="primary", key="measure-withstand"):
        st.session_state["withstand-asked"] = run.id
    if st.session_state.get("withstand-asked") != run.id:
        return
    measured: list[pd.DataFrame] = []
    if told(lambda: measured.extend(_measured(run, data, steps))):
        _said(run, steps, measured)
        st.plotly_chart(confidence_curves([step.kind.label for step in steps], measured), config=CONFIG, key="withstand")


def _measured(run: Run, data: Dataset, steps: Sequence[Step]) -> list[pd.DataFrame]:
    place, found = st.empty(), []
    for number, step in enumerate(steps):
        place.progress(number / len(steps), text=f"Measuring {step.kind.label.lower()}, {number + 1} of {len(steps)}")
        certain = Pipeline((Step(step.transform, 1.0, step.values),))
        found.append(cached.withstood(run, data, certain.recipe))
    place.empty()
    return found


def _said(run: Run, steps: Sequence[Step], measured: Sequence[pd.DataFrame]) -> None:
    """A warning with its figures for each step that hurts; the steps that do no harm in one line."""
    verdict = cached.heavy("engine.withstand").verdict
    verdicts = [verdict(rows) for rows in measured]
    for step, rows, said in zip(steps, measured, verdicts, strict=True):
        if said == "hurts":
            st.warning(_warning(run, step, rows), icon=":material/warning:")
    fine = [step.kind.label for step, said in zip(steps, verdicts, strict=True) if said == "withstood"]
    if fine:
        st.success(f"Withstood at every strength tried: {', '.join(fine)}. These could be stronger.", icon=":material/check:")
    elif "hurts" not in verdicts:
        st.info("No step hurts at its own strength.", icon=":material/info:")


def _warning(run: Run, step: Step, rows: pd.DataFrame) -> str:
    own = rows[rows["factor"] == 1.0].iloc[0]
    strengths = ", ".join(f"{step.kind.strengths[name].label} {value:g}" for name, value in step.values.items())
    worst = words.literal(run.classes[int(own["worst"])])
    milder = rows[(rows["factor"] < 1.0) & ~rows["hurts"]]
    way_out = " At half the strength it does not." if len(milder) else ""
    return (
        f"**{step.kind.label}**{f' ({strengths})' if strengths else ''} takes away what the model knows a picture by: its confidence "
        f"in the true class falls from {own['plain']:.2f} to {own['confidence']:.2f} ({-own['drop']:+.2f}, 95% interval "
        f"{-own['high']:+.2f} to {-own['low']:+.2f}, n = {int(own['n'])}), most for {worst} ({-own['worst_drop']:+.2f}).{way_out}"
    )
