"""The lens on one image, drawn by itself: what it shows, and what it says where the picture is not what was scored."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine.data.datasets import dataset
from engine.data.images import load_square
from engine.explain.cam import heatmaps
from engine.model import load

_SCRIPT = """
from dashboard.lens import lens
from engine.runs import run

found = run({run_id!r})
lens(found, found.predictions("test"), {place})
"""


def opened(run, place=0):
    at = AppTest.from_string(_SCRIPT.format(run_id=run.id, place=place), default_timeout=60)
    at.run()
    assert not at.exception, [element.value for element in at.exception]
    return at


def pictures(at):
    return [image for element in at.get("imgs") or at.image for image in element.proto.imgs]


def seen(run, row):
    """The square of a row, and the classes that its lens begins with."""
    square = load_square(dataset("scenes").catalog.get(int(row["image_id"])).file(dataset("scenes").root), run.config.image_size)
    second = int(np.argsort(-np.asarray(row["probabilities"]), kind="stable")[1])
    return square, (int(row["predicted"]), int(row["true"]) if row["true"] != row["predicted"] else second)


def words(at):
    return "\n".join(str(element.value) for kind in (at.markdown, at.caption, at.error) for element in kind).replace("\\", "")


def test_the_maps_of_two_classes_stand_beside_the_picture_with_what_the_colours_mean(trained):
    at = opened(trained)
    row = trained.predictions("test").iloc[0]
    captions = [image.caption for image in pictures(at)]
    assert captions[0] == "What the network saw"
    assert captions[1].endswith(f"speaks for {trained.classes[row['predicted']]}")
    assert pictures(at)[0].url not in {image.url for image in pictures(at)[1:]}
    maps = heatmaps(load(trained.path), *seen(trained, row))
    assert [caption.startswith("What speaks") for caption in captions[1:]] == [one.max() > 0.02 for one in maps]
    assert "equal colours are equal strengths" in words(at)
    assert f"Loss {row['loss']:.3f}" in words(at)


def test_another_class_and_a_method_without_classes_can_be_chosen(trained):
    at = opened(trained)
    other = next(
        i for i in range(4) if i not in (at.selectbox(key="lens-class-0-list").value, trained.predictions("test").iloc[0]["true"])
    )
    at.selectbox(key="lens-class-1-list").set_value(other).run()
    assert pictures(at)[2].caption.endswith(f"speaks for {trained.classes[other]}")
    at.selectbox(key="lens-method-list").set_value("eigen-cam").run()
    assert pictures(at)[1].url == pictures(at)[2].url
    assert "whatever the class" in words(at)


def test_a_dear_method_waits_for_a_click(trained):
    at = opened(trained)
    at.selectbox(key="lens-method-list").set_value("score-cam").run()
    assert pictures(at)[0].url == pictures(at)[1].url
    assert any(button.label == "Compute ScoreCAM" for button in at.button)


def test_the_smallest_cover_comes_with_what_was_tried(trained):
    at = opened(trained)
    at.button(key="lens-find").click().run()
    assert "covers were tried" in words(at) or "covers of" in words(at)


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_a_picture_that_is_not_what_was_scored_is_a_sentence_and_the_answer_stays(copied, harm, tmp_path):
    row = copied.predictions("test").iloc[0]
    data = dataset("scenes")
    file = data.catalog.get(int(row["image_id"])).file(data.root)
    before = file.read_bytes()
    try:
        file.unlink()
        if harm == "changed":
            file.write_bytes(b"another picture")
        at = opened(copied)
    finally:
        file.write_bytes(before)
    assert ("has changed since the run was scored" if harm == "changed" else "the file is gone") in words(at)
    assert not pictures(at)
    assert f"Loss {row['loss']:.3f}" in words(at)
