"""Search and filters of the table of runs, kept in the address."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.app import url_state
from dashboard.app.widgets import bind_value, popover
from dashboard.components.page_header import PageContext
from engine.core.address import Items, Name
from engine.runs.run import ACTIVE, Run

_SEARCH = "find"
_NAMES = Items(Name(), lenient=True)
_STATES = {"finished": ("finished",), "running or waiting": ACTIVE, "ended early": ("stopped", "failed", "interrupted")}


def filtered_runs(context: PageContext) -> list[Run]:
    """The dataset's runs that match the filters above the table, which this draws, newest first."""
    models = sorted({run.config.model for run in context.runs})
    tags = sorted({tag for run in context.runs for tag in run.metadata.tags})
    states, chosen_models, chosen_tags = _recall("state", list(_STATES)), _recall("model", models), _recall("tag", tags)
    active = sum(map(bool, (states, chosen_models, chosen_tags)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = _search()
        # The widgets are drawn only while the panel is open: Streamlit would restore the old value of one in a closed panel.
        panel = popover(f"Filter ({active})" if active else "Filter", "runs-filter", icon=":material/filter_alt:")
    if panel.open:
        with panel:
            _pick(st.pills, "State", "state", list(_STATES), states, selection_mode="multi")
            _pick(st.multiselect, "Model", "model", models, chosen_models, placeholder="any")
            hint = "any" if tags else "no run has tags"
            _pick(st.multiselect, "Tag", "tag", tags, chosen_tags, placeholder=hint, disabled=not tags)
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
        "Search", url_state.recall(_SEARCH) or "", key=key, placeholder="id, name, note, epochs=8", icon=":material/search:",
        type="search", live=True, label_visibility="collapsed",
    )  # fmt: skip
    if text.strip():
        url_state.remember(_SEARCH, text)
    else:
        url_state.forget(_SEARCH)
    return text


def _pick(
    widget: Callable[..., object], label: str, name: str, options: Sequence[str], values: Sequence[str], **settings: object
) -> None:
    binding = bind_value(f"runs-{name}", list(values), options)

    on_change = binding.on_change(lambda values: _store(name, values))
    widget(label, options, default=binding.initial, key=binding.key, on_change=on_change, **settings)


def _recall(name: str, options: Sequence[str]) -> list[str]:
    """The values in the address that are known; others are removed from it."""
    values = [one for one in _NAMES.decode(url_state.recall(f"run_{name}") or "") if one in options]
    _store(name, values)
    return values


def _store(name: str, values: Sequence[str]) -> None:
    if values:
        url_state.remember(f"run_{name}", _NAMES.encode(values))
    else:
        url_state.forget(f"run_{name}")


def _matches(run: Run, text: str) -> bool:
    """Whether every word of the search occurs in the run's id, name, note, tags or options (`epochs=8`)."""
    if not text.strip():
        return True
    options = " ".join(f"{name}={value}" for name, value in run.config.to_dict().items())
    text_of_run = f"{run.id} {run.metadata.name} {run.metadata.note} {' '.join(run.metadata.tags)} {options}".lower()
    return all(word in text_of_run for word in text.lower().split())
