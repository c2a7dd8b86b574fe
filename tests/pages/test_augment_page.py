"""Augment: what is edited is what is drawn, in the address, kept and measured."""

import json
import re

import pytest
from tab import Tab

from dashboard import cache
from dashboard.augment.editor import default_step
from engine.runs import pipelines
from engine.runs.pipelines import Pipeline, PipelineStep, parse_pipeline
from engine.runs.transforms import TRANSFORMS


def edited(tab: Tab) -> Pipeline:
    return parse_pipeline(tab.url("pipeline"))


def test_the_same_seed_gives_the_same_draws_and_another_gives_others(tab, untrained):
    tab.open("augment", px="96", seed="3")
    first = tab.pictures()
    assert len(first) == 1 + 3 + 1, "the original, each step alone, the draws"
    tab.press("New samples")
    assert tab.url("seed") != "3"
    assert tab.pictures()[0] == first[0]
    assert tab.pictures()[-1] != first[-1]
    assert Tab().open("augment", px="96", seed="3").pictures() == first


def test_a_step_that_is_switched_off_is_drawn_no_more_and_comes_back(tab, untrained):
    tab.open("augment", px="96", pipeline="flip/blur:sigma=0.02")
    before = tab.pictures()
    tab.choose("step-0-1-blur-on", False)
    assert edited(tab).steps[1].probability == 0
    assert len(tab.pictures()) == len(before) - 1
    assert tab.pictures()[-1] != before[-1]
    tab.choose("step-0-1-blur-on", True)
    assert tab.pictures() == before


def test_moving_a_slider_changes_the_address_and_the_draws(tab, untrained):
    tab.open("augment", px="96", pipeline="standard")
    before = tab.pictures()
    tab.choose("step-0-0-crop-smallest", 0.1)
    assert edited(tab).steps[0].values["smallest"] == 0.1
    assert tab.widget("pipeline-choice").value == "custom (unsaved)"
    assert tab.pictures()[-1] != before[-1]
    tab.choose("step-0-0-crop-smallest", 0.5)
    assert (tab.url("pipeline"), tab.widget("pipeline-choice").value) == ("standard", "standard")


def test_strengths_that_cross_are_refused_and_nothing_is_lost(tab, untrained):
    tab.open("augment", px="96", pipeline="gamma:low=0.5,high=0.6")
    tab.choose("step-0-0-gamma-low", 2.0)
    assert "low of gamma is above its high" in "".join(toast.value for toast in tab.at.toast)
    assert edited(tab) == parse_pipeline("gamma:low=0.5,high=0.6")


def test_steps_are_added_moved_and_removed(tab, untrained):
    tab.open("augment", px="96", pipeline="flip/blur")
    tab.choose("add-step-0-2", "noise")
    assert [step.transform for step in edited(tab).steps] == ["flip", "blur", "noise"]
    tab.at.button(key="step-1-2-noise-up").click()
    tab.run()
    assert [step.transform for step in edited(tab).steps] == ["flip", "noise", "blur"]
    tab.at.button(key="step-2-0-flip-remove").click()
    tab.run()
    assert [step.transform for step in edited(tab).steps] == ["noise", "blur"]


def test_a_pipeline_is_kept_under_a_name_that_train_offers(tab, untrained):
    tab.open("augment", px="96", pipeline="flip@0.5/blur")
    tab.choose("save-name-0", "foggy")
    tab.press("Save")
    assert pipelines.parse_pipeline("foggy").steps == (PipelineStep("flip", 0.5), PipelineStep("blur"))
    assert tab.widget("pipeline-choice").value == "foggy"
    form = Tab().open("train", preset="balanced")
    assert any("foggy" in box.options for box in form.at.selectbox if box.label.startswith("augmentation"))
    tab.choose("pipeline-choice", "light")
    assert tab.url("pipeline") == "light"
    tab.choose("pipeline-choice", "foggy").press("Delete saved pipeline")
    assert pipelines.saved_names() == []
    assert edited(tab).steps == (PipelineStep("flip", 0.5), PipelineStep("blur"))


def test_a_damaged_address_gives_a_sentence_and_the_default(tab, untrained):
    tab.open("augment", px="96", pipeline="whirl@7")
    assert "There is no transform 'whirl'" in tab.text.replace("\\", "")
    assert tab.url("pipeline") == "standard"


def test_two_pipelines_stand_side_by_side(tab, untrained):
    tab.open("augment", px="96", pipeline="none", compare="seed", draws_of="class")
    original, ours, other = tab.pictures()
    assert ours != other


def test_mixtures_name_the_shares_of_their_classes(tab, untrained):
    tab.open("augment", px="96", pipeline="none")
    tab.choose("mixtures", True)
    shares = [caption.value for caption in tab.at.caption if " · " in caption.value]
    assert shares
    assert all(sum(int(part.split()[-1].rstrip("%")) for part in text.split(" · ")) in (99, 100, 101) for text in shares)


def test_without_a_run_the_page_says_what_would_be_measured(tab, untrained):
    assert "Train a model first" in tab.open("augment", px="96").text


def test_a_step_that_takes_the_evidence_away_is_warned_of_with_its_figures(tab, trained):
    tab.open("augment", px="96", pipeline="dropout:share=1/greyscale")
    assert not tab.at.warning
    tab.press("Measure")
    text = "".join(warning.value for warning in tab.at.warning)
    assert "**Pixel dropout** (share of the pixels 1) destroys the evidence that the model relies on" in text
    assert "95% interval" in text
    curves = json.dumps(tab.figure("withstand"))
    assert "Pixel dropout" in curves and "Greyscale" in curves


def test_a_flip_is_not_said_to_be_able_to_be_stronger(tab, trained):
    tab.open("augment", px="96", pipeline="flip@0.5/colour:brightness=0.01,contrast=0.01,saturation=0.01,hue=0").press("Measure")
    text = "\n".join(success.value for success in tab.at.success)
    stronger = [line for line in text.splitlines() if "could be stronger" in line]
    assert not any("flip" in line for line in stronger)
    assert "Horizontal flip has no strength to vary." in tab.text
    titles = [note["text"] for note in tab.figure("withstand")["layout"]["annotations"]]
    assert {"strength", "confidence in the true class"} <= set(titles)


def test_strengths_beyond_the_limit_of_a_step_are_named(tab, trained):
    tab.open("augment", px="96", pipeline="crop:smallest=0.5").press("Measure")
    assert "Random crop was not measured at 4×, which is beyond its limit." in tab.text


def test_a_change_after_measuring_marks_the_result_outdated_and_measures_nothing(tab, trained, monkeypatch):
    tab.open("augment", px="96", pipeline="blur:sigma=0.02").press("Measure")
    assert "outdated" not in tab.text
    figure = tab.figure("withstand")
    monkeypatch.setattr(cache, "augmentation_robustness", lambda *_: pytest.fail("measured without being asked"))
    tab.choose("step-0-0-blur-sigma", 0.03)
    assert "outdated" in tab.text
    assert tab.figure("withstand") == figure
    assert "Measure again" in tab.buttons
    tab.choose("step-0-0-blur-sigma", 0.02)
    assert "outdated" not in tab.text, "it is the pipeline that was measured again"


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_step_that_is_added_is_mild(name):
    step = default_step(name)
    assert step.probability <= 0.5 or name == "crop"
    if name == "gamma":
        assert step.values["low"] < 1 < step.values["high"]


def test_each_mixture_has_a_share_of_its_own(tab, untrained):
    tab.open("augment", px="96", pipeline="none", seed="0").choose("mixtures", True)
    shares = {tuple(sorted(re.findall(r"\d+%", caption.value))) for caption in tab.at.caption if " · " in caption.value}
    assert len(shares) > 2, shares


def test_a_bad_name_is_refused_at_the_field(tab, untrained):
    tab.open("augment", px="96", pipeline="flip@0.5/blur").choose("save-name-0", "My aug!")
    tab.press("Save")
    assert "My aug!" in tab.errors.replace("\\", "")
    assert not tab.at.toast
    assert pipelines.saved_names() == []


def test_a_tuned_pipeline_is_trained_with_by_a_click(tab, untrained):
    tab.open("augment", px="96", pipeline="flip@0.5/blur:sigma=0.02").press("Train with this pipeline")
    assert (tab.url("preset"), tab.at.title[0].value) == ("balanced", "How should it learn?")
    assert tab.widget("balanced-augmentation").value == "flip@0.5/blur:sigma=0.02"


def test_a_pipeline_that_is_changed_keeps_the_number_of_elements_above_its_sliders(tab, untrained):
    """An element less would mount the slider anew in the browser, in the midst of a series of arrow keys."""
    tab.open("augment", px="96", pipeline="standard")
    before = len(tab.at.caption)
    tab.choose("step-0-0-crop-smallest", 0.3)
    assert len(tab.at.caption) == before


def test_measuring_changes_no_file_of_the_run(trained):
    before = {file: file.stat().st_mtime_ns for file in trained.path.rglob("*") if file.is_file()}
    Tab().open("augment", px="96", pipeline="light").press("Measure")
    assert {file: file.stat().st_mtime_ns for file in trained.path.rglob("*") if file.is_file()} == before
