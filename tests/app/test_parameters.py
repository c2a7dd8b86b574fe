"""Every parameter of the address: what is written is read as it was, and no text raises, whatever a person or a program puts there."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
import streamlit
from declared_parameters import declared
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.app import train_options, url_state
from dashboard.app.map_selection import FINE, Pick
from dashboard.app.url_state import Parameter
from dashboard.components.matrix.selection import CellSelection, Part
from engine.core.address import Choice, Integer, Items, Kind, Name, OrNone, Row, Text
from engine.data.filters import CORRECTNESS, STATES, Filter, Range
from engine.data.label_overlay import EDITS
from engine.data.layouts import SPLITS
from engine.data.properties import PROPERTIES
from engine.runs import pipelines
from engine.runs.config import fields
from engine.runs.pipelines import Pipeline, PipelineStep
from engine.runs.transforms import TRANSFORMS

PARAMETERS = [places[0][1] for places in declared().values()]
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=10)
NUMBERS = st.integers(0, 10**9).map(lambda millionths: millionths / 10**6)


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, unique=True, max_size=3).map(tuple)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[Range, ...]:
    names = draw(st.lists(st.sampled_from(sorted(PROPERTIES)), unique=True, max_size=3))
    ends = [
        draw(st.tuples(NUMBERS, NUMBERS).map(sorted) | st.tuples(NUMBERS, st.none()) | st.tuples(st.none(), NUMBERS))
        for _ in names
    ]
    return tuple(Range(name, *end) for name, end in sorted(zip(names, ends, strict=True)))


FILTERS = st.builds(
    Filter, splits=several(st.sampled_from(SPLITS)), classes=several(NAMES), state=st.sampled_from(STATES), text=st.just("") | NAMES,
    ranges=ranges(), run=st.just("") | NAMES, predicted=several(NAMES), correctness=st.sampled_from(("", *CORRECTNESS)),
    selection=st.just("") | NAMES, edited=several(st.sampled_from(EDITS)),
)  # fmt: skip
VERSIONS = st.from_regex("[0-9a-f]{8}", fullmatch=True)
STEPS = st.integers(-99_999, 99_999)
CORNERS = st.lists(st.tuples(STEPS, STEPS), min_size=3, max_size=12).map(lambda corners: np.array(corners, float) / FINE)
LABELS = st.tuples(st.integers(0, 99_999), st.integers(0, 99_999))
PARTS = st.tuples(*[st.none() | st.integers(0, 9999)] * 2).filter(any).map(lambda pair: Part(*pair))
WRITTEN: dict[str, st.SearchStrategy[Any]] = {
    "filter": FILTERS,
    "area": st.builds(Pick, VERSIONS, CORNERS) | st.builds(Pick, VERSIONS, among=LABELS),
    "cells": several(PARTS).map(CellSelection),
}


def values(kind: Kind[Any], name: str) -> st.SearchStrategy[Any]:
    """All values of a kind."""
    match kind:
        case Text(pattern):
            return st.from_regex(pattern, fullmatch=True)
        case Name():
            return NAMES
        case Integer(digits, signed):
            return st.integers(-(10**digits) + 1 if signed else 0, 10**digits - 1)
        case Choice(options):
            return st.sampled_from(options)
        case OrNone(item):
            return st.none() | values(item, name)
        case Items(item, _, most):
            return st.lists(values(item, name), unique=True, max_size=min(most or 4, 4)).map(tuple)
        case Row(kinds):
            return st.tuples(*(values(one, name) for one in kinds))
    return WRITTEN[name]


@pytest.fixture(autouse=True)
def _session(monkeypatch):
    monkeypatch.setattr(streamlit, "session_state", {"view": {}, "address": {}})


def at(parameter: Parameter[Any], text: str) -> Any:
    """What the parameter reads from an address with this text."""
    address = dict(parse_qsl(urlencode({parameter.name: text}), keep_blank_values=True))
    streamlit.session_state["view"] = streamlit.session_state["address"] = address
    return parameter.read()


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_is_written_is_read_as_it_was(parameter, data):
    value = data.draw(values(parameter.kind, parameter.name))
    text = parameter.kind.encode(value)
    result = at(parameter, text)
    if text:  # a value without a text is not in the address: there the default holds
        assert parameter.kind.encode(result) == text
        assert isinstance(result, Pick) or result == value
    parameter.write(value)
    assert url_state.address() == ({parameter.name: text} if text else {})


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40) | st.text("0123456789abcdef-_.~@:=,/ eno", max_size=40))
def test_no_text_raises_and_each_means_one_value(parameter, text):
    value = at(parameter, text)
    assert repr(at(parameter, parameter.kind.encode(value))) == repr(value) or value == parameter.default


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_a_default_is_what_an_empty_address_means(parameter):
    assert parameter.read() is parameter.default
    assert isinstance(parameter.kind.encode(parameter.default), str)


OPTIONS = {name: field for name, field in fields().items() if field.metadata["group"] != "Data"}


@given(st.data())
def test_changed_options_of_the_train_form_are_read_as_they_were(data):
    changes = {}
    for name in data.draw(st.lists(st.sampled_from(sorted(OPTIONS)), unique=True, max_size=4)):
        low, high, choices = (OPTIONS[name].metadata[key] for key in ("minimum", "maximum", "choices"))
        if choices:
            changes[name] = data.draw(st.sampled_from(choices))
        elif isinstance(OPTIONS[name].default, str):
            changes[name] = data.draw(st.text(st.characters(codec="utf-8"), max_size=20))
        elif isinstance(OPTIONS[name].default, float):
            changes[name] = data.draw(st.floats(low if low is not None else 0.0, high if high is not None else 1e6))
        else:
            changes[name] = data.draw(st.integers(low if low is not None else 0, high if high is not None else 10**6))
    assert train_options.from_text(train_options.to_text(changes)) == (changes, [])


@given(st.text(max_size=60) | st.text("epochs_lrmodl-~.0123456789", max_size=60))
def test_no_text_of_the_train_form_raises_and_what_cannot_be_read_is_named(text):
    changes, sentences = train_options.from_text(text)
    assert train_options.from_text(train_options.to_text(changes)) == (changes, [])
    assert len(changes) + len(sentences) <= len([part for part in text.split("~") if part])


@st.composite
def pipeline_steps(draw: st.DrawFn) -> PipelineStep:
    step = PipelineStep(draw(st.sampled_from(sorted(TRANSFORMS))), draw(st.floats(0, 1)))
    return step.stronger(draw(st.floats(0, 2)))


@given(st.lists(pipeline_steps(), max_size=4), st.from_regex(r"my [a-z0-9 .-]{0,20}[a-z]", fullmatch=True) | st.just(""))
def test_the_text_of_a_pipeline_means_that_pipeline(steps, name):
    text = Pipeline(tuple(steps), name).text
    assert pipelines.parse_pipeline(text).text == text
