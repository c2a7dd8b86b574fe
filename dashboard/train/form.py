"""The form of the Train page. It is derived from the configuration's fields, and starts from a preset or from another run."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.app import formatting, train_options, url_state
from dashboard.app.parameters import LIKE, PRESET
from dashboard.app.train_options import widget_key
from dashboard.components.page_header import PageContext
from engine.core.errors import UserError
from engine.data.datasets import Dataset
from engine.models.registry import BACKBONES, check_weights
from engine.runs.config import GROUPS, Config, configure, fields, from_dict
from engine.runs.inactive_fields import inactive_fields, reset_inactive_fields
from engine.runs.pipelines import BUILT_IN, saved_names
from engine.runs.presets import PRESET_HELP

COMMON = ("method", "image_size", "epochs", "peak_lr", "batch_size", "augmentation", "trainable")
_COLUMNS = 4
_OTHER = "another: timm or Hugging Face"
_STARTS = {"pretrained": "pretrained weights", "run": "the model of a run", "file": "a file", "none": "nothing: random weights"}


@dataclasses.dataclass(frozen=True)
class Base:
    """What the form starts from: the configuration of a preset, or of a run that is duplicated."""

    name: str
    config: Config


def options_form(data: Dataset, context: PageContext) -> tuple[Config | None, str]:
    """Draw the form; its configuration (None where it is invalid, with the reason on the page) and the preset or run it starts from."""
    base = _base(data, context)
    return _configuration(base, data, context), base.name


def _configuration(base: Base, data: Dataset, context: PageContext) -> Config | None:
    changes, ignored = train_options.recall(base.name)
    for sentence in ignored:
        st.warning(formatting.literal(sentence), icon=":material/warning:")
    before = base.config.to_dict() | changes
    left, right = st.columns([3, 4], gap="medium")
    values = before | {"dataset": data.name, "preset": base.config.preset}
    with left:
        values["model"] = _model(base, before["model"])
    with right:
        weights, problem = _weights(base, before["weights"], values["model"], context)
        values["weights"] = weights or before["weights"]
    values |= _options(base, values)
    changes = train_options.differences(values, base.config)
    train_options.remember(base.name, {name: value for name, value in changes.items() if name not in ("dataset", "preset")})
    if problem:
        return None
    try:
        return from_dict(reset_inactive_fields(values))
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
        return None


def _base(data: Dataset, context: PageContext) -> Base:
    copied = next((run for run in context.runs if run.id == LIKE.read()), None)
    if copied is None:
        LIKE.clear()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            preset = url_state.choose(st.segmented_control, "Preset", PRESET)
            _reset_button(preset, "Reset to preset")
        st.caption(PRESET_HELP[preset])
        return Base(preset, configure(data.name, preset))
    LIKE.write(copied.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/content_copy: The options of **{copied.id}** {formatting.literal(copied.metadata.name)}. Your changes are marked.",
            width="content",
        )
        _reset_button(copied.id, f"Reset to {copied.id}")
        st.button("Start from a preset instead", icon=":material/undo:", on_click=_use_preset, args=(copied.id,))
    return Base(copied.id, copied.config)


def _reset_button(base: str, label: str) -> None:
    """Draw the button even while nothing has changed, so that a first change moves nothing."""
    st.button(label, icon=":material/restart_alt:", key=f"reset-{base}", on_click=train_options.reset, args=(base,))


def _use_preset(copied: str) -> None:
    LIKE.clear()
    train_options.reset(copied)


def _model(base: Base, before: str) -> str:
    known = before in BACKBONES
    name = st.selectbox(
        "Model", [*BACKBONES, _OTHER], index=list(BACKBONES).index(before) if known else len(BACKBONES), format_func=_model_label,
        help=fields()["model"].metadata["help"], key=widget_key(base.name, "model"),
    )  # fmt: skip
    if name != _OTHER:
        return name
    text = "timm:mobilenetv4_conv_small" if known else before
    return st.text_input(
        "Model name", text, help="timm:NAME or hf-hub:OWNER/NAME, as timm loads it", key=widget_key(base.name, "other")
    )


def _weights(base: Base, before: str, model: str, context: PageContext) -> tuple[str, bool]:
    """Draw what the training starts from: the value of the field `weights` ("" while there is none), and whether it is invalid.

    The reason is drawn below the field.
    """
    weights = ""
    try:
        weights = _start_from(base, before, context)
        check_weights(weights, model)
    except UserError as error:
        st.error(formatting.literal(str(error)), icon=":material/error:")
        return weights, True
    return weights, False


def _start_from(base: Base, before: str, context: PageContext) -> str:
    kind = before.partition(":")[0] if before.partition(":")[0] in _STARTS else "file"
    left, right = st.columns([3, 4], gap="medium")
    start = left.selectbox(
        "Start from", list(_STARTS), list(_STARTS).index(kind), format_func=_STARTS.__getitem__, key=widget_key(base.name, "start"),
        help=fields()["weights"].metadata["help"],
    )  # fmt: skip
    if start == "run":
        trained = {run.id: run for run in context.runs if any((run.path / "checkpoints").glob("best-*"))}
        if not trained:
            raise UserError("No run of this dataset has a model to start from yet.", "Start from pretrained weights.")
        source = before.partition(":")[2]
        place = list(trained).index(source) if source in trained else 0
        run_id = right.selectbox(
            "Run", list(trained), place, format_func=lambda run_id: formatting.run_label(trained[run_id]),
            key=widget_key(base.name, "from-run"),
        )  # fmt: skip
        return f"run:{run_id}"
    if start == "file":
        path = right.text_input(
            "File on this computer", before if kind == "file" else "", placeholder="/home/you/weights.safetensors",
            key=widget_key(base.name, "weights"),
            help="A state dict: safetensors, or .pth read without running its code. The log says which weights fitted.",
        )  # fmt: skip
        if not path.strip():
            raise UserError("No weights file has been entered yet.", "Enter its path, or start from pretrained weights.")
        return path.strip()
    return start


def _options(base: Base, initial: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the options; their values. A field that has no effect given the others has no widget and keeps its value."""
    names = [name for name, field in fields().items() if field.metadata["group"] != "Data" and name not in ("model", "weights")]
    # The widgets' values are read before they are drawn, because they decide which widgets are drawn.
    now = {name: st.session_state.get(widget_key(base.name, name), initial[name]) for name in names}
    inactive = inactive_fields(now)
    shown = [name for name in names if name not in inactive]
    values = _row_by_row(base, [name for name in COMMON if name in shown], now)
    rest = [name for name in shown if name not in COMMON]
    changed = sum(now[name] != getattr(base.config, name) for name in rest)
    label = f"More options ({changed} changed)" if changed else "More options"
    with st.expander(label, icon=":material/tune:", key=f"more-{base.name}"):
        for group in GROUPS:
            members = [name for name in rest if fields()[name].metadata["group"] == group]
            if not members:
                continue
            st.markdown(f"**{group}**")
            values |= _row_by_row(base, members, now)
    return values


def _row_by_row(base: Base, names: Sequence[str], now: Mapping[str, Any]) -> dict[str, Any]:
    """Draw some fields' widgets; their values. In rows, so that they keep their order where a phone stacks the columns."""
    values = {}
    for start in range(0, len(names), _COLUMNS):
        columns = st.columns(_COLUMNS, gap="medium")
        for column, name in zip(columns, names[start : start + _COLUMNS], strict=False):
            values[name] = _widget(column, base, name, now[name])
    return values


def _widget(column: DeltaGenerator, base: Base, name: str, now: Any) -> Any:
    """Draw the widget of a field; its value."""
    field, before = fields()[name], getattr(base.config, name)
    meta, key = field.metadata, widget_key(base.name, name)
    # The label is plain text, without Markdown, because a screen reader reads it out as it is written. The widget's default is the
    # present value, which it shows when it is mounted again in a panel that was closed.
    label = name.replace("_", " ") + (f" ({base.name}: {_short(before)})" if now != before else "")
    if name == "augmentation":
        known = list(dict.fromkeys([*BUILT_IN, *saved_names(), before, now]))
        return column.selectbox(label, known, known.index(now), help=meta["help"], key=key, accept_new_options=True)
    if meta["choices"]:
        return column.selectbox(label, meta["choices"], meta["choices"].index(now), help=meta["help"], key=key)
    if isinstance(before, str):
        return column.text_input(label, now, help=meta["help"], key=key)
    if isinstance(before, int):
        return column.number_input(label, meta["minimum"], meta["maximum"], now, 1, help=meta["help"], key=key)
    bounds = float(meta["minimum"]), float(meta["maximum"])
    return column.number_input(label, *bounds, now, format="%.5g", step=before / 10 or 0.01, help=meta["help"], key=key)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _model_label(name: str) -> str:
    if name not in BACKBONES:
        return name
    entry = BACKBONES[name]
    note = f", {entry.note}" if entry.note else ""
    return f"{entry.name} ({entry.parameters:g} M parameters{note})"
