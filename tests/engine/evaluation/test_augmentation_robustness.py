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
        predictor = load_model(result.path)
        images = scoring.split_images(load_dataset("scenes"), "validation", result.classes)
        return predictor, images, augmentation_robustness.load_sample(images, predictor.meta.image_size, count=8)


def test_the_sample_is_even_over_the_classes_and_always_the_same(measured):
    predictor, images, sample = measured
    again = augmentation_robustness.load_sample(images, predictor.meta.image_size, count=8)
    assert np.array_equal(sample.squares, again.squares)
    assert np.bincount(sample.labels).max() - np.bincount(sample.labels).min() <= 1


def test_black_pictures_hurt_and_a_step_without_strength_does_not(measured):
    predictor, _, sample = measured
    steps = parse_pipeline("dropout@0.2:share=1/colour:brightness=0,contrast=0,saturation=0").steps
    rows = pd.DataFrame(measure_steps(predictor, sample, steps))
    assert len(rows) == count_rows(steps)
    black, same = rows[rows["step"] == 0], rows[rows["step"] == 1]
    squares = np.zeros_like(sample.squares)
    expected = predictor.probabilities(squares)[np.arange(len(squares)), sample.labels].mean()
    assert black[black["factor"] == 1.0]["confidence"].item() == pytest.approx(expected, abs=1e-6)
    assert same["drop"].abs().max() == 0
    assert (verdict(black), verdict(same)) == ("hurts", "withstood")


def test_the_loss_is_paired_and_lies_in_its_interval(measured):
    predictor, _, sample = measured
    rows = pd.DataFrame(measure_steps(predictor, sample, parse_pipeline("noise:sigma=0.3").steps))
    assert rows["factor"].tolist() == [f for f in FACTORS if f != 4.0], "four times is beyond the bounds, like twice"
    assert np.allclose(rows["plain"] - rows["confidence"], rows["drop"])
    assert ((rows["low"] <= rows["drop"]) & (rows["drop"] <= rows["high"])).all()
    assert (rows["n"] == len(sample.labels)).all()


def test_a_step_is_measured_as_if_it_were_certain(measured):
    predictor, _, sample = measured
    seldom, always = (pd.DataFrame(measure_steps(predictor, sample, [PipelineStep("greyscale", often)])) for often in (0.05, 1.0))
    pd.testing.assert_frame_equal(seldom, always)


def test_no_pictures_make_an_empty_sample(measured):
    predictor, images, _ = measured
    gone = scoring.LabelledImages(images.frame, [file.with_suffix(".gone") for file in images.files], images.labels)
    assert isinstance(empty := augmentation_robustness.load_sample(gone, predictor.meta.image_size), LabelledSquares)
    assert empty.squares.shape == (0, predictor.meta.image_size, predictor.meta.image_size, 3)
