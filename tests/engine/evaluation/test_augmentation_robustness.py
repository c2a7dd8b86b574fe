"""What a model withstands: paired by image, measured on pictures that it was not trained on, said where it hurts."""

import numpy as np
import pandas as pd
import pytest

from engine.data.datasets import load_dataset
from engine.evaluation import scoring
from engine.evaluation.robustness import augmentation_robustness
from engine.evaluation.robustness.augmentation_robustness import FACTORS, LabelledSquares, count_rows, measure_steps, verdict
from engine.models.model import load_model
from engine.runs.pipelines import PipelineStep, parse_pipeline
from engine.runs.run import load_run

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def measured(finished_session):
    """A run and validation pictures for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCENESCOPE_HOME", str(finished_session.home))
        result = load_run(finished_session.run_id)
        answering = load_model(result.path)
        images = scoring.split_images(load_dataset("scenes"), "validation", result.classes)
        return answering, images, augmentation_robustness.load_sample(images, answering.meta.image_size, count=8)


def test_the_sample_is_even_over_the_classes_and_always_the_same(measured):
    answering, images, pictures = measured
    again = augmentation_robustness.load_sample(images, answering.meta.image_size, count=8)
    assert np.array_equal(pictures.squares, again.squares)
    assert np.bincount(pictures.labels).max() - np.bincount(pictures.labels).min() <= 1


def test_black_pictures_hurt_and_a_step_without_strength_does_not(measured):
    answering, _, pictures = measured
    steps = parse_pipeline("dropout@0.2:share=1/colour:brightness=0,contrast=0,saturation=0").steps
    rows = pd.DataFrame(measure_steps(answering, pictures, steps))
    assert len(rows) == count_rows(steps)
    black, same = rows[rows["step"] == 0], rows[rows["step"] == 1]
    squares = np.zeros_like(pictures.squares)
    expected = answering.probabilities(squares)[np.arange(len(squares)), pictures.labels].mean()
    assert black[black["factor"] == 1.0]["confidence"].item() == pytest.approx(expected, abs=1e-6)
    assert same["drop"].abs().max() == 0
    assert (verdict(black), verdict(same)) == ("hurts", "withstood")


def test_the_loss_is_paired_and_lies_in_its_interval(measured):
    answering, _, pictures = measured
    rows = pd.DataFrame(measure_steps(answering, pictures, parse_pipeline("noise:sigma=0.3").steps))
    assert rows["factor"].tolist() == [f for f in FACTORS if f != 4.0], "four times is beyond the bounds, like twice"
    assert np.allclose(rows["plain"] - rows["confidence"], rows["drop"])
    assert ((rows["low"] <= rows["drop"]) & (rows["drop"] <= rows["high"])).all()
    assert (rows["n"] == len(pictures.labels)).all()


def test_a_step_is_measured_as_if_it_were_certain(measured):
    answering, _, pictures = measured
    seldom, always = (
        pd.DataFrame(measure_steps(answering, pictures, [PipelineStep("greyscale", often)])) for often in (0.05, 1.0)
    )
    pd.testing.assert_frame_equal(seldom, always)


def test_no_pictures_make_an_empty_sample(measured):
    answering, images, _ = measured
    gone = scoring.LabelledImages(images.frame, [file.with_suffix(".gone") for file in images.files], images.labels)
    assert isinstance(empty := augmentation_robustness.load_sample(gone, answering.meta.image_size), LabelledSquares)
    assert empty.squares.shape == (0, answering.meta.image_size, answering.meta.image_size, 3)
