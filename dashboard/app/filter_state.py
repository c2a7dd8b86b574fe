"""The filter bar's state: one `Filter`, stored in the address as `filter`, and the chips that name and remove its conditions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import streamlit as st

from dashboard.app import formatting, url_state
from dashboard.app.parameters import AREA, FILTER
from engine.data.datasets import Dataset
from engine.data.filters import Filter
from engine.runs.run import Run

_DATASET = "filter-of"  # session: the dataset that the filter is about, and how many addresses were adopted by then
_MAX_CHIPS = 5  # names of a field with a chip each; more share one
_CHIP_LENGTH = 30  # characters of a name in a chip


@dataclass(frozen=True)
class Chip:
    """One condition: a key that no other has, its words, and what removes it from a filter."""

    key: str
    label: str
    remove: Callable[[Filter], Filter]


def current() -> Filter:
    """The filter in the address; parts that cannot be read are left out."""
    return FILTER.read()


def load_for_dataset(data: Dataset, run: Run | None) -> Filter:
    """The filter in the address, reduced to what this dataset knows; a caption names each part that was dropped.

    Conditions on predictions apply to the run in the page's header, whichever run the address names: the page would contradict itself.
    """
    _reset_for(data.name)
    requested, sentences = Filter.from_text(url_state.recall(FILTER.name) or "")
    if requested.run and run is not None:
        requested = replace(requested, run=run.id)
    conditions, unknown = data.catalog.check(requested)
    for sentence in [*sentences, *unknown]:
        st.caption(f":material/info: {formatting.literal(formatting.plain(sentence))}")
    put(conditions)
    return conditions


def put(conditions: Filter) -> None:
    """Write a filter into the address. Call it in a callback, or before the widgets that show the filter are drawn."""
    FILTER.write(conditions)


def clear() -> None:
    """Remove every condition and the area on the map, so that all images are shown."""
    put(Filter())
    AREA.clear()


def drop(chip: Chip) -> None:
    """Remove a condition from the filter as it is now: a second chip may be clicked before the page is drawn without the first."""
    put(chip.remove(current()))


def change(**fields: Any) -> None:
    """Replace fields of the filter in the address; when to call it, see `put`."""
    put(replace(current(), **fields))


def _reset_for(dataset: str) -> None:
    """Drop the filter when another dataset is chosen, whose classes and runs differ; an address that brings its own filter keeps it."""
    now = (dataset, url_state.adoptions())
    before = st.session_state.get(_DATASET, now)
    st.session_state[_DATASET] = now
    if before[0] != dataset and before[1] == now[1]:
        FILTER.clear()


def chips(conditions: Filter) -> list[Chip]:
    """One chip per condition, in the bar's order. Labels are plain text: names in them are untrusted."""
    return list(_chips(conditions))


def _chips(conditions: Filter) -> Iterator[Chip]:
    yield from _names(conditions, "classes", "classes", str)
    yield from _names(conditions, "splits", "splits", str)
    if conditions.state != "ok":
        yield Chip("state", conditions.state, lambda now: replace(now, state="ok"))
    yield from _names(conditions, "edited", "decisions", lambda edit: f"{edit} by hand")
    if conditions.text:
        yield Chip("text", f"path: {_cut(conditions.text)}", lambda now: replace(now, text=""))
    for r in conditions.ranges:
        yield Chip(f"range-{r.name}", str(r), lambda now, name=r.name: now.with_range(name, None, None))
    if conditions.run:
        yield from _names(conditions, "predicted", "predicted classes", lambda name: f"predicted {name}")
        if conditions.correctness:
            yield Chip("correctness", f"answered {conditions.correctness}", lambda now: replace(now, correctness=""))
    if conditions.selection:
        yield Chip("selection", "selected images", lambda now: replace(now, selection=""))


def _names(
    conditions: Filter, field: Literal["classes", "splits", "edited", "predicted"], plural: str, describe: Callable[[str], str]
) -> Iterator[Chip]:
    """One chip per name of a field, or one for all of them where there are many."""
    names: tuple[str, ...] = getattr(conditions, field)

    def without(now: Filter, gone: tuple[str, ...]) -> Filter:
        fields: dict[str, Any] = {field: tuple(name for name in getattr(now, field) if name not in gone)}
        return replace(now, **fields)

    if len(names) > _MAX_CHIPS:
        yield Chip(field, f"{len(names):,} {plural}", lambda now: without(now, names))
        return
    for name in names:
        yield Chip(f"{field}-{name}", describe(_cut(name)), lambda now, name=name: without(now, (name,)))


def _cut(name: str) -> str:
    return name if len(name) <= _CHIP_LENGTH else f"{name[: _CHIP_LENGTH - 1]}…"


def draw_chips(conditions: Filter) -> None:
    """Draw one chip per condition; a click on a chip removes its condition."""
    row = chips(conditions)
    if not row:
        return
    for chip in row:
        label = formatting.literal(formatting.plain(chip.label))
        st.button(
            f"{label} :material/close:", key=f"filter-chip-{chip.key}", help="Remove this condition", on_click=drop, args=(chip,)
        )  # fmt: skip
    st.button("Clear all", on_click=clear, type="tertiary", key="clear-filter")
