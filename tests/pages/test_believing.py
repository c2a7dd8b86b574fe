"""Whether to believe a score and where it is weak, on the page; two runs compared; each where something is missing."""

import json
import shutil

import pyarrow.parquet as pq
import pytest
from tab import Tab

from engine.core.files import read_json, write_json
from engine.data.filters import Filter
from engine.data.predictions import read_predictions, write_predictions
from engine.runs.run import Run, load_run

CLOSER = [
    "Confident errors",
    "Selective prediction",
    "Conformal sets",
    "Class by class",
    "ROC and precision",
    "Near-copies",
    "Calibration",
]


def believed(tab: Tab, of: Run, **query: str) -> Tab:
    return tab.open("evaluate", dataset="scenes", run=of.id, split="test", **query)


def test_the_sceptic_is_answered_in_sentences_and_each_has_what_it_rests_on(tab, trained):
    believed(tab, trained, ask="trust")
    for said in (
        "The test images were scored once, at the end", "With so few images, the score is uncertain", "No image is also in the training set",
        "embeddings have not been computed", "expected calibration error", "have a confidence of 90% or more",
    ):  # fmt: skip
        assert said in tab.text.replace("\\", ""), said
    for closer in CLOSER:
        tab.choose("closer", closer)
        assert tab.url("closer") == closer
        assert not tab.errors


def test_a_coverage_that_is_asked_for_changes_the_sentence_above(tab, trained):
    believed(tab, trained, ask="trust", closer="Conformal sets").choose("coverage", "0.8")
    assert "should contain the true class for 80.0%" in tab.text.replace("\\", "")
    tab.choose("coverage", "0.99")
    assert "validation has too few images for 4 of 4 classes" in tab.text.replace("\\", "")


def test_on_validation_the_page_says_that_the_score_is_too_good(tab, trained):
    tab.open("evaluate", dataset="scenes", run=trained.id, split="validation", ask="trust", closer="Selective prediction")
    assert "choices were made on them, so the score is too high" in tab.text
    assert "choose the test split" in tab.text


def test_a_slice_shows_the_images_of_its_filter_and_opens_in_explore(tab, trained):
    believed(tab, trained, ask="slices", slice_by="class", slice_show="all")
    assert "class forest" in tab.widget("slice").options
    shown = {item["caption"] for item in tab.items("slice-images")}
    assert shown == {tab.widget("slice").value.partition("_")[2]}
    assert len(tab.items("slice-images")) == 6
    tab.choose("slice_by", "brightness")
    wanted, ignored = Filter.from_text(tab.widget("slice").value)
    assert [r.name for r in wanted.ranges] == ["brightness"]
    assert not ignored
    tab.press("Open in Explore")
    assert tab.at.title[0].value == "What is in the data?"
    assert Filter.from_text(tab.url("filter"))[0].splits == ("test",)
    assert Filter.from_text(tab.url("filter"))[0].ranges == wanted.ranges


def test_too_few_images_for_a_slice_is_a_sentence(tab, trained):
    believed(tab, trained, ask="slices")
    assert "No slice has 20 images: there are 24 in all." in tab.text.replace("\\", "")


def test_a_table_that_is_cut_short_is_named_and_the_page_stands(tab, copied):
    file = copied.path / "predictions-test.parquet"
    table = pq.read_table(file).to_pandas()
    table["probabilities"] = [row[:2] for row in table["probabilities"]]
    write_predictions(copied.path, "test", table, copied.classes)
    believed(tab, copied, ask="trust")
    assert "cut short: a row has 2 probabilities for 4 classes" in tab.errors.replace("\\", "")


def test_without_the_dataset_the_score_can_still_be_believed_or_not(tab, copied):
    shutil.rmtree(copied.path.parent.parent / "datasets" / "scenes", ignore_errors=True)
    tab.open("evaluate", run=copied.id, split="test", ask="trust")
    assert "This page failed" not in tab.text


@pytest.fixture
def pair(copied) -> tuple[Run, Run]:
    """The finished run, and a copy of it that mends one of its errors and makes none of its own."""
    again = copied.path.parent / "fast-2"
    shutil.copytree(copied.path, again)
    write_json(again / "config.json", {**read_json(copied.path / "config.json"), "created": copied.created + 60})
    table = read_predictions(again, "test")
    wrong = table.index[table["true"] != table["predicted"]][0]
    table.loc[wrong, "predicted"] = table.loc[wrong, "true"]
    write_predictions(again, "test", table, copied.classes)
    return copied, load_run("fast-2")


def test_two_runs_are_compared_by_verdict_classes_and_images(tab, pair):
    a, b = pair
    tab.open("runs", dataset="scenes", run=b.id).choose("against", a.id)
    assert f"{b.id} fixes 1 of {a.id}'s errors and breaks 0: +4.2 points" in tab.text.replace("\\", "")
    assert "may be chance (p = 1.00)" in tab.text.replace("\\", "")
    (image,) = tab.items("compared")
    assert image["notes"][0].startswith(f"{a.id}: ")
    tab.choose("fate", "broken")
    assert tab.items("compared") == []
    figure = tab.figure("compare-classes")
    assert json.dumps(figure).count("fixed 1, broken 0") >= 1


def test_runs_without_an_image_in_common_are_said_to_be_so(tab, pair):
    a, b = pair
    table = read_predictions(b.path, "test")
    table["content"] = [f"{i:032x}" for i in range(len(table))]
    write_predictions(b.path, "test", table, b.classes)
    tab.open("runs", dataset="scenes", run=b.id, against=a.id)
    assert "no scored images" in tab.text.replace("\\", "")


def test_the_report_is_offered_where_the_run_is_looked_at(tab, trained):
    believed(tab, trained).press("Report")
    assert "Create file" in tab.buttons
