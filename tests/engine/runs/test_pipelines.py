"""Pipelines as data: text, file and name say the same, and what cannot be is refused with a sentence."""

import json

import pytest

from engine.core.errors import UserError
from engine.data import datasets
from engine.runs import pipelines
from engine.runs.config import configure
from engine.runs.pipelines import BUILT_IN, HELP, Pipeline, PipelineStep, parse_pipeline
from engine.runs.transforms import TRANSFORMS
from engine.training import launcher


@pytest.mark.parametrize("pipeline", [*BUILT_IN.values(), *(Pipeline((PipelineStep(name, 0.35),)) for name in TRANSFORMS)])
def test_a_pipeline_survives_its_text_and_its_file(pipeline, tmp_path):
    assert parse_pipeline(pipeline.text) == pipeline
    assert parse_pipeline(pipeline.recipe).steps == pipeline.steps
    (tmp_path / "shared.json").write_text(json.dumps(pipeline.to_document()), encoding="utf-8")
    assert pipelines.read(tmp_path / "shared.json") == pipeline


def test_every_built_in_pipeline_is_described():
    assert set(HELP) == set(BUILT_IN)


def test_a_named_pipeline_carries_its_steps_and_what_is_left_out_is_the_default():
    pipeline = parse_pipeline("foggy days=blur@0.3/colour:contrast=0.5")
    assert (pipeline.name, [step.transform for step in pipeline.steps]) == ("foggy days", ["blur", "colour"])
    assert pipeline.steps[0] == PipelineStep("blur", 0.3, {"sigma": 0.01})
    assert pipeline.steps[1].values == {"brightness": 0.2, "contrast": 0.5, "saturation": 0.2, "hue": 0.0}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("wild", "There is no augmentation 'wild'."),
        ("", "There is no augmentation ''."),
        ("whirl@0.5", "There is no transform 'whirl'."),
        ("flip@2", "The probability of flip is 2, which is out of bounds. It must be between 0 and 1."),
        ("flip@often", "The probability of flip is 'often', which is not a number."),
        ("crop:smallest=nan", "smallest of crop is nan, which is out of bounds. It must be between 0.05 and 1."),
        ("crop:smallest=-3", "smallest of crop is -3, which is out of bounds."),
        ("crop:largest=1", "The transform crop has no strength 'largest'. Its strengths: smallest."),
        ("flip:speed=1", "The transform flip has no strength 'speed'. Its strengths: it has none."),
        ("crop:smallest", "'smallest' sets nothing in the step crop."),
        ("gamma:low=2,high=1", "low of gamma is above its high."),
        ("/".join(["flip"] * 21), "The pipeline has 21 steps. It may have 20."),
        ("../etc/passwd", "There is no transform '..'."),
    ],
)
def test_a_text_that_says_no_pipeline_is_refused(home, text, sentence):
    with pytest.raises(UserError) as refused:
        parse_pipeline(text)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "shared.json cannot be read as a pipeline (JSONDecodeError)."),
        ("[]", "shared.json does not contain a pipeline."),
        ('{"format": "scenescope pipeline", "steps": [{}]}', "Step 1 of shared.json names no transform."),
        ('{"format": "scenescope pipeline", "steps": [{"transform": "whirl"}]}', "There is no transform 'whirl'."),
        ('{"format": "scenescope pipeline", "steps": [{"transform": "crop", "smallest": "half"}]}', "is 'half', which is not a number."),
        ('{"format": "scenescope pipeline", "steps": [{"transform": "flip", "probability": true}]}', "is True, which is not a number."),
        ('{"format": "scenescope pipeline", "steps": [], "name": "../up"}', "'../up' is not a valid name for a pipeline."),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_pipeline_is_refused(tmp_path, content, sentence):
    (tmp_path / "shared.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        pipelines.read(tmp_path / "shared.json")
    assert sentence in str(refused.value)


def test_a_saved_pipeline_is_known_by_its_name_until_it_is_deleted(home):
    made = Pipeline((PipelineStep("flip", 0.5), PipelineStep("blur")), "foggy")
    pipelines.save(made)
    assert (parse_pipeline("foggy"), pipelines.saved_names()) == (made, ["foggy"])
    pipelines.delete("foggy")
    assert pipelines.saved_names() == []
    with pytest.raises(UserError, match="There is no augmentation 'foggy'"):
        parse_pipeline("foggy")


@pytest.mark.parametrize("name", ["", "standard", "flip", "a/b", "x" * 41])
def test_a_pipeline_is_kept_only_under_a_name_of_its_own(home, name):
    with pytest.raises(UserError):
        pipelines.save(Pipeline((PipelineStep("flip"),), name))


def test_a_run_keeps_the_steps_whatever_becomes_of_the_name(home, kaggle):
    datasets.add_dataset(str(kaggle), "scenes")
    pipelines.save(Pipeline((PipelineStep("flip", 0.5),), "mine"))
    run = launcher.create(configure("scenes", "balanced", augmentation="mine"))
    pipelines.delete("mine")
    assert run.config.augmentation == "mine=flip@0.5"
    assert parse_pipeline(run.config.augmentation).steps == (PipelineStep("flip", 0.5),)
    with pytest.raises(UserError, match="There is no augmentation 'mine'"):
        configure("scenes", "balanced", augmentation="mine")


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_stronger_step_stays_within_its_bounds_and_none_is_neutral(name):
    for factor in (0, 0.5, 1, 4, 1000):
        step = PipelineStep(name).stronger(factor)
        for key, strength in step.kind.strengths.items():
            assert strength.minimum <= step.values[key] <= strength.maximum
            if factor == 0:
                assert step.values[key] == strength.neutral
    assert PipelineStep(name).stronger(1).values == pytest.approx(dict(PipelineStep(name).values))
