"""The pieces of the Train page: a form that derives from the configuration's fields, and the queue."""

import dataclasses
from typing import Any

import streamlit as st

from dashboard import url, words
from dashboard.header import Context
from engine import launcher
from engine.backbones import BACKBONES, DEFAULT
from engine.config import GROUPS, PRESET_HELP, PRESETS, Config, configure, fields, from_dict
from engine.data.datasets import Dataset
from engine.errors import UserError

_COLUMNS = 3  # of option groups, side by side
_OTHER = "another: timm or Hugging Face"


def options_form(data: Dataset) -> Config | None:
    """The configuration that the form says; None, with the reason on the page, where it is not valid."""
    left, right = st.columns([2, 3], gap="large")
    preset = url.choose(left.segmented_control, "Preset", list(PRESETS), "preset")
    left.caption(PRESET_HELP[preset])
    name = right.selectbox(
        "Model",
        [*BACKBONES, _OTHER],
        index=list(BACKBONES).index(PRESETS[preset].get("model", DEFAULT)),
        format_func=_model_label,
        help=fields()["model"].metadata["help"],
        key=f"{preset}-model",
    )
    if name == _OTHER:
        name = right.text_input(
            "Model name", "timm:mobilenetv4_conv_small", help="timm:NAME or hf-hub:OWNER/NAME, as timm loads it"
        )
    try:
        base = configure(data.name, preset, model=name)
        changes = _every_option(base)
        return from_dict(base.to_dict() | changes)
    except UserError as error:
        st.error(words.literal(str(error)), icon=":material/error:")
        return None


def start_button(configuration: Config | None) -> None:
    if not st.button("Train", type="primary", icon=":material/play_arrow:", disabled=configuration is None):
        return
    try:
        url.set_choice("run", launcher.start(configuration).id)
    except UserError as error:
        st.error(words.literal(str(error)), icon=":material/error:")
    else:
        st.rerun()


def queue_of(context: Context) -> None:
    """Other runs that are computing or waiting."""
    others = [(run, run.status) for run in context.runs if context.run and run.id != context.run.id]
    active = [(run, status) for run, status in others if status.active]
    if not active:
        return
    st.subheader("Also under way", anchor=False)
    for run, status in active:
        text, action = st.columns([6, 1], vertical_alignment="center")
        text.markdown(f"{words.badge(status)} **{run.id}** {words.literal(run.config.model)} {words.literal(status.detail)}")
        action.button("Watch", key=f"watch-{run.id}", on_click=url.set_choice, args=("run", run.id), width="stretch")


def _every_option(base: Config) -> dict[str, Any]:
    """The fields that the person changed. The widgets' keys hold the preset: another preset brings its own values."""
    changes: dict[str, Any] = {}
    with st.expander("Every option", icon=":material/tune:"):
        for place, group in enumerate(GROUPS[1:]):
            if place % _COLUMNS == 0:
                columns = st.columns(_COLUMNS, gap="medium")
            column = columns[place % _COLUMNS]
            column.markdown(f"**{group}**")
            for name, field in fields().items():
                if field.metadata["group"] == group and name != "model":
                    changes[name] = _widget(column, field, getattr(base, name), f"{base.preset}-{name}")
    return changes


def _widget(column: Any, field: dataclasses.Field, value: Any, key: str) -> Any:
    label, meta = field.name.replace("_", " "), field.metadata
    if meta["choices"]:
        return column.selectbox(label, meta["choices"], index=meta["choices"].index(value), help=meta["help"], key=key)
    if isinstance(value, str):
        return column.text_input(label, value, help=meta["help"], key=key)
    if isinstance(value, int):
        return column.number_input(label, meta["minimum"], meta["maximum"], value, 1, help=meta["help"], key=key)
    bounds = float(meta["minimum"]), float(meta["maximum"])
    return column.number_input(label, *bounds, value, format="%.5g", step=value / 10 or 0.01, help=meta["help"], key=key)


def _model_label(name: str) -> str:
    if name not in BACKBONES:
        return name
    entry = BACKBONES[name]
    note = f", {entry.note}" if entry.note else ""
    return f"{entry.name} ({entry.parameters:g} M parameters{note})"
