"""Search and filters of the table of runs, kept in the address."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.app import url_state
from dashboard.app.url_state import Parameter
from dashboard.app.widgets import bind_value, popover
from dashboard.components.page_header import PageContext
from engine.core.address import Items, Name, Text
from engine.runs.run import ACTIVE, Run

_SEARCH = Parameter("find", Text(), "")
_STATES = {"finished": ("finished",), "running or waiting": ACTIVE, "ended early": ("stopped", "failed", "interrupted")}
_NAMES = Items(Name(), lenient=True)
_STATE, _MODEL, _TAG = (Parameter[tuple[str, ...]](f"run_{name}", _NAMES, ()) for name in ("state", "model", "tag"))


def filtered_runs(context: PageContext) -> list[Run]:
    """The dataset's runs that match the filters above the table, which this draws, newest first."""
    models = sorted({run.config.model for run in context.runs})
    tags = sorted({tag for run in context.runs for tag in run.metadata.tags})
    states, chosen_models, chosen_tags = _read_known(_STATE, list(_STATES)), _read_known(_MODEL, models), _read_known(_TAG, tags)
    active = sum(map(bool, (states, chosen_models, chosen_tags)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = _search()
        # The widgets are drawn only while the panel is open: Streamlit would restore the old value of one in a closed panel.
        panel = popover(f"Filter ({active})" if active else "Filter", "runs-filter", icon=":material/filter_alt:")
    if panel.open:
        with panel:
            _pick(st.pills, "State", _STATE, list(_STATES), states, selection_mode="multi")
            _pick(st.multiselect, "Model", _MODEL, models, chosen_models, placeholder="any")
            hint = "any" if tags else "no run has tags"
            _pick(st.multiselect, "Tag", _TAG, tags, chosen_tags, placeholder=hint, disabled=not tags)
    allowed = {name for group in states for name in _STATES[group]}
    return [
        run
        for run in context.runs
        if (not states or run.status.state in allowed)
        and (not chosen_models or run.config.model in chosen_models)
        and set(chosen_tags) <= set(run.metadata.tags)
        and _matches(run, text)
    ]


def _search() -> str:
    key = f"runs-text-{url_state.adoptions()}" if url_state.adoptions() else "runs-text"
    text = st.text_input(
        "Search", _SEARCH.read(), key=key, placeholder="id, name, note, epochs=8", icon=":material/search:",
        type="search", live=True, label_visibility="collapsed",
    )  # fmt: skip
    _SEARCH.write(text if text.strip() else "")
    return text


def _pick(
    widget: Callable[..., object], label: str, parameter: Parameter[tuple[str, ...]], options: Sequence[str], values: Sequence[str],
    **settings: object,
) -> None:  # fmt: skip
    binding = bind_value(f"runs-{label.lower()}", list(values), options)
    widget(label, options, default=binding.initial, key=binding.key, on_change=binding.on_change(parameter.write), **settings)


def _read_known(parameter: Parameter[tuple[str, ...]], options: Sequence[str]) -> tuple[str, ...]:
    """The values in the address that are known; others are removed from it."""
    values = tuple(one for one in parameter.read() if one in options)
    parameter.write(values)
    return values


def _matches(run: Run, text: str) -> bool:
    """Whether every word of the search occurs in the run's id, name, note, tags or options (`epochs=8`)."""
    if not text.strip():
        return True
    options = " ".join(f"{name}={value}" for name, value in run.config.to_dict().items())
    text_of_run = f"{run.id} {run.metadata.name} {run.metadata.note} {' '.join(run.metadata.tags)} {options}".lower()
    return all(word in text_of_run for word in text.lower().split())
