"""A click that the browser sends before it has drawn the answer to the last one: its message still carries the old values of all other
widgets, and none of these may be taken for a choice of the person."""

import contextlib
from collections.abc import Iterator

from streamlit.testing.v1.element_tree import Button, Widget
from tab import Tab

from engine.data.filters import Filter
from engine.runs.pipelines import parse_pipeline


@contextlib.contextmanager
def late(tab: Tab) -> Iterator[None]:
    """What is done inside is done on the page as it is now, however often the server draws it anew."""
    seen = tab.at._tree
    for widget in seen:
        if isinstance(widget, Widget) and not isinstance(widget, Button):
            widget._value = widget.value  # AppTest would ask the session, which the browser cannot
    yield
    for button in seen.button:
        button._value = False  # a press is sent once
    tab.at._tree = seen


def test_conditions_that_were_cleared_stay_cleared(tab, untrained):
    wanted = Filter(classes=("sea", "forest"), splits=("train",), text="0", state="ok")
    tab.open("explore", filter=wanted.to_text()).open_panel("filter-class-panel").open_panel("filter-split-panel")
    with late(tab):
        tab.press("Clear all")
        assert tab.url("filter") is None
    tab.choose("size", "L")
    assert (tab.url("filter"), tab.url("size")) == (None, "L")
    assert tab.widget("filter-classes").value == [] and tab.widget("filter-text").value == ""


def test_two_conditions_that_are_removed_at_once_are_both_gone(tab, untrained):
    tab.open("explore", filter=Filter(classes=("sea", "forest"), splits=("train",)).to_text())
    with late(tab):
        tab.press("sea :material/close:")
    tab.press("train :material/close:")
    assert tab.url("filter") == Filter(classes=("forest",)).to_text()


def test_a_condition_that_was_set_in_a_panel_stays(tab, untrained):
    tab.open("explore", filter=Filter(classes=("sea",)).to_text()).open_panel("filter-split-panel")
    with late(tab):
        tab.choose("filter-splits", ["test"])
    tab.choose("size", "S")
    assert tab.url("filter") == Filter(classes=("sea",), splits=("test",)).to_text()


def test_steps_of_a_pipeline_that_are_switched_off_stay_off(tab, untrained):
    tab.open("augment", px="96", pipeline="standard")
    first, second = parse_pipeline("standard").steps[:2]
    with late(tab):
        tab.choose(f"step-0-0-{first.transform}-on", False)
    tab.choose(f"step-0-1-{second.transform}-on", False)
    assert [step.probability for step in parse_pipeline(tab.url("pipeline")).steps[:2]] == [0, 0]
    assert tab.widget("pipeline-choice").value == "custom (unsaved)"


def test_cells_that_were_chosen_as_a_pair_stay(tab, trained):
    tab.open("evaluate")
    pair = tab.widget("pair").options[0]
    places = [f"{trained.classes.index(name)}" for name in pair.partition("\\:")[0].split(" ⇄ ")]
    cells = f"{places[0]}-{places[1]}_{places[1]}-{places[0]}"
    with late(tab):
        tab.choose("pair", cells)
    tab.choose("numbers", "true")
    assert tab.url("cells") == cells
    with late(tab):
        tab.choose("cell-box", [])
    tab.choose("numbers", "count")
    assert tab.url("cells") is None
    assert tab.widget("pair").value is None


def test_the_view_of_a_step_back_stays(tab, untrained):
    tab.open("explore", question="look", order="path", size="S")
    with late(tab):
        tab.at.session_state["view"] |= {"question": "there", "size": "L"}  # as a step back in the history does
        tab.run()
    tab.choose("order", "brightness-")
    assert (tab.url("question"), tab.url("size"), tab.url("order")) == ("there", "L", "brightness-")
