"""The panels "Training dynamics" and "Robustness": what they say is counted from the run's files."""

import numpy as np
import pytest

from engine.core.errors import UserError
from engine.evaluation import dynamics
from engine.evaluation.robustness import measurement, store, summary
from engine.evaluation.robustness.corruptions import CORRUPTIONS
from engine.runs.checkpoint import identity

_EPOCHS = 4
# What a validation image was taken for in each epoch: right (1) or wrong (0).
_STORIES = ([1, 1, 1, 1], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0])


@pytest.fixture
def story(copied):
    """The run with a story of its validation images: learnt early, late, forgotten, never, in turn; and what it says of them."""
    table = copied.predictions("validation").table
    dynamics.write_images(copied.path, table["content"].tolist(), table["true"].to_numpy())
    for epoch in range(_EPOCHS):
        rows = table.copy()
        right = np.array([_STORIES[place % 4][epoch] for place in range(len(rows))])
        rows["predicted"] = np.where(right, rows["true"], (rows["true"] + 1) % len(copied.classes))
        dynamics.write_epoch(copied.path, epoch + 1, rows)
    return copied, dynamics.summary(dynamics.read(copied.path))


def test_a_run_without_epochs_says_why_there_is_no_story(tab, trained):
    tab.open("evaluate", ask="learnt")
    assert "has no epochs" in tab.text
    assert not tab.at.error
    tab.press("Train with the preset balanced")
    assert (tab.url("preset"), tab.url("show")) == ("balanced", "new")


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_state_opens_just_its_images_and_stays_in_the_address(tab, story, split):
    run, result = story
    tab.open("evaluate", ask="learnt", split=split)
    counts = result["state"].value_counts()
    for state in ("early", "late", "forgotten", "never"):
        assert f"**{counts[state]:,}**" in tab.text
    table = run.predictions("validation").table.set_index("content")["image_id"]
    for state in ("never", "forgotten"):
        tab.choose("dynamics-state", state)
        expected = table[result[result["state"] == state]["content"]]
        assert {item["id"] for item in tab.items("learnt-pictures")} == set(expected)
        assert tab.url("learnt") == state


def test_every_image_is_in_one_bar_and_in_one_square_of_the_map(tab, story):
    run, result = story
    tab.open("evaluate", ask="learnt")
    counts = [int(text.replace(",", "")) for text in tab.figure("dynamics-bars")["data"][0]["text"]]
    assert sum(counts) == len(result)
    squares = [key for (key,) in tab.figure("dynamics-map")["data"][0]["customdata"]]
    shown = []
    for square in squares:
        tab = type(tab)().open("evaluate", ask="learnt", learnt=square)
        shown += [item["id"] for item in tab.items("learnt-pictures")]
    assert sorted(shown) == sorted(run.predictions("validation").table["image_id"])


def test_what_was_not_measured_is_offered_with_the_time_it_takes(tab, trained):
    tab.open("evaluate", ask="breaks")
    assert "has not been measured for this run" in tab.text
    assert "tested on 24 test images" in tab.text
    assert "Measure" in tab.buttons


def test_a_measurement_that_failed_says_why_and_can_be_started_again(tab, copied):
    job = measurement.job(copied, "test")

    def fail(report):
        raise UserError("The dataset is gone.", "Add it again.")

    job.run(fail)
    tab.open("evaluate", ask="breaks")
    assert "The measurement ended. The dataset is gone. Add it again." in tab.errors.replace("\\", "")
    assert "Measure" in tab.buttons


@pytest.fixture
def measured(copied):
    """The run with answers to damaged pictures: right as they are, and wrong under JPEG from severity 2 on for every third image."""
    planned = store.plan(copied, "test", copied.predictions("test"), identity(copied.path), copied.config.image_size)
    true = np.array(planned["true"])
    right = np.ones((len(true), len(store.CONDITIONS)), bool)
    jpeg = [store.CONDITIONS.index(("jpeg", severity)) for severity in (2, 3, 4, 5)]
    right[np.ix_(np.arange(0, len(true), 3), jpeg)] = False
    predicted = np.where(right, true[:, None], (true[:, None] + 1) % len(copied.classes))
    store.append(copied, "test", 0, np.where(right, 0.9, 0.2).astype(np.float32), predicted)
    return copied


def test_the_worst_damage_is_named_with_the_images_that_break_first_as_they_look_then(tab, measured):
    tab.open("evaluate", ask="breaks")
    answers = store.read(measured, "test")
    assert summary.sentence(answers).startswith("JPEG hurts most")
    assert "JPEG hurts most" in tab.text.replace("\\", "")
    broken = summary.first_broken(answers, "jpeg")
    items = tab.items("broken")
    assert [item["id"] for item in items] == broken["image_id"].tolist()
    assert all(f"/jpeg-2-{measured.config.image_size}.jpg" in item["src"] for item in items)
    assert items[0]["notes"][0] == "flips at severity 2"
    panels = {point[0] for trace in tab.figure("damage-curves")["data"] for point in trace.get("customdata") or []}
    assert panels == set(CORRUPTIONS)
    tab.choose("damage", "noise")
    assert tab.url("damage") == "noise"
    assert tab.items("broken") == []
