"""The pipeline editor: choose a pipeline, switch its steps on and off, set their probabilities and strengths, save it under a name.

The pipeline is kept in the URL as text. The widgets are made from it, and each change of a widget rewrites it. When the pipeline
comes from elsewhere (another one was chosen, a file was imported), the widgets get new keys: a new generation.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.app import formatting, train_options, url_state
from dashboard.app.error_page import try_action
from dashboard.app.parameters import LIKE, PRESET, VIEW
from dashboard.app.scroll import scroll_to_top
from dashboard.app.url_state import Parameter
from dashboard.app.widgets import bind_value, bound_value
from engine.core.address import Text
from engine.core.errors import UserError
from engine.runs import pipelines
from engine.runs.pipelines import BUILT_IN, HELP, Pipeline, PipelineStep
from engine.runs.transforms import TRANSFORMS

_DEFAULT = "standard"
PIPELINE, COMPARED = Parameter("pipeline", Text(), _DEFAULT), Parameter("compare", Text(), "")
_OWN = "custom (unsaved)"
_PRESET = "balanced"  # the fastest preset that trains on augmented images
_CHOICE = "pipeline-choice"


def pipeline_editor() -> Pipeline:
    """Draw the editor; the pipeline of the URL, which is the one after the person's last change."""
    pipeline = _from_url()
    _chooser(pipeline)
    for place, step in enumerate(pipeline.steps):
        with st.container(border=True, key=f"step-card-{_generation()}-{place}"):
            _step(pipeline, place, step)
    if not pipeline.steps:
        st.caption("No steps: the network sees the images unchanged.")
    _add(pipeline)
    _actions(pipeline)
    return pipeline


def comparison_pipeline() -> Pipeline | None:
    """Draw the choice of a second pipeline to compare with; None where the person wants none."""
    names = [*BUILT_IN, *pipelines.saved_names()]
    name = url_state.choose(st.selectbox, "Compare with", COMPARED, ["", *names], format_func=lambda name: name or "nothing")
    return pipelines.parse_pipeline(name) if name else None


def _from_url() -> Pipeline:
    """The pipeline in the address; the default one, with a warning, where it is not one."""
    try:
        pipeline = _read_url()
    except UserError as error:
        st.warning(formatting.literal(f"{error} The pipeline {_DEFAULT} is shown instead."), icon=":material/warning:")
        pipeline = BUILT_IN[_DEFAULT]
    PIPELINE.write(pipeline.text)
    return pipeline


def _read_url() -> Pipeline:
    return pipelines.parse_pipeline(PIPELINE.read())


def _change(pipeline: Pipeline, new_widgets: bool = False) -> None:
    """Make this the page's pipeline; with `new_widgets` where the present widgets do not show it already."""
    PIPELINE.write(pipeline.text)
    if new_widgets:
        st.session_state["pipeline-generation"] = _generation() + 1


def _generation() -> int:
    return st.session_state.get("pipeline-generation", 0)


def _chooser(pipeline: Pipeline) -> None:
    names = [*BUILT_IN, *pipelines.saved_names()]
    current = pipeline.name if pipeline.name in names and _same(pipeline) else _OWN
    options = names if current in names else [current, *names]

    binding = bind_value(_CHOICE, current, options)  # a change of a step changes the name

    def choose(name: str) -> None:
        if name != _OWN:
            try_action(lambda: _change(replace(pipelines.parse_pipeline(name), name=name), new_widgets=True))

    st.selectbox(
        "Pipeline",
        options,
        options.index(binding.initial),
        key=binding.key,
        on_change=binding.on_change(choose),
        help="Built-in or saved pipelines.",
    )
    # Always a caption: without it the sliders below would move up, be mounted again, and lose the keyboard focus.
    st.caption(HELP.get(current, "Saved by you." if current in names else "Custom: not saved under a name."))


def _same(pipeline: Pipeline) -> bool:
    try:
        return pipelines.parse_pipeline(pipeline.name).steps == pipeline.steps
    except UserError:
        return False


def _step(pipeline: Pipeline, place: int, step: PipelineStep) -> None:
    kind, base = step.kind, f"step-{_generation()}-{place}-{step.transform}"
    binding = bind_value(f"{base}-on", step.probability > 0)

    def switch(on: bool) -> None:
        # Switched on again, it gets its last probability, or 100%.
        last = st.session_state.pop(f"{base}-last", 1.0)
        if not on:
            st.session_state[f"{base}-last"] = step.probability
        _edit_step(place, step.transform, probability=last if on else 0.0)

    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.toggle(kind.label, binding.initial, key=binding.key, help=kind.help, on_change=binding.on_change(switch))
        with st.popover("", icon=":material/more_vert:", key=f"{base}-menu", help="Move or remove this step"):
            _move(place, base, last=len(pipeline.steps) - 1)
    if step.probability:
        _sliders(step, place, base)


def _edit_step(place: int, transform: str, probability: float | None = None, **values: float) -> None:
    """Change a step of the pipeline as it is now: another step may have been changed since this one was drawn."""
    pipeline = _read_url()
    if [step.transform for step in pipeline.steps[place : place + 1]] != [transform]:
        return
    before = pipeline.steps[place]
    probability = before.probability if probability is None else probability
    try_action(lambda: _change(_with_step(pipeline, place, PipelineStep(transform, probability, {**before.values, **values}))))


def _sliders(step: PipelineStep, place: int, base: str) -> None:
    """Draw the probability and the strengths of a step, two per row."""
    names = ["", *step.values]  # "": the probability
    for start in range(0, len(names), 2):
        for column, name in zip(st.columns(2), names[start : start + 2], strict=False):
            if name:
                _strength(column, step, place, name, base)
            else:
                _probability(column, step, place, base)


def _probability(column: DeltaGenerator, step: PipelineStep, place: int, base: str) -> None:
    binding = bind_value(f"{base}-often", round(100 * step.probability))
    column.slider(
        "probability", 5, 100, binding.initial, 5, "%d%%", key=binding.key,
        on_change=binding.on_change(lambda percent: _edit_step(place, step.transform, probability=percent / 100)),
    )  # fmt: skip


def _strength(column: DeltaGenerator, step: PipelineStep, place: int, name: str, base: str) -> None:
    strength, value = step.kind.strengths[name], step.values[name]
    # Streamlit shows whole numbers without decimals if all four are int.
    number = int if strength.step >= 1 else float
    shown = bound_value(f"{base}-{name}")
    # The browser computes 0.35 as 0.35000000000000003; the address holds six digits.
    binding = bind_value(
        f"{base}-{name}", shown if shown is not None and math.isclose(shown, value, rel_tol=1e-5) else number(value)
    )
    column.slider(
        strength.label, number(strength.minimum), number(strength.maximum), binding.initial, number(strength.step), key=binding.key,
        on_change=binding.on_change(lambda value: _edit_step(place, step.transform, **{name: float(value)})),
    )  # fmt: skip


def _with_step(pipeline: Pipeline, place: int, step: PipelineStep) -> Pipeline:
    """The pipeline with one step replaced. It loses a built-in name, unless the change restores a built-in pipeline."""
    steps = (*pipeline.steps[:place], step, *pipeline.steps[place + 1 :])
    return _named(steps, pipeline.name)


def _named(steps: Sequence[PipelineStep], name: str) -> Pipeline:
    known = next((p for p in BUILT_IN.values() if p.steps == tuple(steps)), None)
    return known or Pipeline(tuple(steps), "" if name in BUILT_IN else name)


def _move(place: int, base: str, last: int) -> None:
    def swap(other: int) -> None:
        pipeline = _read_url()
        steps = list(pipeline.steps)
        if max(place, other) < len(steps):
            steps[place], steps[other] = steps[other], steps[place]
            _change(_named(steps, pipeline.name), new_widgets=True)

    def remove() -> None:
        pipeline = _read_url()
        _change(_named((*pipeline.steps[:place], *pipeline.steps[place + 1 :]), pipeline.name), new_widgets=True)

    st.button("Earlier", icon=":material/arrow_upward:", key=f"{base}-up", disabled=place == 0, on_click=swap, args=(place - 1,))
    st.button(
        "Later", icon=":material/arrow_downward:", key=f"{base}-down", disabled=place == last, on_click=swap, args=(place + 1,)
    )
    st.button("Remove", icon=":material/delete:", key=f"{base}-remove", on_click=remove)


def default_step(name: str) -> PipelineStep:
    """A step with the values that people mostly want when they add it: half of the time, and mild."""
    # A crop is applied each time, since it differs each time by itself.
    probability = {"crop": 1.0, "greyscale": 0.1}.get(name, 0.5)
    return PipelineStep(name, probability, {"low": 0.8, "high": 1.25} if name == "gamma" else {})


def _add(pipeline: Pipeline) -> None:
    key = f"add-step-{_generation()}-{len(pipeline.steps)}"

    def add() -> None:
        name, now = st.session_state[key], _read_url()
        if name:
            try_action(lambda: _change(_named((*now.steps, default_step(name)), now.name), new_widgets=True))

    st.selectbox(
        "Add a transform", list(TRANSFORMS), None, lambda name: TRANSFORMS[name].label, key=key, on_change=add,
        placeholder="flip, crop, blur ...", label_visibility="collapsed",
    )  # fmt: skip


def _actions(pipeline: Pipeline) -> None:
    """Draw the buttons that train with the pipeline, save, delete, export and import it."""
    if st.button("Train with this pipeline", icon=":material/model_training:", width="stretch", key="train-with-pipeline"):
        train_options.remember(_PRESET, train_options.recall(_PRESET)[0] | {"augmentation": pipeline.text})
        PRESET.request(_PRESET)
        VIEW.request("new")
        LIKE.clear()
        scroll_to_top()
        st.switch_page("../../pages/train.py")
    with st.expander("Save or share", icon=":material/save:", key=f"keep-pipeline-{_generation()}"):
        name = st.text_input("Name", pipeline.name if pipeline.name not in BUILT_IN else "", key=f"save-name-{_generation()}")
        if st.button("Save", type="primary", key="save-pipeline", help="You can then choose it on the Train page."):
            _try(lambda: _save(pipeline, name.strip()))
        if pipeline.name in pipelines.saved_names() and st.button("Delete saved pipeline", icon=":material/delete:"):
            _try(lambda: _delete(pipeline))
        st.download_button(
            "Export", json.dumps(pipeline.to_document(), indent=1), f"{pipeline.name or 'pipeline'}.json",
            "application/json", icon=":material/download:",
        )  # fmt: skip
        file = st.file_uploader("Import", ["json"], key=f"read-pipeline-{_generation()}", max_upload_size=1)
        if file:
            _try(lambda: _import(file.name, file.getvalue()))


def _try(action: Callable[[], None]) -> None:
    """Do it and rerun the page; where it cannot be done, say why here, beside the field."""
    try:
        action()
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
    else:
        st.rerun()


def _save(pipeline: Pipeline, name: str) -> None:
    named = replace(pipeline, name=name)
    pipelines.save(named)
    _change(named, new_widgets=True)
    st.toast(f"Saved as {formatting.literal(name)}. You can now choose it on the Train page.", icon=":material/check:")


def _delete(pipeline: Pipeline) -> None:
    pipelines.delete(pipeline.name)
    _change(replace(pipeline, name=""), new_widgets=True)


def _import(name: str, content: bytes) -> None:
    try:
        document = json.loads(content)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise UserError(f"{name} is not a JSON file.", "Import a file that was made with the button Export.") from None
    _change(pipelines.from_document(document, name), new_widgets=True)
