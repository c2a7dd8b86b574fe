"""The lens on one image, drawn by itself: what it shows, and what it says where the picture is not what was scored."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import cache
from engine.data.datasets import load_dataset
from engine.data.decoding import load_square
from engine.inference.explain.cam import heatmaps
from engine.models.model import load_model

_SCRIPT = """
import streamlit as st
from dashboard.components.image_dialog import image_dialog
from engine.runs.run import load_run

found = load_run({run_id!r})
image_dialog(found, found.predictions("test").table, st.session_state.get("place", {place}))
"""


def opened(run, place=0):
    at = AppTest.from_string(_SCRIPT.format(run_id=run.id, place=place), default_timeout=60)
    at.run()
    assert not at.exception, [element.value for element in at.exception]
    return at


@dataclass(frozen=True)
class Picture:
    url: str
    caption: str
    faint: bool


def pictures(at):
    """The pictures of the dialog with their captions, as they stand in the page."""
    bodies = [element.proto.body for element in at.get("html") if element.proto.body.startswith("<figure")]
    result = [re.search(r'<img src="([^"]+)" alt="([^"]*)".*<figcaption[^>]*>(.*)</figcaption>', body) for body in bodies]
    assert all(match[2] == match[3] for match in result)
    return [Picture(match[1], match[3], "opacity:0.25" in body) for match, body in zip(result, bodies, strict=True)]


def seen(run, row):
    """The square of a row, and the classes that its lens begins with."""
    square = load_square(
        load_dataset("scenes").catalog.get(int(row["image_id"])).file(load_dataset("scenes").root), run.config.image_size
    )
    second = int(np.argsort(-np.asarray(row["probabilities"]), kind="stable")[1])
    return square, (int(row["predicted"]), int(row["true"]) if row["true"] != row["predicted"] else second)


def words(at):
    return "\n".join(str(element.value) for kind in (at.markdown, at.caption, at.error) for element in kind).replace("\\", "")


def test_the_maps_of_two_classes_stand_beside_the_picture_with_what_the_colours_mean(trained):
    at = opened(trained)
    row = trained.predictions("test").table.iloc[0]
    captions = [image.caption for image in pictures(at)]
    assert captions[0] == "What the network saw"
    assert captions[1].lower().endswith(f"evidence for {trained.classes[row['predicted']]}")
    assert pictures(at)[0].url not in {image.url for image in pictures(at)[1:]}
    maps = heatmaps(load_model(trained.path), *seen(trained, row))
    assert [caption.startswith("Evidence") for caption in captions[1:]] == [one.max() > 0.02 for one in maps]
    assert "Both maps share one scale" in words(at)
    assert f"Loss {row['loss']:.3f}" in words(at)


def test_another_class_and_a_method_without_classes_can_be_chosen(trained):
    at = opened(trained)
    other = next(
        i
        for i in range(4)
        if i not in (at.selectbox(key="lens-class-0-list").value, trained.predictions("test").table.iloc[0]["true"])
    )
    at.selectbox(key="lens-class-1-list").set_value(other).run()
    assert pictures(at)[2].caption.lower().endswith(f"evidence for {trained.classes[other]}")
    at.selectbox(key="lens-method-list").set_value("eigen-cam").run()
    assert [image.caption for image in pictures(at)] == ["What the network saw", "Where it sees something, whatever the class"]
    for place in (0, 1):
        assert at.selectbox(key=f"lens-class-{place}-list").disabled
        assert at.selectbox(key=f"lens-class-{place}-list").help == "EigenCAM has one map for all classes."
    at.selectbox(key="lens-method-list").set_value("grad-cam").run()
    assert len(pictures(at)) == 3
    assert not at.selectbox(key="lens-class-1-list").disabled


def test_a_map_that_takes_long_waits_for_a_click_and_says_that_it_is_not_computed(trained):
    at = opened(trained)
    at.selectbox(key="lens-method-list").set_value("score-cam").run()
    waiting = pictures(at)[1:]
    assert all(image.faint and image.caption.endswith(": not computed yet") for image in waiting)
    next(button for button in at.button if button.label == "Compute ScoreCAM").click().run()
    assert all("vidence for" in image.caption and not image.faint for image in pictures(at)[1:])
    assert not any(button.label in ("Compute ScoreCAM", "Stop") for button in at.button)
    at.selectbox(key="lens-method-list").set_value("grad-cam").run()
    at.selectbox(key="lens-method-list").set_value("score-cam").run()
    assert all("vidence for" in image.caption for image in pictures(at)[1:]), "what is computed is shown at once"


def test_a_request_for_one_picture_is_none_for_the_next(trained, monkeypatch):
    # As when the person goes on while it computes: the maps of the first picture are not there yet.
    computed = []
    monkeypatch.setattr(cache, "has_heatmaps", lambda *given: False)
    monkeypatch.setattr(cache, "heatmaps", lambda run, content, square, classes, by, report: computed.append((content, by)) or
                        np.zeros((len(classes), *square.shape[:2])))  # fmt: skip
    at = opened(trained)
    at.selectbox(key="lens-method-list").set_value("score-cam").run()
    next(button for button in at.button if button.label == "Compute ScoreCAM").click().run()
    first = trained.predictions("test").table.iloc[0]["content"]
    assert computed[-1] == (first, "score-cam")
    calls = len(computed)
    for place in (1, 0):
        at.session_state["place"] = place
        at.run()
        assert any(button.label == "Compute ScoreCAM" for button in at.button)
    assert len(computed) == calls


def test_the_smallest_cover_comes_with_what_was_tried(trained):
    at = opened(trained)
    at.button(key="lens-find").click().run()
    assert "were tried" in words(at)


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_a_picture_that_is_not_what_was_scored_is_a_sentence_and_the_answer_stays(copied, harm, tmp_path):
    row = copied.predictions("test").table.iloc[0]
    data = load_dataset("scenes")
    file = data.catalog.get(int(row["image_id"])).file(data.root)
    before = file.read_bytes()
    try:
        file.unlink()
        if harm == "changed":
            file.write_bytes(b"another picture")
        at = opened(copied)
    finally:
        file.write_bytes(before)
    assert ("has changed since the run was scored" if harm == "changed" else "the file is missing") in words(at)
    assert not pictures(at)
    assert f"Loss {row['loss']:.3f}" in words(at)
