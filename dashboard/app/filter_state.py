"""The filter bar's state: one `Filter`, kept in the address as `filter`, and the chips that say and remove its conditions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import streamlit as st

from dashboard.app import formatting, url_state
from dashboard.app.map_selection import AREA
from dashboard.app.widgets import show_value
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.runs.run import Run

KEY = "filter"
_OF = "filter-of"
_EACH_UP_TO = 5  # names with a chip of their own; more share one
CHIP = 30  # characters of a name in a chip


@dataclass(frozen=True)
class Chip:
    """One condition in words, and the filter without it."""

    label: str
    without: Filter


def current() -> Filter:
    """The filter that the address carries; what of it says nothing is left out."""
    return Filter.from_text(url_state.recall(KEY) or "")[0]


def load_for_dataset(data: Dataset, run: Run | None) -> Filter:
    """The filter that the address carries, without what this dataset does not know; what was left out is said.

    It asks the run of the header, whichever it was written with: the two would contradict each other.
    """
    _begin_with(data.name)
    asked, sentences = Filter.from_text(url_state.recall(KEY) or "")
    if asked.run and run is not None:
        asked = replace(asked, run=run.id)
    wanted, unknown = data.catalog.check(asked)
    for sentence in [*sentences, *unknown]:
        st.caption(f":material/info: {formatting.literal(formatting.plain(sentence))}")
    put(wanted)
    return wanted


def put(wanted: Filter) -> None:
    """Make this the filter. Call it in a callback, or before what shows the filter is drawn."""
    if text := wanted.to_text():
        url_state.remember(KEY, text)
    else:
        url_state.forget(KEY)


def clear() -> None:
    """No condition, and no area on the map: everything is shown."""
    put(Filter())
    url_state.forget(AREA)


def change(**fields: object) -> None:
    """Replace fields of the filter, as `put` does."""
    put(replace(current(), **fields))


def _begin_with(dataset: str) -> None:
    """A filter speaks of one dataset: when another is chosen, it begins without. An address brings its own."""
    now = (dataset, url_state.adoptions())
    before = st.session_state.get(_OF, now)
    st.session_state[_OF] = now
    if before[0] != dataset and before[1] == now[1]:
        url_state.forget(KEY)


def chips(wanted: Filter) -> list[Chip]:
    """Every condition of a filter, in the bar's order. Labels are plain text: names in them are untrusted."""
    return list(_chips(wanted))


def _chips(wanted: Filter) -> Iterator[Chip]:
    yield from _names(wanted, "classes", "classes", str)
    yield from _names(wanted, "splits", "splits", str)
    if wanted.state != "ok":
        yield Chip(wanted.state, replace(wanted, state="ok"))
    yield from _names(wanted, "edited", "decisions", lambda edit: f"{edit} by hand")
    if wanted.text:
        yield Chip(f"path: {_cut(wanted.text)}", replace(wanted, text=""))
    for r in wanted.ranges:
        yield Chip(str(r), wanted.with_range(r.name, None, None))
    if wanted.run:
        yield from _names(wanted, "predicted", "predicted classes", lambda name: f"predicted {name}")
        if wanted.verdict:
            yield Chip(f"answered {wanted.verdict}", replace(wanted, verdict=""))
    if wanted.selection:
        yield Chip("selected images", replace(wanted, selection=""))


def _names(wanted: Filter, field: str, many: str, say: Callable[[str], str]) -> Iterator[Chip]:
    """A chip for each name of a field, or one for all of them where they are many."""
    names = getattr(wanted, field)
    if len(names) > _EACH_UP_TO:
        yield Chip(f"{len(names):,} {many}", replace(wanted, **{field: ()}))
        return
    for name in names:
        yield Chip(say(_cut(name)), replace(wanted, **{field: tuple(other for other in names if other != name)}))


def _cut(name: str) -> str:
    return name if len(name) <= CHIP else f"{name[: CHIP - 1]}…"


def draw_chips(wanted: Filter) -> None:
    """A chip for each condition: a click on it removes it."""
    result = chips(wanted)
    if not result:
        return
    labels = [f"{formatting.literal(formatting.plain(chip.label))} :material/close:" for chip in result]

    def removed() -> None:
        gone = set(range(len(result))) - set(st.session_state["filter-chips"])
        if gone:
            put(result[min(gone)].without)

    show_value("filter-chips", list(range(len(result))), labels)
    st.pills(
        "Active filters: click to remove", list(range(len(result))), selection_mode="multi", format_func=labels.__getitem__,
        key="filter-chips", on_change=removed, label_visibility="collapsed",
    )  # fmt: skip
    st.button("Clear all", on_click=clear, type="tertiary", key="clear-filter")
