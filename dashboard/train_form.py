"""The form of the Train page: it derives from the configuration's fields, and starts from a preset or from another run."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import url, words
from dashboard.header import Context
from engine.backbones import BACKBONES
from engine.config import GROUPS, PRESET_HELP, PRESETS, Config, configure, fields, from_dict
from engine.data.datasets import Dataset
from engine.errors import UserError
from engine.idle import idle_fields, without_idle
from engine.pipelines import BUILT_IN, saved_names

COMMON = ("method", "image_size", "epochs", "peak_lr", "batch_size", "augmentation", "trainable")
_COLUMNS = 4
_OTHER = "another: timm or Hugging Face"
_STARTS = {"pretrained": "pretrained weights", "run": "the model of a run", "file": "a file", "none": "nothing: random weights"}


@dataclasses.dataclass(frozen=True)
class Base:
    """What the form begins with: a preset's configuration, or that of a run that is duplicated."""

    name: str
    config: Config


def options_form(data: Dataset, context: Context) -> tuple[Config | None, str]:
    """The configuration that the form says, and the key of its widget of peak_lr.

    None, with the reason on the page, where it is not valid.
    """
    base = _base(data, context)
    return _configuration(base, data, context), _key(base, "peak_lr")


def _configuration(base: Base, data: Dataset, context: Context) -> Config | None:
    try:
        left, right = st.columns([3, 4], gap="medium")
        with left:
            values = {"dataset": data.name, "preset": base.config.preset, "model": _model(base)}
        with right:
            values["weights"] = _weights(base, context)
        values |= _options(base, values)
        return from_dict(without_idle(values))
    except UserError as error:
        st.error(words.literal(str(error)), icon=":material/error:")
        return None


def _base(data: Dataset, context: Context) -> Base:
    copied = next((run for run in context.runs if run.id == url.recall("like")), None)
    if copied is None:
        url.forget("like")
        preset = url.choose(st.segmented_control, "Preset", list(PRESETS), "preset")
        st.caption(PRESET_HELP[preset])
        return Base(preset, configure(data.name, preset))
    url.remember("like", copied.id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/content_copy: The options of **{copied.id}** {words.literal(copied.about.name)}. What you change is marked.",
            width="content",
        )
        st.button("Begin with a preset", icon=":material/undo:", on_click=url.forget, args=("like",))
    return Base(copied.id, copied.config)


def _model(base: Base) -> str:
    known = base.config.model in BACKBONES
    name = st.selectbox(
        "Model",
        [*BACKBONES, _OTHER],
        index=list(BACKBONES).index(base.config.model) if known else len(BACKBONES),
        format_func=_model_label,
        help=fields()["model"].metadata["help"],
        key=f"{base.name}-model",
    )
    if name != _OTHER:
        return name
    before = "timm:mobilenetv4_conv_small" if known else base.config.model
    return st.text_input("Model name", before, help="timm:NAME or hf-hub:OWNER/NAME, as timm loads it", key=f"{base.name}-other")


def _weights(base: Base, context: Context) -> str:
    """What the training starts from, as the field `weights` says it."""
    before = base.config.weights
    kind = before.partition(":")[0] if before.partition(":")[0] in _STARTS else "file"
    left, right = st.columns([3, 4], gap="medium")
    chosen = left.selectbox(
        "Start from", list(_STARTS), list(_STARTS).index(kind), format_func=_STARTS.get, key=f"{base.name}-start",
        help=fields()["weights"].metadata["help"],
    )  # fmt: skip
    if chosen == "run":
        trained = {run.id: run for run in context.runs if any((run.path / "checkpoints").glob("best-*"))}
        if not trained:
            raise UserError("No run of this dataset has a model to start from yet.", "Start from pretrained weights.")
        wanted = before.partition(":")[2]
        place = list(trained).index(wanted) if wanted in trained else 0
        run_id = right.selectbox(
            "Run", list(trained), place, format_func=lambda run_id: words.run_label(trained[run_id]), key=f"{base.name}-from-run"
        )
        return f"run:{run_id}"
    if chosen == "file":
        path = right.text_input(
            "File on this computer", before if kind == "file" else "", placeholder="/home/you/weights.safetensors",
            key=f"{base.name}-weights", help="A state dict: safetensors, or .pth read without running its code. The log says what fitted.",
        )  # fmt: skip
        return path.strip() or "pretrained"
    return chosen


def _options(base: Base, values: dict[str, Any]) -> dict[str, Any]:
    """The values of the options' widgets. Their keys hold the base's name: another base brings its own values."""
    before = base.config.to_dict()
    names = [name for name, field in fields().items() if field.metadata["group"] != "Data" and name not in values]
    now = {name: st.session_state.get(_key(base, name), before[name]) for name in names}
    idle = idle_fields(now)
    chosen = {name: before[name] for name in names}
    shown = [name for name in names if name not in idle]
    chosen |= _row_by_row(base, [name for name in COMMON if name in shown], now)
    rest = [name for name in shown if name not in COMMON]
    changed = sum(now[name] != before[name] for name in rest)
    label = f"More options ({changed} changed)" if changed else "More options"
    with st.expander(label, icon=":material/tune:", key=f"more-{base.name}"):
        for group in GROUPS:
            members = [name for name in rest if fields()[name].metadata["group"] == group]
            if not members:
                continue
            st.markdown(f"**{group}**")
            chosen |= _row_by_row(base, members, now)
    return chosen


def _row_by_row(base: Base, names: Sequence[str], now: Mapping[str, Any]) -> dict[str, Any]:
    """The values of some fields' widgets, in rows: stacked on a phone, they keep their order."""
    chosen = {}
    for start in range(0, len(names), _COLUMNS):
        columns = st.columns(_COLUMNS, gap="medium")
        for column, name in zip(columns, names[start : start + _COLUMNS], strict=False):
            chosen[name] = _widget(column, base, name, now[name])
    return chosen


def _widget(column: Any, base: Base, name: str, now: Any) -> Any:
    field, before = fields()[name], getattr(base.config, name)
    meta, key = field.metadata, _key(base, name)
    label = name.replace("_", " ") + (f" :orange-badge[{base.name}: {_short(before)}]" if now != before else "")
    if name == "augmentation":
        known = list(dict.fromkeys([*BUILT_IN, *saved_names(), before]))
        return column.selectbox(
            label,
            known,
            known.index(before),
            help=meta["help"],
            key=key,
            accept_new_options=True,
        )
    if meta["choices"]:
        return column.selectbox(label, meta["choices"], meta["choices"].index(before), help=meta["help"], key=key)
    if isinstance(before, str):
        return column.text_input(label, before, help=meta["help"], key=key)
    if isinstance(before, int):
        return column.number_input(label, meta["minimum"], meta["maximum"], before, 1, help=meta["help"], key=key)
    bounds = float(meta["minimum"]), float(meta["maximum"])
    return column.number_input(label, *bounds, before, format="%.5g", step=before / 10 or 0.01, help=meta["help"], key=key)


def _key(base: Base, name: str) -> str:
    return f"{base.name}-{name}"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _model_label(name: str) -> str:
    if name not in BACKBONES:
        return name
    entry = BACKBONES[name]
    note = f", {entry.note}" if entry.note else ""
    return f"{entry.name} ({entry.parameters:g} M parameters{note})"
